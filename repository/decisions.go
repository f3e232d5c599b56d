package repository

import (
	"context"

	"gorm.io/gorm"

	"nof0/entities"
)

// Decisions keeps the decision cycles.
type Decisions struct{ base }

// Insert adds decision cycles of an import; their identity is model and id. It
// must run inside a transaction, so that their number in the statistics agrees.
func (r Decisions) Insert(ctx context.Context, rows []entities.DecisionCycle) (outcomes []Outcome, err error) {
	return r.insert(ctx, "Insert", rows, false)
}

// Ingest adds decision cycles that came by ingest, as Insert does.
func (r Decisions) Ingest(ctx context.Context, rows []entities.DecisionCycle) (outcomes []Outcome, err error) {
	return r.insert(ctx, "Ingest", rows, true)
}

func (r Decisions) insert(ctx context.Context, method string, rows []entities.DecisionCycle, ingested bool) (outcomes []Outcome, err error) {
	err = r.run(ctx, "decisions", method, func(db *gorm.DB) error {
		outcomes, err = insertFacts(db, rows, func(a, b *entities.DecisionCycle) bool { return sameRow(a, b) })
		if err != nil {
			return err
		}
		var added []entities.DecisionCycle
		for i, o := range outcomes {
			if o == Inserted {
				added = append(added, rows[i])
			}
		}
		return addDecisions(db, added, ingested)
	})
	return outcomes, err
}

// Ahead asks ahead for what Insert and Ingest read first (see queries).
func (r Decisions) Ahead(ctx context.Context, rows []entities.DecisionCycle) error {
	return factsAhead(ctx, r.base, "decisions", rows)
}

// Newest returns the newest n decision cycles of all models, newest first,
// ties by id descending.
func (r Decisions) Newest(ctx context.Context, n int) (rows []entities.DecisionCycle, err error) {
	err = r.run(ctx, "decisions", "Newest", func(db *gorm.DB) error {
		return db.Order(newestDecisions).Limit(n).Find(&rows).Error
	})
	return rows, err
}

// Before returns up to n decision cycles that stand after the given one in the
// order of time, newest first; the first ones where it is nil.
func (r Decisions) Before(ctx context.Context, last *entities.DecisionCycle, n int) (rows []entities.DecisionCycle, err error) {
	err = r.run(ctx, "decisions", "Before", func(db *gorm.DB) error {
		query := db.Order(newestDecisions).Limit(n)
		if last != nil {
			query = query.Where(`(executed_at, id COLLATE "C", model_id COLLATE "C") < (?, ?, ?)`, last.ExecutedAt, last.ID, last.ModelID)
		}
		return query.Find(&rows).Error
	})
	return rows, err
}
