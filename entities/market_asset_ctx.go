package entities

import "time"

// MarketAssetCtx is the newest market context of a symbol at a venue.
type MarketAssetCtx struct {
	Provider      string    `gorm:"type:text;primaryKey"`
	Symbol        string    `gorm:"type:text;primaryKey"`
	ObservedAt    time.Time `gorm:"type:timestamptz;not null"`
	Funding       *float64  `gorm:"type:double precision"` // fraction per hour
	OpenInterest  *float64  `gorm:"type:double precision"` // coins
	OraclePrice   *float64  `gorm:"type:double precision"` // USD
	MarkPrice     *float64  `gorm:"type:double precision"` // USD
	MidPrice      *float64  `gorm:"type:double precision"` // USD
	ImpactPrices  JSON      `gorm:"type:jsonb"`
	PrevDayPrice  *float64  `gorm:"type:double precision"` // USD
	DayNotional   *float64  `gorm:"type:double precision"` // 24 h volume, USD
	DayBaseVolume *float64  `gorm:"type:double precision"` // 24 h volume, coins
	Extra         JSON      `gorm:"type:jsonb"`
	Timestamps
}

// TableName implements GORM's tabler.
func (MarketAssetCtx) TableName() string { return "market_asset_ctx" }
