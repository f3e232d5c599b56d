package entities

import "time"

// The kinds of PositionFact.
const (
	FactOpening    = "opening"    // the position as it was opened
	FactAdjustment = "adjustment" // the position at a later time
	FactStatement  = "statement"  // the position as the newest import stated it
	FactFill       = "fill"       // a closing trade
	FactFound      = "found"      // the row as it was found, of which no facts were kept
)

// PositionFact is something that was said of a position, with its own time. A
// row of positions is what its facts come to in the order of their times.
type PositionFact struct {
	CompetitionID string `gorm:"type:text;primaryKey;default:season-1;index:position_facts_account_position,priority:1;index:position_facts_account_unnamed,priority:1,where:entry_time IS NOT NULL"`
	ModelID       string `gorm:"type:text;primaryKey;index:position_facts_account_position,priority:2;index:position_facts_account_unnamed,priority:2"`
	Kind          string `gorm:"type:text;primaryKey;check:kind IN ('opening', 'adjustment', 'statement', 'fill', 'found')"`
	// Ref is the id of the trade for a fill, else that of the position, with the
	// time for an adjustment that has one.
	Ref        string `gorm:"type:text;primaryKey"`
	PositionID string `gorm:"type:text;not null;index:position_facts_account_position,priority:3"`
	Provider   string `gorm:"type:text;not null;index:position_facts_account_unnamed,priority:3"`
	Symbol     string `gorm:"type:text;not null;index:position_facts_account_unnamed,priority:4"`
	// ObservedAt is its place in the order of the position's facts.
	ObservedAt time.Time `gorm:"type:timestamptz;not null"`
	// SeenAt is ObservedAt, or the time of arrival of what carries no time of its
	// own: a statement older than that sets nothing back.
	SeenAt time.Time `gorm:"type:timestamptz;not null"`
	// EntryTime is that of a fill without an order id; NULL for all else.
	EntryTime *time.Time `gorm:"type:timestamptz;index:position_facts_account_unnamed,priority:5"`
	Quantity  *float64   `gorm:"type:double precision"` // coins that a fill closes, negative is short
	SizeStep  *float64   `gorm:"type:double precision"` // coins; NULL where it was not known
	// State is the position as the fact states it: for a fill what it leaves, null
	// where nothing is left, and NULL where it does not say.
	State JSON `gorm:"type:jsonb" json:",omitzero"`
	Timestamps
}

// TableName implements GORM's tabler.
func (PositionFact) TableName() string { return "position_facts" }
