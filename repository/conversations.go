package repository

import (
	"context"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"nof0/entities"
)

// Conversations keeps threads and their messages.
type Conversations struct{ base }

// Thread is a conversation with its messages in order.
type Thread struct {
	entities.Conversation
	Messages []entities.ConversationMessage
}

// NewestThreads returns the n threads with the newest messages, newest first,
// each whole. The messages of decision cycles are no thread.
func (r Conversations) NewestThreads(ctx context.Context, n int) (threads []Thread, err error) {
	err = r.run(ctx, "conversations", "NewestThreads", func(db *gorm.DB) error {
		var found []entities.Conversation
		err := db.Where("kind = ?", entities.ConversationThread).
			Order("last_message_at DESC NULLS LAST, id DESC").Limit(n).Find(&found).Error
		if err != nil || len(found) == 0 {
			return err
		}
		ids := make([]string, len(found))
		at := make(map[string]int, len(found))
		for i, c := range found {
			threads = append(threads, Thread{Conversation: c})
			ids[i], at[c.ID] = c.ID, i
		}
		var messages []entities.ConversationMessage
		err = db.Where("conversation_id IN ?", ids).
			Order("conversation_id, time, sequence, role, content_digest").Find(&messages).Error
		for _, m := range messages {
			t := &threads[at[m.ConversationID]]
			t.Messages = append(t.Messages, m)
		}
		return err
	})
	return threads, err
}

// Append adds the messages of a conversation that are not stored yet, and the
// conversation itself where it is new.
func (r Conversations) Append(ctx context.Context, c entities.Conversation, messages []entities.ConversationMessage) (outcome Outcome, err error) {
	err = r.run(ctx, "conversations", "Append", func(db *gorm.DB) error {
		for i := range messages {
			messages[i].ConversationID = c.ID
			if at := messages[i].Time; c.LastMessageAt == nil || at.After(*c.LastMessageAt) {
				c.LastMessageAt = &at
			}
		}
		created := db.Clauses(clause.OnConflict{DoNothing: true}).Create(&c)
		if created.Error != nil {
			return created.Error
		}
		outcomes, err := insertFacts(db, messages, func(_, _ *entities.ConversationMessage) bool { return true })
		if err != nil {
			return err
		}
		switch {
		case created.RowsAffected > 0:
			outcome = Inserted
			return nil
		case slices.Contains(outcomes, Inserted):
			outcome = Updated
		default:
			outcome = Unchanged
			return nil
		}
		return db.Model(&entities.Conversation{}).
			Where("id = ? AND (last_message_at IS NULL OR last_message_at < ?)", c.ID, c.LastMessageAt).
			Updates(map[string]any{"last_message_at": c.LastMessageAt, "extra": c.Extra}).Error
	})
	return outcome, err
}
