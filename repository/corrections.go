package repository

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"gorm.io/gorm"

	"nof0/entities"
)

// Corrections keeps which facts operators have voided or replaced, and what was
// there before. Whatever inserts facts asks it, so that no sender and no import
// brings back what was corrected.
type Corrections struct{ base }

// FactRef is the identity of a fact that can be corrected.
type FactRef struct{ Kind, Model, ID string }

// EquityFactID is the id of an equity row: its time in unix seconds.
func EquityFactID(at time.Time) string {
	return strconv.FormatFloat(float64(at.UnixMicro())/1e6, 'f', -1, 64)
}

// RefOf is the identity of a row; ok is false where its kind is not corrected.
func RefOf(row any) (ref FactRef, ok bool) {
	switch r := row.(type) {
	case *entities.Trade:
		return FactRef{entities.CorrectTrade, r.ModelID, r.ID}, true
	case *entities.AccountEquitySnapshot:
		return FactRef{entities.CorrectEquity, r.ModelID, EquityFactID(r.ObservedAt)}, true
	case *entities.DecisionCycle:
		return FactRef{entities.CorrectDecision, r.ModelID, r.ID}, true
	}
	return ref, false
}

// Explain says what a correction did, when, by whom and why.
func Explain(c *entities.Correction) string {
	did := map[string]string{entities.CorrectionVoid: "voided", entities.CorrectionReplace: "replaced"}[c.Action]
	return fmt.Sprintf("this %s was %s on %s by %s: %s", c.Kind, did, c.CreatedAt.UTC().Format(time.RFC3339), c.Actor, c.Reason)
}

// Record adds a correction and fills in its id. The model must be locked.
func (r Corrections) Record(ctx context.Context, c *entities.Correction) error {
	return r.run(ctx, "corrections", "Record", func(db *gorm.DB) error { return db.Create(c).Error })
}

// Of returns the newest correction of each of the facts that has one.
func (r Corrections) Of(ctx context.Context, refs []FactRef) (newest map[FactRef]*entities.Correction, err error) {
	err = r.run(ctx, "corrections", "Of", func(db *gorm.DB) error {
		newest, err = newestCorrections(db, refs)
		return err
	})
	return newest, err
}

// CorrectionQuery says which corrections are listed. Kind and Model are "" for all,
// and Before is the id that a page goes on from, 0 for the first page.
type CorrectionQuery struct {
	Kind, Model string
	Before      int64
	Limit       int
}

// List returns a page of corrections, newest first.
func (r Corrections) List(ctx context.Context, q CorrectionQuery) (list []entities.Correction, err error) {
	err = r.run(ctx, "corrections", "List", func(db *gorm.DB) error {
		if q.Kind != "" {
			db = db.Where("kind = ?", q.Kind)
		}
		if q.Model != "" {
			db = db.Where("model_id = ?", q.Model)
		}
		if q.Before > 0 {
			db = db.Where("id < ?", q.Before)
		}
		return db.Order("id DESC").Limit(q.Limit).Find(&list).Error
	})
	return list, err
}

func newestCorrections(db *gorm.DB, refs []FactRef) (map[FactRef]*entities.Correction, error) {
	r := queries{db: db}
	newest := r.corrections(refs)
	if err := r.run(); err != nil {
		return nil, err
	}
	return newest(), nil
}

// corrections asks for the newest correction of each of the facts that has one, which the
// function then returns.
func (r *queries) corrections(refs []FactRef) func() map[FactRef]*entities.Correction {
	var chunks []*[]entities.Correction
	for some := range slices.Chunk(refs, maxBatch) {
		var kinds, models, ids []string
		for _, ref := range some {
			kinds, models, ids = append(kinds, ref.Kind), append(models, ref.Model), append(ids, ref.ID)
		}
		found := new([]entities.Correction)
		chunks = append(chunks, found)
		r.find(found, `
			SELECT `+columnsOf[entities.Correction](r.db, "found")+`
			FROM unnest(?::text[], ?::text[], ?::text[]) AS given (kind, model_id, fact_id)`+
			foundByKey("corrections", ", id DESC", "kind", "model_id", "fact_id"), &kinds, &models, &ids, in(r.db))
	}
	return func() map[FactRef]*entities.Correction {
		newest := make(map[FactRef]*entities.Correction)
		for _, found := range chunks {
			for i := range *found {
				c := &(*found)[i]
				newest[FactRef{c.Kind, c.ModelID, c.FactID}] = c
			}
		}
		return newest
	}
}

// replaceFact puts next in the place of the stored row old: nil where there is none,
// or shall be none.
func replaceFact[T any](db *gorm.DB, old, next *T) error {
	if next == nil {
		return deleteByKey(db, old)
	}
	conflict, err := replaceAll[T](db)
	if err != nil {
		return err
	}
	return upsert(db, conflict, []T{*next})
}

// Replace puts a trade in the place of the stored one, which is nil where there is
// none, as next is where none shall be, and moves the statistics by both. The model
// must be locked.
func (r Trades) Replace(ctx context.Context, old, next *entities.Trade) error {
	return r.run(ctx, "trades", "Replace", func(db *gorm.DB) error {
		if err := replaceFact(db, old, next); err != nil {
			return err
		}
		var gone, come *time.Time
		d := make(statsDelta)
		if old != nil {
			d.trade(old, -1)
			gone = &old.ExitTime
		}
		if next != nil {
			d.trade(next, 1)
			come = &next.ExitTime
		}
		return d.correct(db, gone, come)
	})
}

// Replace is that of Trades. A snapshot moves no statistics.
func (r Equity) Replace(ctx context.Context, old, next *entities.AccountEquitySnapshot) error {
	return r.run(ctx, "equity", "Replace", func(db *gorm.DB) error { return replaceFact(db, old, next) })
}

// Replace is that of Trades. The messages of the cycle are not touched.
func (r Decisions) Replace(ctx context.Context, old, next *entities.DecisionCycle) error {
	return r.run(ctx, "decisions", "Replace", func(db *gorm.DB) error {
		if err := replaceFact(db, old, next); err != nil {
			return err
		}
		var gone, come *time.Time
		d := make(statsDelta)
		if old != nil {
			d.of(old.ModelID).NumDecisions--
			gone = &old.ExecutedAt
		}
		if next != nil {
			d.of(next.ModelID).NumDecisions++
			come = &next.ExecutedAt
		}
		return d.correct(db, gone, come)
	})
}

// correct moves the statistics of the one model of a correction, and brings
// IngestedUntil to what it is without a fact of the time gone and with one of the time
// come, each nil where there is none. The statistics of a model that has neither traded
// nor decided are removed. Which facts came by ingest is not kept: what an operator
// brings back counts as such, and so does the newest fact that is left.
func (d statsDelta) correct(db *gorm.DB, gone, come *time.Time) error {
	if err := d.write(db); err != nil {
		return err
	}
	model := slices.Collect(maps.Keys(d))[0]
	if gone != nil {
		if err := db.Exec(`
			UPDATE model_stats
			SET ingested_until = greatest(
				(SELECT max(exit_time) FROM trades WHERE competition_id = @competition AND model_id = @model),
				(SELECT max(executed_at) FROM decision_cycles WHERE competition_id = @competition AND model_id = @model))
			WHERE competition_id = @competition AND model_id = @model AND ingested_until <= @gone`, in(db), map[string]any{"model": model, "gone": *gone}).Error; err != nil {
			return err
		}
	}
	if come != nil {
		if err := db.Exec(`
			UPDATE model_stats SET ingested_until = greatest(ingested_until, @come)
			WHERE competition_id = @competition AND model_id = @model AND (ingested_until IS NOT NULL OR @back)`,
			in(db), map[string]any{"model": model, "come": *come, "back": gone == nil}).Error; err != nil {
			return err
		}
	}
	return db.Exec("DELETE FROM model_stats WHERE competition_id = @competition AND model_id = ? AND num_trades = 0 AND num_decisions = 0", model, in(db)).Error
}

// At returns the decision cycles of a model that were executed at a time, in the
// order in which they were stored.
func (r Decisions) At(ctx context.Context, model string, at time.Time) (rows []entities.DecisionCycle, err error) {
	err = r.run(ctx, "decisions", "At", func(db *gorm.DB) error {
		return db.Where("model_id = ? AND executed_at = ?", model, at).Order(`created_at, id COLLATE "C"`).Find(&rows).Error
	})
	return rows, err
}

// TakeOut deletes the messages of a decision from the conversation of its model, and
// returns them. The decision itself has gone; with the model's last one the
// conversation goes too.
func (r Conversations) TakeOut(ctx context.Context, c entities.Conversation, d *entities.DecisionCycle) (gone []entities.ConversationMessage, err error) {
	err = r.run(ctx, "conversations", "TakeOut", func(db *gorm.DB) error {
		theirs := db.Where("conversation_id = ? AND time = ? AND metadata ->> 'decision_id' = ?", c.ID, d.ExecutedAt, d.ID).
			Session(&gorm.Session{})
		if err := theirs.Order(inThread).Find(&gone).Error; err != nil {
			return err
		}
		if err := theirs.Delete(&entities.ConversationMessage{}).Error; err != nil {
			return err
		}
		if err := db.Exec(`
			UPDATE conversations
			SET last_message_at = (SELECT max(time) FROM conversation_messages WHERE competition_id = @competition AND conversation_id = @id)
			WHERE competition_id = @competition AND id = @id`, in(db), map[string]any{"id": c.ID}).Error; err != nil {
			return err
		}
		return db.Exec(`
			DELETE FROM conversations
			WHERE competition_id = @competition AND id = ?
				AND NOT EXISTS (SELECT FROM decision_cycles WHERE competition_id = @competition AND model_id = ?)`, c.ID, c.ModelID, in(db)).Error
	})
	return gone, err
}

// Drop forgets what was computed of a model: how far it has come, and its document.
// had says that there was a document.
func (r Recompute) Drop(ctx context.Context, model string) (had bool, err error) {
	err = r.run(ctx, "recompute", "Drop", func(db *gorm.DB) error {
		if err := db.Where("model_id = ?", model).Delete(&entities.AnalyticsState{}).Error; err != nil {
			return err
		}
		res := db.Where("model_id = ? AND source = ?", model, entities.AnalyticsComputed).Delete(&entities.ModelAnalytics{})
		had = res.RowsAffected > 0
		return res.Error
	})
	return had, err
}
