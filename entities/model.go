package entities

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
	Timestamps
}

// TableName implements GORM's tabler.
func (Model) TableName() string { return "models" }
