package repository

import (
	"context"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"nof0/entities"
)

// Analytics keeps the published metrics documents.
type Analytics struct{ base }

// All returns the documents of every model from a source, by model.
func (r Analytics) All(ctx context.Context, source string) (docs []entities.ModelAnalytics, err error) {
	err = r.run(ctx, "analytics", "All", func(db *gorm.DB) error {
		return db.Where("source = ?", source).Order("model_id").Find(&docs).Error
	})
	return docs, err
}

// Of returns the document of one model from a source, nil where there is none.
func (r Analytics) Of(ctx context.Context, model, source string) (doc *entities.ModelAnalytics, err error) {
	err = r.run(ctx, "analytics", "Of", func(db *gorm.DB) error {
		var found []entities.ModelAnalytics
		if err := db.Where("model_id = ? AND source = ?", model, source).Find(&found).Error; err != nil {
			return err
		}
		if len(found) > 0 {
			doc = &found[0]
		}
		return nil
	})
	return doc, err
}

// Put stores a document unless the stored one of its source is of newer data.
func (r Analytics) Put(ctx context.Context, doc entities.ModelAnalytics) (outcome Outcome, err error) {
	err = r.run(ctx, "analytics", "Put", func(db *gorm.DB) error {
		var found []entities.ModelAnalytics
		err := db.Clauses(clause.Locking{Strength: clause.LockingStrengthUpdate}).
			Where("model_id = ? AND source = ?", doc.ModelID, doc.Source).Find(&found).Error
		if err != nil {
			return err
		}
		outcome = Inserted
		if len(found) > 0 {
			outcome = replaces(&found[0], &doc)
		}
		if outcome != Inserted && outcome != Updated {
			return nil
		}
		return db.Clauses(clause.OnConflict{
			Columns:   []clause.Column{{Name: "model_id"}, {Name: "source"}},
			DoUpdates: clause.AssignmentColumns([]string{"payload", "as_of", "server_time", "updated_at"}),
			Where:     clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: "excluded.as_of > model_analytics.as_of"}}},
		}).Create(&doc).Error
	})
	return outcome, err
}

func replaces(stored, doc *entities.ModelAnalytics) Outcome {
	switch {
	case doc.AsOf.After(stored.AsOf):
		return Updated
	case doc.AsOf.Before(stored.AsOf):
		return Superseded
	case sameJSON(stored.Payload, doc.Payload):
		return Unchanged
	}
	return Conflict
}
