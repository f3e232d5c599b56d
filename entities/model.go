package entities

import "time"

// The kinds of Model.
const (
	ModelCompetitor = "competitor"
	ModelBenchmark  = "benchmark"
)

// Model is one participant of the arena: a language model that competes, or a
// benchmark such as buy and hold that it is measured against.
type Model struct {
	ID           string `gorm:"type:text;primaryKey"`
	DisplayName  string `gorm:"type:text;not null"`
	Kind         string `gorm:"type:text;not null;default:competitor;check:kind IN ('competitor', 'benchmark')"`
	TraderConfig JSON   `gorm:"type:jsonb"`
	Extra        JSON   `gorm:"type:jsonb"`
	// ListedAt is when the model was registered or, where that is earlier, first
	// captured, and Listing its place among those of that moment. Lists of models
	// follow them, competitors before benchmarks.
	ListedAt time.Time `gorm:"type:timestamptz;not null;default:now()"`
	Listing  int64     `gorm:"type:integer;not null;default:0"`
	Timestamps
}

// TableName implements GORM's tabler.
func (Model) TableName() string { return "models" }
