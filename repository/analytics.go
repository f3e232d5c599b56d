package repository

import (
	"context"
	"time"

	"gorm.io/gorm"

	"nof0/entities"
)

// Analytics keeps the published metrics documents.
type Analytics struct{ base }

// All returns the documents of every known model from a source, in the order of
// lists of models.
func (r Analytics) All(ctx context.Context, source string) (docs []entities.ModelAnalytics, err error) {
	err = r.run(ctx, "analytics", "All", func(db *gorm.DB) error {
		return db.Raw(`
			SELECT `+columnsOf[entities.ModelAnalytics](db, "doc")+`
			FROM models m
			CROSS JOIN LATERAL (
				SELECT *
				FROM model_analytics a
				WHERE a.competition_id = @competition AND a.model_id = m.id AND a.source = ?
				LIMIT 1
			) doc
			ORDER BY `+asListed, source, in(db)).Scan(&docs).Error
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

// Served returns the document of every known model that is to be served, in the
// order of lists of models: the imported one until trades or decisions newer than it have come by
// ingest, then the computed one. Where only one is there, it is that.
func (r Analytics) Served(ctx context.Context) (docs []entities.ModelAnalytics, err error) {
	err = r.run(ctx, "analytics", "Served", func(db *gorm.DB) error {
		return db.Raw(`
			SELECT `+columnsOf[entities.ModelAnalytics](db, "doc")+`
			FROM models m
			LEFT JOIN model_stats s ON s.competition_id = @competition AND s.model_id = m.id
			CROSS JOIN LATERAL (
				SELECT *
				FROM model_analytics a
				WHERE a.competition_id = @competition AND a.model_id = m.id
				ORDER BY a.source = (CASE WHEN s.ingested_until > (
					SELECT i.as_of FROM model_analytics i WHERE i.competition_id = @competition AND i.model_id = m.id AND i.source = 'imported'
				) THEN 'computed' ELSE 'imported' END) DESC
				LIMIT 1
			) doc
			ORDER BY `+asListed, in(db)).Scan(&docs).Error
	})
	return docs, err
}

// ServedOf returns the document of one model that is to be served, nil where
// there is none.
func (r Analytics) ServedOf(ctx context.Context, model string) (doc *entities.ModelAnalytics, err error) {
	err = r.run(ctx, "analytics", "ServedOf", func(db *gorm.DB) error {
		var found []entities.ModelAnalytics
		err := db.Raw(`
			SELECT `+columnsOf[entities.ModelAnalytics](db, "a")+`
			FROM (SELECT ?::text AS id) m
			JOIN model_analytics a ON a.competition_id = @competition AND a.model_id = m.id
			LEFT JOIN model_stats s ON s.competition_id = @competition AND s.model_id = a.model_id
			ORDER BY a.source = (CASE WHEN s.ingested_until > (
				SELECT i.as_of FROM model_analytics i WHERE i.competition_id = @competition AND i.model_id = m.id AND i.source = 'imported'
			) THEN 'computed' ELSE 'imported' END) DESC
			LIMIT 1`, model, in(db)).Scan(&found).Error
		if err == nil && len(found) > 0 {
			doc = &found[0]
		}
		return err
	})
	return doc, err
}

// Put stores a document unless the stored one of its source is of newer data.
// One that says the same is Unchanged, and of newer data from then on.
func (r Analytics) Put(ctx context.Context, doc entities.ModelAnalytics) (outcome Outcome, err error) {
	doc.AsOf = doc.AsOf.Truncate(time.Microsecond) // as it is stored
	err = r.run(ctx, "analytics", "Put", func(db *gorm.DB) error {
		table, err := tableOf[entities.ModelAnalytics](db)
		if err != nil {
			return err
		}
		inserted, err := insertMissing(db, table, []entities.ModelAnalytics{doc})
		if err != nil || len(inserted) > 0 {
			outcome = Inserted
			return err
		}
		for {
			var stored entities.ModelAnalytics
			if err := db.Where("model_id = ? AND source = ?", doc.ModelID, doc.Source).Take(&stored).Error; err != nil {
				return err
			}
			if outcome = replaces(&stored, &doc); !doc.AsOf.After(stored.AsOf) {
				return nil
			}
			res := db.Model(&entities.ModelAnalytics{}).
				Where("model_id = ? AND source = ? AND as_of < ?", doc.ModelID, doc.Source, doc.AsOf).
				Updates(map[string]any{"payload": doc.Payload, "as_of": doc.AsOf, "server_time": doc.ServerTime})
			if res.Error != nil || res.RowsAffected > 0 {
				return res.Error // the same document, said again later, only holds for longer
			}
			// Somebody else stored one that is as new since it was looked up.
		}
	})
	return outcome, err
}

func replaces(stored, doc *entities.ModelAnalytics) Outcome {
	switch {
	case doc.AsOf.Before(stored.AsOf):
		return Superseded
	case sameJSON(stored.Payload, doc.Payload):
		return Unchanged
	case doc.AsOf.After(stored.AsOf):
		return Updated
	}
	return Conflict
}
