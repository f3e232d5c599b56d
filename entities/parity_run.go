package entities

import "time"

// ParityRun is the report of one comparison of the two sources of a domain.
type ParityRun struct {
	ID          int64     `gorm:"type:bigint;primaryKey;autoIncrement"`
	Domain      string    `gorm:"type:text;not null;index:parity_runs_newest,priority:1"`
	RanAt       time.Time `gorm:"type:timestamptz;not null;index:parity_runs_newest,priority:2,sort:desc"`
	Verdict     string    `gorm:"type:text;not null"`
	Counts      JSON      `gorm:"type:jsonb;not null"`
	Differences JSON      `gorm:"type:jsonb;not null"` // the first ones
	Timestamps
}

// TableName implements GORM's tabler.
func (ParityRun) TableName() string { return "parity_runs" }
