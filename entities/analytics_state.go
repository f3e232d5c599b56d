package entities

import "time"

// AnalyticsState is how far the computed metrics of an account have come: what was
// folded of its trades and decisions, from which the next ones go on. It can be
// dropped; the next run makes it again from all of them.
type AnalyticsState struct {
	CompetitionID string `gorm:"type:text;primaryKey;default:season-1"`
	ModelID       string `gorm:"type:text;primaryKey"`
	// Version is that of the program's way to keep State.
	Version int64 `gorm:"type:bigint;not null"`
	// NumTrades and NumDecisions are those of model_stats as the run saw them,
	// SeenTrades and SeenDecisions what it read.
	NumTrades     int64 `gorm:"type:bigint;not null"`
	NumDecisions  int64 `gorm:"type:bigint;not null"`
	SeenTrades    int64 `gorm:"type:bigint;not null"`
	SeenDecisions int64 `gorm:"type:bigint;not null"`
	// ImportedAsOf is the time of the imported document that the run went on
	// from or found not to be needed, NULL where there was none.
	ImportedAsOf *time.Time `gorm:"type:timestamptz"`
	State        JSON       `gorm:"type:jsonb;not null"`
	Timestamps
}

// TableName implements GORM's tabler.
func (AnalyticsState) TableName() string { return "analytics_states" }
