package entities

import "time"

// Trade is a closed round trip, or a closed part of one, as the venue reported
// it. A trade never changes once seen. Order and fill ids are not unique:
// partial closes share them.
type Trade struct {
	CompetitionID string `gorm:"type:text;primaryKey;default:season-1;index:trades_account_newest,priority:1;index:trades_account_entered,priority:1;index:trades_account_symbol,priority:1"`
	ModelID       string `gorm:"type:text;primaryKey;index:trades_account_newest,priority:2;index:trades_account_entered,priority:2;index:trades_account_symbol,priority:2"`
	ID            string `gorm:"type:text;primaryKey;index:trades_account_newest,priority:4,sort:desc;index:trades_account_symbol,priority:6,sort:desc"`
	Provider      string `gorm:"type:text;not null"`

	Symbol                 string    `gorm:"type:text;not null;index:trades_account_symbol,priority:3"`
	Side                   string    `gorm:"type:text;not null;check:side IN ('long', 'short');index:trades_account_symbol,priority:4"`
	TradeType              *string   `gorm:"type:text"`
	TradeID                *string   `gorm:"type:text"`
	Quantity               float64   `gorm:"type:double precision;not null"` // coins, negative is short
	Leverage               *float64  `gorm:"type:double precision"`
	Confidence             *float64  `gorm:"type:double precision"` // fraction
	EntryTime              time.Time `gorm:"type:timestamptz;not null;index:trades_account_entered,priority:3"`
	EntryHumanTime         *string   `gorm:"type:text"`
	EntryPrice             float64   `gorm:"type:double precision;not null"` // USD
	EntrySz                *float64  `gorm:"type:double precision"`          // coins
	EntryOid               *int64    `gorm:"type:bigint"`
	EntryTid               *int64    `gorm:"type:bigint"`
	EntryCrossed           *bool     `gorm:"type:boolean"`
	EntryLiquidation       JSON      `gorm:"type:jsonb"`
	EntryCommissionDollars *float64  `gorm:"type:double precision"` // USD
	EntryClosedPnl         *float64  `gorm:"type:double precision"` // USD
	ExitTime               time.Time `gorm:"type:timestamptz;not null;index:trades_account_newest,priority:3,sort:desc;index:trades_account_symbol,priority:5,sort:desc"`
	ExitHumanTime          *string   `gorm:"type:text"`
	ExitPrice              float64   `gorm:"type:double precision;not null"` // USD
	ExitSz                 *float64  `gorm:"type:double precision"`          // coins
	ExitOid                *int64    `gorm:"type:bigint;index:trades_exit_oid"`
	ExitTid                *int64    `gorm:"type:bigint"`
	ExitCrossed            *bool     `gorm:"type:boolean"`
	ExitLiquidation        JSON      `gorm:"type:jsonb"`
	ExitCommissionDollars  *float64  `gorm:"type:double precision"` // USD
	ExitClosedPnl          *float64  `gorm:"type:double precision"` // USD
	ExitPlan               JSON      `gorm:"type:jsonb"`
	RealizedGrossPnl       *float64  `gorm:"type:double precision"`          // USD
	RealizedNetPnl         float64   `gorm:"type:double precision;not null"` // USD, as given
	TotalCommissionDollars *float64  `gorm:"type:double precision"`          // USD
	Extra                  JSON      `gorm:"type:jsonb"`
	Timestamps
}

// TableName implements GORM's tabler.
func (Trade) TableName() string { return "trades" }
