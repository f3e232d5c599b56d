package entities

// The kinds of facts that can be corrected.
const (
	CorrectTrade    = "trade"
	CorrectEquity   = "equity"
	CorrectDecision = "decision"
)

// The actions of a Correction.
const (
	CorrectionVoid    = "void"    // there was no such fact
	CorrectionReplace = "replace" // the fact is another one; also of a voided fact
)

// Correction records that an operator voided or replaced a fact, and keeps what was
// there before. Rows are only ever added: the newest one of a fact holds.
type Correction struct {
	ID            int64  `gorm:"type:bigint;primaryKey;autoIncrement;index:corrections_account_fact,priority:5,sort:desc"`
	CompetitionID string `gorm:"type:text;not null;default:season-1;index:corrections_account_fact,priority:1"`
	Kind          string `gorm:"type:text;not null;check:kind IN ('trade', 'equity', 'decision');index:corrections_account_fact,priority:2"`
	ModelID       string `gorm:"type:text;not null;index:corrections_account_fact,priority:3"`
	// FactID is the id of a trade or a decision; of an equity row its time in unix
	// seconds, as a payload has it.
	FactID string `gorm:"type:text;not null;index:corrections_account_fact,priority:4"`
	Action string `gorm:"type:text;not null;check:action IN ('void', 'replace')"`
	// Before and After are the payloads, NULL where there was or is none. A trade
	// that moved a position stands as {trade, remaining?}, which is what its fill
	// said; one that moved none, such as an imported one, as its row alone.
	Before JSON   `gorm:"type:jsonb"`
	After  JSON   `gorm:"type:jsonb"`
	Reason string `gorm:"type:text;not null"`
	Actor  string `gorm:"type:text;not null"`
	Timestamps
}

// TableName implements GORM's tabler.
func (Correction) TableName() string { return "corrections" }
