package repository

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"nof0/entities"
)

// Conversations keeps threads and their messages.
type Conversations struct{ base }

// Thread is a conversation with its messages in order.
type Thread struct {
	entities.Conversation
	Messages []entities.ConversationMessage
}

// isThread is spelled out: a plan that is kept for any parameter cannot use the
// index of the threads.
const isThread = "kind = '" + entities.ConversationThread + "'"

// NewestThreads returns the n threads with the newest messages, newest first,
// ties by id descending, each whole. The messages of decision cycles are no
// thread.
func (r Conversations) NewestThreads(ctx context.Context, n int) ([]Thread, error) {
	return r.ThreadsBefore(ctx, nil, n)
}

// ThreadsBefore returns up to n threads that stand after the given one in the
// order of NewestThreads; the first ones where it is nil.
func (r Conversations) ThreadsBefore(ctx context.Context, last *Thread, n int) (threads []Thread, err error) {
	err = r.run(ctx, "conversations", "ThreadsBefore", func(db *gorm.DB) error {
		// Threads without a message come last, and are asked for only where
		// there are too few others: no index has them at its end.
		var found []entities.Conversation
		if last == nil || last.LastMessageAt != nil {
			query := db.Where(isThread).Where("last_message_at IS NOT NULL")
			if last != nil {
				query = query.Where(`(last_message_at, id COLLATE "C") < (?, ?)`, last.LastMessageAt, last.ID)
			}
			if err := query.Order(`last_message_at DESC, id COLLATE "C" DESC`).Limit(n).Find(&found).Error; err != nil {
				return err
			}
		}
		if len(found) < n {
			query := db.Where(isThread).Where("last_message_at IS NULL")
			if last != nil && last.LastMessageAt == nil {
				query = query.Where(`id COLLATE "C" < ?`, last.ID)
			}
			var empty []entities.Conversation
			if err := query.Order(`id COLLATE "C" DESC`).Limit(n - len(found)).Find(&empty).Error; err != nil {
				return err
			}
			found = append(found, empty...)
		}
		threads, err = withMessages(db, found)
		return err
	})
	return threads, err
}

// withMessages loads the messages of conversations.
func withMessages(db *gorm.DB, found []entities.Conversation) (threads []Thread, err error) {
	if len(found) == 0 {
		return nil, nil
	}
	ids := make([]string, len(found))
	at := make(map[string]int, len(found))
	for i, c := range found {
		threads = append(threads, Thread{Conversation: c})
		ids[i], at[c.ID] = c.ID, i
	}
	var messages []entities.ConversationMessage
	err = db.Where("conversation_id IN ?", ids).
		Order(inThread).Find(&messages).Error
	for _, m := range messages {
		t := &threads[at[m.ConversationID]]
		t.Messages = append(t.Messages, m)
	}
	return threads, err
}

// Append adds the messages of a conversation that are not stored yet, and the
// conversation itself where it is new. Messages of one moment stand in the
// order of their sequence, of which the highest that any caller gave holds: one
// who saw only the last of them counts from there.
func (r Conversations) Append(ctx context.Context, c entities.Conversation, messages []entities.ConversationMessage) (outcome Outcome, err error) {
	err = r.run(ctx, "conversations", "Append", func(db *gorm.DB) error {
		for i := range messages {
			messages[i].ConversationID = c.ID
			if at := messages[i].Time; c.LastMessageAt == nil || at.After(*c.LastMessageAt) {
				c.LastMessageAt = &at
			}
		}
		created, err := registerAll(db, []entities.Conversation{c})
		if err != nil {
			return err
		}
		changed, err := r.putMessages(db, messages)
		if err != nil {
			return err
		}
		switch {
		case len(created) > 0:
			outcome = Inserted
			return nil
		case changed:
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

// putMessages inserts the messages that are not stored and raises the sequence
// of those that are.
func (r Conversations) putMessages(db *gorm.DB, messages []entities.ConversationMessage) (changed bool, err error) {
	table, err := tableOf[entities.ConversationMessage](db)
	if err != nil {
		return false, err
	}
	distinct := slices.CompactFunc(table.sorted(messages), func(a, b keyed) bool { return a.key == b.key })
	var later []entities.ConversationMessage
	outcomes, err := insertFacts(db, pick(messages, distinct), func(stored, given *entities.ConversationMessage) bool {
		if given.Sequence > stored.Sequence {
			later = append(later, *given)
		}
		return true
	})
	if err != nil {
		return false, err
	}
	moved, err := moves(db, later)
	if err != nil {
		return false, err
	}
	return moved || slices.Contains(outcomes, Inserted), upsert(db,
		raise("competition_id, conversation_id, time, role, content_digest", "sequence")+
			" WHERE excluded.sequence > conversation_messages.sequence", later)
}

// moves reports whether messages stand elsewhere among those of their moment
// once their sequences are raised.
func moves(db *gorm.DB, raised []entities.ConversationMessage) (bool, error) {
	if len(raised) == 0 {
		return false, nil
	}
	to := make(map[string]int64, len(raised))
	times := make([]time.Time, len(raised))
	nameOf := func(m *entities.ConversationMessage) string {
		return fmt.Sprint(m.Time.UnixMicro(), m.Role, m.ContentDigest)
	}
	for i := range raised {
		to[nameOf(&raised[i])], times[i] = raised[i].Sequence, raised[i].Time
	}
	var stored []entities.ConversationMessage
	err := db.Where("conversation_id = ? AND time IN ?", raised[0].ConversationID, times).Find(&stored).Error
	order := func() (names []string) {
		slices.SortFunc(stored, CompareMessages)
		for i := range stored {
			names = append(names, nameOf(&stored[i]))
		}
		return names
	}
	before := order()
	for i := range stored {
		stored[i].Sequence = max(stored[i].Sequence, to[nameOf(&stored[i])])
	}
	return !slices.Equal(before, order()), err
}
