package repository

import (
	"context"

	"gorm.io/gorm"

	"nof0/entities"
)

// Models keeps the participants of the arena.
type Models struct{ base }

// All returns every model by id.
func (r Models) All(ctx context.Context) (models []entities.Model, err error) {
	err = r.run(ctx, "models", "All", func(db *gorm.DB) error {
		return db.Order(`id COLLATE "C"`).Find(&models).Error
	})
	return models, err
}

// Exists reports whether a model is known.
func (r Models) Exists(ctx context.Context, id string) (exists bool, err error) {
	err = r.run(ctx, "models", "Exists", func(db *gorm.DB) error {
		return db.Raw("SELECT EXISTS (SELECT 1 FROM models WHERE id = ?)", id).Scan(&exists).Error
	})
	return exists, err
}

// Register adds the models that are not known yet and leaves the others alone.
// It returns those that it added.
func (r Models) Register(ctx context.Context, models []entities.Model) (added []entities.Model, err error) {
	err = r.run(ctx, "models", "Register", func(db *gorm.DB) error {
		added, err = registerAll(db, models)
		return err
	})
	return added, err
}

// Withdraw takes back models that this transaction has registered and that
// nothing refers to.
func (r Models) Withdraw(ctx context.Context, models []entities.Model) error {
	return r.run(ctx, "models", "Withdraw", func(db *gorm.DB) error {
		return withdraw(db, models)
	})
}
