package entities

import "time"

// Candle is what a series was within a span of time: its first, highest, lowest and last
// value, and when it had them; of values that are equal the earliest counts. Triggers of
// the facts move it in their transaction, in whatever order they come.
type Candle struct {
	Open    float64   `gorm:"type:double precision;not null"` // USD, like the others
	OpenAt  time.Time `gorm:"type:timestamptz;not null"`
	High    float64   `gorm:"type:double precision;not null"`
	HighAt  time.Time `gorm:"type:timestamptz;not null"`
	Low     float64   `gorm:"type:double precision;not null"`
	LowAt   time.Time `gorm:"type:timestamptz;not null"`
	Close   float64   `gorm:"type:double precision;not null"`
	CloseAt time.Time `gorm:"type:timestamptz;not null"`
	Rows    int64     `gorm:"type:bigint;not null"`
	Timestamps
}

// EquityCandle is the equity of an account within a minute, a quarter of an hour, an hour or
// a day.
type EquityCandle struct {
	CompetitionID string    `gorm:"type:text;primaryKey;default:season-1;index:equity_candles_account_hour,priority:1,where:resolution = 3600"`
	ModelID       string    `gorm:"type:text;primaryKey;index:equity_candles_account_hour,priority:2,where:resolution = 3600"`
	Resolution    int       `gorm:"type:integer;primaryKey;autoIncrement:false"` // seconds
	Bucket        time.Time `gorm:"type:timestamptz;primaryKey"`                 // when the span begins: a multiple of the resolution, UTC
	// SinceInceptionHourlyMarker divides an hour of the clock into those of the account,
	// which begin within it; 0 in the others.
	SinceInceptionHourlyMarker int64 `gorm:"type:bigint;primaryKey;autoIncrement:false;index:equity_candles_account_hour,priority:3,where:resolution = 3600"`
	// Fall is at least the largest fall from a peak within the span, as a fraction of the
	// peak, and just that where the rows came in order of time; infinite where some are
	// below 0, or where hours of the account overlap.
	Fall   float64 `gorm:"type:double precision;not null"`
	Candle `gorm:"embedded"`
}

// TableName implements GORM's tabler.
func (EquityCandle) TableName() string { return "equity_candles" }

// PriceCandle is the price of a symbol at a provider within a minute, a quarter of an
// hour, an hour or a day. It stays when the ticks are archived.
type PriceCandle struct {
	Provider   string    `gorm:"type:text;primaryKey"`
	Symbol     string    `gorm:"type:text;primaryKey"`
	Resolution int       `gorm:"type:integer;primaryKey;autoIncrement:false"` // seconds
	Bucket     time.Time `gorm:"type:timestamptz;primaryKey"`                 // when the span begins: a multiple of the resolution, UTC
	Candle     `gorm:"embedded"`
}

// TableName implements GORM's tabler.
func (PriceCandle) TableName() string { return "price_candles" }
