package entities

import "time"

// The sources of a ModelAnalytics payload.
const (
	AnalyticsImported = "imported"
	AnalyticsComputed = "computed"
)

// ModelAnalytics is the published metrics document of a model.
type ModelAnalytics struct {
	CompetitionID string `gorm:"type:text;primaryKey;default:season-1"`
	ModelID       string `gorm:"type:text;primaryKey"`
	Source        string `gorm:"type:text;primaryKey;check:source IN ('imported', 'computed')"`
	Payload       JSON   `gorm:"type:jsonb;not null;check:jsonb_typeof(payload) = 'object'"`
	// AsOf is the payload's own updated_at: a newer payload replaces an older.
	AsOf       time.Time  `gorm:"type:timestamptz;not null"`
	ServerTime *time.Time `gorm:"type:timestamptz"`
	Timestamps
}

// TableName implements GORM's tabler.
func (ModelAnalytics) TableName() string { return "model_analytics" }
