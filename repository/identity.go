package repository

import (
	"context"
	"slices"

	"gorm.io/gorm"

	"nof0/entities"
)

// The Find methods look facts up by their identity, of which the rows that are
// handed in need hold no more. They return the stored row of each in its place,
// nil where none is stored.

// Find looks up trades by model and id.
func (r Trades) Find(ctx context.Context, like []entities.Trade) (found []*entities.Trade, err error) {
	err = r.run(ctx, "trades", "Find", func(db *gorm.DB) error {
		found, err = findAll(db, like)
		return err
	})
	return found, err
}

// Find looks up equity snapshots by model and time.
func (r Equity) Find(ctx context.Context, like []entities.AccountEquitySnapshot) (found []*entities.AccountEquitySnapshot, err error) {
	err = r.run(ctx, "equity", "Find", func(db *gorm.DB) error {
		found, err = findAll(db, like)
		return err
	})
	return found, err
}

// Find looks up decision cycles by model and id.
func (r Decisions) Find(ctx context.Context, like []entities.DecisionCycle) (found []*entities.DecisionCycle, err error) {
	err = r.run(ctx, "decisions", "Find", func(db *gorm.DB) error {
		found, err = findAll(db, like)
		return err
	})
	return found, err
}

// FindTicks looks up ticks by provider, symbol and time.
func (r Prices) FindTicks(ctx context.Context, like []entities.PriceTick) (found []*entities.PriceTick, err error) {
	err = r.run(ctx, "prices", "FindTicks", func(db *gorm.DB) error {
		found, err = findAll(db, like)
		return err
	})
	return found, err
}

// Find looks up threads by id, each with its messages in order.
func (r Conversations) Find(ctx context.Context, ids []string) (found []*Thread, err error) {
	err = r.run(ctx, "conversations", "Find", func(db *gorm.DB) error {
		found = make([]*Thread, len(ids))
		for at := range slices.Chunk(slices.Sorted(slices.Values(ids)), maxBatch) {
			var rows []entities.Conversation
			if err := db.Where(isThread).Where("id IN ?", at).Find(&rows).Error; err != nil {
				return err
			}
			var messages []entities.ConversationMessage
			err := db.Where("conversation_id IN ?", at).
				Order(inThread).Find(&messages).Error
			if err != nil {
				return err
			}
			for _, row := range rows {
				thread := &Thread{Conversation: row}
				for _, m := range messages {
					if m.ConversationID == row.ID {
						thread.Messages = append(thread.Messages, m)
					}
				}
				for i, id := range ids {
					if id == row.ID {
						found[i] = thread
					}
				}
			}
		}
		return nil
	})
	return found, err
}

func findAll[T any](db *gorm.DB, like []T) ([]*T, error) {
	table, err := tableOf[T](db)
	if err != nil {
		return nil, err
	}
	found := make([]*T, len(like))
	for at := range slices.Chunk(table.sorted(like), table.batch) {
		known, err := loadByKey(db, table, like, at)
		if err != nil {
			return nil, err
		}
		for _, k := range at {
			found[k.at] = known[k.key]
		}
	}
	return found, nil
}
