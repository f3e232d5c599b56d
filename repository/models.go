package repository

import (
	"context"
	"database/sql"

	"gorm.io/gorm"

	"nof0/entities"
)

// Models keeps the participants of the arena.
type Models struct{ base }

// All returns every model, of whatever competition, in the order of lists.
func (r Models) All(ctx context.Context) (models []entities.Model, err error) {
	err = r.run(ctx, "models", "All", func(db *gorm.DB) error {
		return db.Order(asListed).Find(&models).Error
	})
	return models, err
}

// Participants returns the models that hold an account in the competition, in the
// order of lists, and in entities.FirstCompetition those that hold none in any.
func (r Models) Participants(ctx context.Context) (models []entities.Model, err error) {
	err = r.run(ctx, "models", "Participants", func(db *gorm.DB) error {
		return db.Where(`
			EXISTS (SELECT FROM accounts a WHERE a.competition_id = @competition AND a.model_id = models.id)
			OR @competition = @first AND NOT EXISTS (SELECT FROM accounts a WHERE a.competition_id <> @competition AND a.model_id = models.id)`,
			in(db), sql.Named("first", entities.FirstCompetition)).Order(asListed).Find(&models).Error
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
// It returns those that it added. They are listed by their Listing, at the start of
// the transaction.
func (r Models) Register(ctx context.Context, models []entities.Model) (added []entities.Model, err error) {
	err = r.run(ctx, "models", "Register", func(db *gorm.DB) error {
		added, err = registerAll(db, models)
		return err
	})
	return added, err
}

// List adds the models that are not known yet, and lists known ones earlier where
// ListedAt and Listing say so: whatever the order in which captures come, each
// model stands where the first of them has it. It returns how many models it
// changed or added.
func (r Models) List(ctx context.Context, models []entities.Model) (changed int64, err error) {
	err = r.run(ctx, "models", "List", func(db *gorm.DB) error {
		changed, err = upsertCounted(db, raise("id", "listed_at", "listing")+
			" WHERE (excluded.listed_at, excluded.listing) < (models.listed_at, models.listing)", models)
		return err
	})
	return changed, err
}

// Withdraw takes back models that this transaction has registered and that
// nothing refers to.
func (r Models) Withdraw(ctx context.Context, models []entities.Model) error {
	return r.run(ctx, "models", "Withdraw", func(db *gorm.DB) error {
		return withdraw(db, models)
	})
}
