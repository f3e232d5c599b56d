package entities

import "time"

// JSONMirror is how far the JSON files of a domain have followed Postgres:
// every event up to Sequence, in the order of the relayed ones, is in them.
type JSONMirror struct {
	Domain     string    `gorm:"type:text;primaryKey"`
	Sequence   int64     `gorm:"type:bigint;not null"`
	MirroredAt time.Time `gorm:"type:timestamptz;not null"`
	Timestamps
}

// TableName implements GORM's tabler.
func (JSONMirror) TableName() string { return "json_mirror" }
