package entities

import "time"

// TraderState is what a trader remembers between decisions.
type TraderState struct {
	TraderID         string     `gorm:"type:text;primaryKey"`
	ExchangeProvider *string    `gorm:"type:text"`
	MarketProvider   *string    `gorm:"type:text"`
	AllocationPct    *float64   `gorm:"type:double precision"` // percent of the account
	Cooldown         JSON       `gorm:"type:jsonb"`
	RiskGuards       JSON       `gorm:"type:jsonb"`
	LastDecisionAt   *time.Time `gorm:"type:timestamptz"`
	PauseUntil       *time.Time `gorm:"type:timestamptz"`
	Extra            JSON       `gorm:"type:jsonb"`
	Timestamps
}

// TableName implements GORM's tabler.
func (TraderState) TableName() string { return "trader_state" }
