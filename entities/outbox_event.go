package entities

import "time"

// OutboxEvent announces a committed fact. It is written in the fact's own
// transaction. IDs are not commit order: the relay gives each event its place
// in its model's order, Sequence, as it relays it.
type OutboxEvent struct {
	ID        int64  `gorm:"type:bigint;primaryKey;autoIncrement;index:outbox_events_unrelayed,priority:2"`
	Aggregate string `gorm:"type:text;not null"`
	ModelID   string `gorm:"type:text;not null;index:outbox_events_unrelayed,priority:1,where:relayed_at IS NULL"`
	// CompetitionID is that of the fact; of a fact that belongs to none, such as a
	// price, it says nothing.
	CompetitionID string     `gorm:"type:text;not null;default:season-1"`
	Type          string     `gorm:"type:text;not null"`
	Payload       JSON       `gorm:"type:jsonb;not null"`
	Sequence      *int64     `gorm:"type:bigint;uniqueIndex:outbox_events_sequence"`
	RelayedAt     *time.Time `gorm:"type:timestamptz;index:outbox_events_relayed_at"`
	Timestamps
}

// TableName implements GORM's tabler.
func (OutboxEvent) TableName() string { return "outbox_events" }
