package repository

import (
	"context"

	"gorm.io/gorm"

	"nof0/entities"
)

// Decisions keeps the decision cycles.
type Decisions struct{ base }

// Insert adds decision cycles; their identity is model and id.
func (r Decisions) Insert(ctx context.Context, rows []entities.DecisionCycle) (outcomes []Outcome, err error) {
	err = r.run(ctx, "decisions", "Insert", func(db *gorm.DB) error {
		outcomes, err = insertFacts(db, rows, func(a, b *entities.DecisionCycle) bool { return sameRow(a, b) })
		return err
	})
	return outcomes, err
}

// Newest returns the newest n decision cycles of all models, newest first,
// ties by id descending.
func (r Decisions) Newest(ctx context.Context, n int) (rows []entities.DecisionCycle, err error) {
	err = r.run(ctx, "decisions", "Newest", func(db *gorm.DB) error {
		return db.Order(`executed_at DESC, id COLLATE "C" DESC`).Limit(n).Find(&rows).Error
	})
	return rows, err
}

// Before returns up to n decision cycles that stand after the given one in the
// order of time, newest first; the first ones where it is nil.
func (r Decisions) Before(ctx context.Context, last *entities.DecisionCycle, n int) (rows []entities.DecisionCycle, err error) {
	err = r.run(ctx, "decisions", "Before", func(db *gorm.DB) error {
		query := db.Order("executed_at DESC, id DESC, model_id DESC").Limit(n)
		if last != nil {
			query = query.Where("(executed_at, id, model_id) < (?, ?, ?)", last.ExecutedAt, last.ID, last.ModelID)
		}
		return query.Find(&rows).Error
	})
	return rows, err
}
