package entities

import "time"

// DecisionCycle is one invocation of a model: what it was asked, how it
// reasoned, what it decided. The id is kept as text: its number differs
// slightly from ExecutedAt.
type DecisionCycle struct {
	CompetitionID string `gorm:"type:text;primaryKey;default:season-1;index:decision_cycles_account_newest,priority:1;index:decision_cycles_competition_newest,priority:1"`
	ModelID       string `gorm:"type:text;primaryKey;index:decision_cycles_account_newest,priority:2"`
	ID            string `gorm:"type:text;primaryKey;index:decision_cycles_account_newest,priority:4,sort:desc;index:decision_cycles_competition_newest,priority:3,sort:desc"`

	ExecutedAt   time.Time  `gorm:"type:timestamptz;not null;index:decision_cycles_account_newest,priority:3,sort:desc;index:decision_cycles_competition_newest,priority:2,sort:desc"`
	InsertedAt   *time.Time `gorm:"type:timestamptz"`
	CycleID      *int64     `gorm:"type:bigint"`
	RunID        *string    `gorm:"type:text"`
	Skill        *string    `gorm:"type:text"`
	UserPrompt   *string    `gorm:"type:text"`
	PromptDigest *string    `gorm:"type:text"`  // SHA-256 of UserPrompt, hex
	CotTrace     JSON       `gorm:"type:jsonb"` // a string or an object
	// The index is of what is searched; repository.Decisions.Search asks for the same.
	CotTraceSummary *string `gorm:"type:text;index:decision_cycles_search,type:gin,expression:(setweight(to_tsvector('english'\\, left(COALESCE(cot_trace_summary\\, '')\\, 10000))\\, 'A') || setweight(CASE WHEN length(jsonb_extract_path_text(cot_trace\\, VARIADIC '{}')) <= 50000 THEN to_tsvector('english'\\, cot_trace) ELSE to_tsvector('english'\\, left(COALESCE(jsonb_extract_path_text(cot_trace\\, VARIADIC '{}')\\, '')\\, 50000)) END\\, 'B'))"`
	Decisions       JSON    `gorm:"type:jsonb"` // coin to decision, or the raw text of a failed answer
	Success         bool    `gorm:"type:boolean;not null"`
	Error           *string `gorm:"type:text"`
	Extra           JSON    `gorm:"type:jsonb"`
	Timestamps
}

// TableName implements GORM's tabler.
func (DecisionCycle) TableName() string { return "decision_cycles" }
