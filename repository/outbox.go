package repository

import (
	"cmp"
	"context"
	"slices"
	"time"

	"gorm.io/gorm"

	"nof0/entities"
)

// Outbox keeps the events that announce committed facts, from the transaction
// of the fact until a day after they were relayed.
type Outbox struct{ base }

// Append adds events in their order, each of the bound competition where it names
// none. It runs in the transaction of the facts, later: the events hear nothing of the
// ids that they get.
func (r Outbox) Append(ctx context.Context, events []entities.OutboxEvent) error {
	if len(events) == 0 {
		return nil
	}
	for i := range events {
		events[i].CompetitionID = cmp.Or(events[i].CompetitionID, r.competition)
	}
	return r.run(ctx, "outbox", "Append", func(db *gorm.DB) error {
		table, err := tableOf[entities.OutboxEvent](db)
		for some := range slices.Chunk(events, maxBatch) {
			if err == nil {
				_, err = insert(later(db), table, some, "")
			}
		}
		return err
	})
}

// Pending returns the models that have events to relay; "" stands for events
// of no model.
func (r Outbox) Pending(ctx context.Context) (models []string, err error) {
	err = r.run(ctx, "outbox", "Pending", func(db *gorm.DB) error {
		// One probe of the index per model, however many events wait.
		return db.Raw(`
			WITH RECURSIVE waiting AS (
				(SELECT model_id FROM outbox_events WHERE relayed_at IS NULL ORDER BY model_id LIMIT 1)
				UNION ALL
				SELECT (SELECT o.model_id FROM outbox_events o
					WHERE o.relayed_at IS NULL AND o.model_id > w.model_id ORDER BY o.model_id LIMIT 1)
				FROM waiting w WHERE w.model_id IS NOT NULL
			)
			SELECT model_id FROM waiting WHERE model_id IS NOT NULL`).Scan(&models).Error
	})
	return models, err
}

// Claim returns the oldest events of models that are not relayed yet, up to limit of each,
// in the order of their ids, and keeps other relays from those models until the
// transaction ends. It returns none of a model that another relay is at. What the
// transaction does is planned by how large the tables are by then: the plan of a season's
// first events, which a session would keep until they are analyzed, reads all of them for
// each of them.
func (r Outbox) Claim(ctx context.Context, models []string, limit int) (events []entities.OutboxEvent, err error) {
	err = r.run(ctx, "outbox", "Claim", func(db *gorm.DB) error {
		if err := later(db).Exec("SELECT set_config('plan_cache_mode', 'force_custom_plan', true)").Error; err != nil {
			return err
		}
		q := queries{db: db}
		var claimed []entities.OutboxEvent
		q.find(&claimed, "SELECT m.id AS model_id FROM unnest(CAST(? AS text[])) AS m (id) WHERE "+relayLock.tried("m.id"), &models)
		// A statement of its own: it sees what whoever held the locks before has committed.
		q.find(&events, `
			SELECT `+columnsOf[entities.OutboxEvent](db, "oldest")+`
			FROM unnest(CAST(? AS text[])) AS m (id)
			CROSS JOIN LATERAL (
				SELECT * FROM outbox_events WHERE relayed_at IS NULL AND model_id = m.id ORDER BY id LIMIT ?
			) oldest
			ORDER BY oldest.id`, &models, limit)
		err := q.run()
		events = slices.DeleteFunc(events, func(e entities.OutboxEvent) bool {
			return !slices.ContainsFunc(claimed, func(c entities.OutboxEvent) bool { return c.ModelID == e.ModelID })
		})
		return err
	})
	return events, err
}

// MarkRelayed gives events, in the order of their ids, their places in the
// order of all events, where they have none. That order is the order of commits: whoever
// has read up to a sequence has missed nothing before it. To that end relays wait
// for each other here, until the transaction ends, so it should be the last
// thing the transaction does. It happens later.
func (r Outbox) MarkRelayed(ctx context.Context, events []entities.OutboxEvent, at time.Time) error {
	if len(events) == 0 {
		return nil
	}
	ids := make([]int64, len(events))
	for i, e := range events {
		ids[i] = e.ID
	}
	return r.run(ctx, "outbox", "MarkRelayed", func(db *gorm.DB) error {
		return order(later(db), "relayed_at = ?, updated_at = ?", "id = ANY (?)", at, at, &ids).Error
	})
}

// Order gives all committed events their places that have none, as MarkRelayed does,
// without saying that they are relayed. It returns how many these were.
func (r Outbox) Order(ctx context.Context, at time.Time) (ordered int64, err error) {
	err = r.run(ctx, "outbox", "Order", func(db *gorm.DB) error {
		res := order(db, "updated_at = ?", "sequence IS NULL", at)
		ordered = res.RowsAffected
		return res.Error
	})
	return ordered, err
}

// order gives the events of a condition their places, and sets more of their columns.
func order(db *gorm.DB, set, of string, args ...any) *gorm.DB {
	if err := sequenceLock.wait(later(db)); err != nil {
		_ = db.AddError(err)
		return db
	}
	return db.Exec(`
		UPDATE outbox_events o
		SET sequence = coalesce(o.sequence, last.sequence + ordered.place), `+set+`
		FROM (SELECT id, row_number() OVER (PARTITION BY sequence IS NULL ORDER BY id) AS place FROM outbox_events WHERE `+of+`) ordered,
			(SELECT coalesce(max(sequence), 0) AS sequence FROM outbox_events) last
		WHERE o.id = ordered.id`, args...)
}

// Since returns events past a sequence, in order.
func (r Outbox) Since(ctx context.Context, sequence int64, limit int) (events []entities.OutboxEvent, err error) {
	err = r.run(ctx, "outbox", "Since", func(db *gorm.DB) error {
		return db.Where("sequence > ?", sequence).Order("sequence").Limit(limit).Find(&events).Error
	})
	return events, err
}

// Bounds returns the sequences of the oldest and the newest event that are kept; 0 and 0 before the first.
func (r Outbox) Bounds(ctx context.Context) (oldest, newest int64, err error) {
	err = r.run(ctx, "outbox", "Bounds", func(db *gorm.DB) error {
		return db.Raw("SELECT coalesce(min(sequence), 0), coalesce(max(sequence), 0) FROM outbox_events").
			Row().Scan(&oldest, &newest)
	})
	return oldest, newest, err
}

// WasUntagged reports whether an event was relayed before the ids of events on the
// stream named the database: a client may hold its sequence alone.
func (r Outbox) WasUntagged(ctx context.Context, sequence int64) (was bool, err error) {
	err = r.run(ctx, "outbox", "WasUntagged", func(db *gorm.DB) error {
		return db.Raw(`SELECT EXISTS (
			SELECT 1 FROM outbox_events e CROSS JOIN store_identity i
			WHERE e.sequence = ? AND e.relayed_at < i.untagged_until)`, sequence).Scan(&was).Error
	})
	return was, err
}

// TypesSince returns, by type, the sequence of the newest relayed event past a
// sequence: of the types ofAccounts the newest of the competition.
func (r Outbox) TypesSince(ctx context.Context, sequence int64, ofAccounts []string) (newest map[string]int64, err error) {
	err = r.run(ctx, "outbox", "TypesSince", func(db *gorm.DB) error {
		var found []entities.OutboxEvent
		newest = make(map[string]int64)
		err := db.Select("type, max(sequence) AS sequence").
			Where("sequence > ? AND (competition_id = ? OR type NOT IN ?)", sequence, r.competition, ofAccounts).Group("type").Find(&found).Error
		for _, e := range found {
			newest[e.Type] = *e.Sequence
		}
		return err
	})
	return newest, err
}

// Waiting is how many events of a type wait for their place in the order, and the newest id
// among them: whoever has seen the same before has seen all of them.
type Waiting struct{ Count, Newest int64 }

// WaitingSince returns, by type, the events that have waited for their place since
// before a time: of the types ofAccounts those of the competition.
func (r Outbox) WaitingSince(ctx context.Context, before time.Time, ofAccounts []string) (waiting map[string]Waiting, err error) {
	err = r.run(ctx, "outbox", "WaitingSince", func(db *gorm.DB) error {
		var found []struct {
			Type string
			Waiting
		}
		err := db.Raw(`
			SELECT type, count(*) AS count, max(id) AS newest FROM outbox_events
			WHERE sequence IS NULL AND created_at < ? AND (competition_id = ? OR type NOT IN ?)
			GROUP BY type`, before, r.competition, ofAccounts).Scan(&found).Error
		waiting = make(map[string]Waiting, len(found))
		for _, w := range found {
			waiting[w.Type] = w.Waiting
		}
		return err
	})
	return waiting, err
}

// Behind returns how many events of some types, past a sequence or without a place
// yet, there are, and since when the oldest; a zero time where there is
// none.
func (r Outbox) Behind(ctx context.Context, sequence int64, types []string) (events int64, since time.Time, err error) {
	err = r.run(ctx, "outbox", "Behind", func(db *gorm.DB) error {
		var oldest *time.Time
		err := db.Raw(`
			SELECT count(*), min(created_at) FROM (
				SELECT created_at FROM outbox_events WHERE sequence > ? AND type IN ?
				UNION ALL
				SELECT created_at FROM outbox_events WHERE sequence IS NULL AND type IN ?
			) behind`, sequence, types, types).Row().Scan(&events, &oldest)
		if oldest != nil {
			since = *oldest
		}
		return err
	})
	return events, since, err
}

// Lag returns how many events wait to be relayed and since when the oldest
// does; a zero time where none waits.
func (r Outbox) Lag(ctx context.Context) (waiting int64, since time.Time, err error) {
	err = r.run(ctx, "outbox", "Lag", func(db *gorm.DB) error {
		var oldest *time.Time
		err := db.Raw("SELECT count(*), min(created_at) FROM outbox_events WHERE relayed_at IS NULL").
			Row().Scan(&waiting, &oldest)
		if oldest != nil {
			since = *oldest
		}
		return err
	})
	return waiting, since, err
}

// Prune removes events that were relayed before a time, and returns how many.
// The newest stays, so that the sequence goes on from it.
func (r Outbox) Prune(ctx context.Context, before time.Time) (removed int64, err error) {
	err = r.run(ctx, "outbox", "Prune", func(db *gorm.DB) error {
		res := db.Where(`relayed_at < ? AND sequence < (SELECT max(sequence) FROM outbox_events)`, before).
			Delete(&entities.OutboxEvent{})
		removed = res.RowsAffected
		return res.Error
	})
	return removed, err
}
