package entities

import "time"

// AccountEquitySnapshot is the equity of an account at one moment, with the
// positions it held then.
type AccountEquitySnapshot struct {
	CompetitionID              string    `gorm:"type:text;primaryKey;default:season-1;index:account_equity_snapshots_account_hour,priority:1"`
	ModelID                    string    `gorm:"type:text;primaryKey;index:account_equity_snapshots_account_hour,priority:2"`
	ObservedAt                 time.Time `gorm:"type:timestamptz;primaryKey;index:account_equity_snapshots_account_hour,priority:4,sort:desc"`
	SinceInceptionHourlyMarker int64     `gorm:"type:bigint;not null;index:account_equity_snapshots_account_hour,priority:3"` // whole hours
	SinceInceptionMinuteMarker *int64    `gorm:"type:bigint"`                                                                 // whole minutes
	DollarEquity               float64   `gorm:"type:double precision;not null"`                                              // USD
	RealizedPnl                *float64  `gorm:"type:double precision"`                                                       // USD
	TotalUnrealizedPnl         *float64  `gorm:"type:double precision"`                                                       // USD
	CumPnlPct                  *float64  `gorm:"type:double precision"`                                                       // percent of inception NAV
	SharpeRatio                *float64  `gorm:"type:double precision"`
	RunID                      *string   `gorm:"type:text"`
	Positions                  JSON      `gorm:"type:jsonb"` // symbol to position, as the source sent it
	Extra                      JSON      `gorm:"type:jsonb"`
	Timestamps
}

// TableName implements GORM's tabler.
func (AccountEquitySnapshot) TableName() string { return "account_equity_snapshots" }
