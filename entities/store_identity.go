package entities

import "time"

// StoreIdentity has one row, by which what is kept elsewhere, in Redis above all,
// knows the database that it was made from. A restore writes the row anew, which
// its xmin shows; `UPDATE store_identity SET id = DEFAULT` says by hand that the
// content is another.
type StoreIdentity struct {
	ID string `gorm:"type:text;primaryKey;default:(gen_random_uuid())::text"`
	// UntaggedUntil is when the last servers ended whose ids of events are sequences
	// alone; NULL where there were none.
	UntaggedUntil *time.Time `gorm:"type:timestamptz"`
	Timestamps
}

// TableName implements GORM's tabler.
func (StoreIdentity) TableName() string { return "store_identity" }
