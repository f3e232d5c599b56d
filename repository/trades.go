package repository

import (
	"context"

	"gorm.io/gorm"

	"nof0/entities"
)

// Trades keeps the closed trades. A trade never changes once seen.
type Trades struct{ base }

// Insert adds trades and moves the statistics of their models by those that
// are new. It must run inside a transaction, so that the two agree. It is for
// imports; ingest brings trades by Trading.Fills.
func (r Trades) Insert(ctx context.Context, trades []entities.Trade) (outcomes []Outcome, err error) {
	err = r.run(ctx, "trades", "Insert", func(db *gorm.DB) error {
		outcomes, err = insertFacts(db, trades, func(a, b *entities.Trade) bool { return sameRow(a, b) })
		if err != nil {
			return err
		}
		var added []entities.Trade
		for i, o := range outcomes {
			if o == Inserted {
				added = append(added, trades[i])
			}
		}
		return addStats(db, added, false)
	})
	return outcomes, err
}

// Newest returns the newest n trades of each model: by model, newest exit
// first, ties by id descending.
func (r Trades) Newest(ctx context.Context, n int) (trades []entities.Trade, err error) {
	err = r.run(ctx, "trades", "Newest", func(db *gorm.DB) error {
		return db.Raw(`
			SELECT `+columnsOf[entities.Trade](db, "newest")+`
			FROM models m
			CROSS JOIN LATERAL (
				SELECT *
				FROM trades t
				WHERE t.competition_id = @competition AND t.model_id = m.id
				ORDER BY `+newestTrades+`
				LIMIT ?
			) newest
			ORDER BY newest.`+byModel+`, newest.exit_time DESC, newest.id COLLATE "C" DESC`, n, in(db)).Scan(&trades).Error
	})
	return trades, err
}

// Before returns up to n trades of a model that stand after the given one in
// the order of time, newest exit first; the first ones where it is nil.
func (r Trades) Before(ctx context.Context, model string, last *entities.Trade, n int) (trades []entities.Trade, err error) {
	err = r.run(ctx, "trades", "Before", func(db *gorm.DB) error {
		query := db.Where("model_id = ?", model)
		if last != nil {
			query = query.Where(`(exit_time, id COLLATE "C") < (?, ?)`, last.ExitTime, last.ID)
		}
		return query.Order(newestTrades).Limit(n).Find(&trades).Error
	})
	return trades, err
}
