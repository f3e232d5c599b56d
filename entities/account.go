package entities

import "time"

// Account is the trading account of a model in a competition. Its inception facts never change;
// its row is what a writer of the account locks.
type Account struct {
	CompetitionID string     `gorm:"type:text;primaryKey;default:season-1"`
	ModelID       string     `gorm:"type:text;primaryKey"`
	Provider      string     `gorm:"type:text;not null"`
	BaseCurrency  string     `gorm:"type:text;not null;default:USD"`
	InceptionID   *string    `gorm:"type:text"`
	InceptionAt   *time.Time `gorm:"type:timestamptz"`
	InceptionNAV  *float64   `gorm:"column:inception_nav;type:double precision"` // USD
	// Invocations is the count as the source gave it, at InvocationsAsOf.
	Invocations     *int64     `gorm:"type:bigint"`
	InvocationsAsOf *time.Time `gorm:"type:timestamptz"`
	// PositionsAsOf is the time of the newest data of open positions.
	PositionsAsOf *time.Time `gorm:"type:timestamptz"`
	// StatementAt is the time of the newest statement of all open positions.
	StatementAt *time.Time `gorm:"type:timestamptz"`
	// PositionsExtra is what that statement said of the model beside them.
	PositionsExtra JSON `gorm:"type:jsonb"`
	// Standing is the row of an imported leaderboard, as of StandingAsOf. It is
	// what there is to show of equity while no newer snapshot is known.
	Standing     JSON       `gorm:"type:jsonb"`
	StandingAsOf *time.Time `gorm:"type:timestamptz"`
	Extra        JSON       `gorm:"type:jsonb"`
	Timestamps
}

// TableName implements GORM's tabler.
func (Account) TableName() string { return "accounts" }
