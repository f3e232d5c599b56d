package entities

import (
	"time"

	"github.com/shopspring/decimal"
)

// ModelStats are the running trade statistics of a model, moved in the
// transaction of the trade itself, and the number of its decisions, moved in
// theirs.
//
// Sums and sums of squares are exact decimals instead of a floating mean and
// M2: their result does not depend on the order in which trades arrive, so
// that imports in any order end in the same row, never drifts, and suffers no
// cancellation. Means and deviations follow from them.
type ModelStats struct {
	CompetitionID string `gorm:"type:text;primaryKey;default:season-1"`
	ModelID       string `gorm:"type:text;primaryKey"`
	NumTrades     int64  `gorm:"type:bigint;not null;default:0"`
	// NumDecisions counts the decision cycles.
	NumDecisions int64 `gorm:"type:bigint;not null;default:0"`
	// IngestedUntil is the newest exit time or decision time of what came by
	// ingest; imports leave it alone.
	IngestedUntil *time.Time `gorm:"type:timestamptz"`

	Net      Moments `gorm:"embedded;embeddedPrefix:net_"`      // realized net PnL, USD
	Gross    Moments `gorm:"embedded;embeddedPrefix:gross_"`    // realized gross PnL, USD
	Fee      Moments `gorm:"embedded;embeddedPrefix:fee_"`      // total commission, USD
	Notional Moments `gorm:"embedded;embeddedPrefix:notional_"` // |quantity| × entry price, USD
	Holding  Moments `gorm:"embedded;embeddedPrefix:holding_"`  // exit − entry, seconds

	Winners TradeGroup `gorm:"embedded;embeddedPrefix:winners_"` // net PnL > 0
	Losers  TradeGroup `gorm:"embedded;embeddedPrefix:losers_"`  // the rest
	Longs   TradeGroup `gorm:"embedded;embeddedPrefix:longs_"`
	Shorts  TradeGroup `gorm:"embedded;embeddedPrefix:shorts_"`
	Timestamps
}

// TableName implements GORM's tabler.
func (ModelStats) TableName() string { return "model_stats" }

// Moments are the exact sum of a quantity and of its squares.
type Moments struct {
	Sum   decimal.Decimal `gorm:"type:numeric;not null;default:0"`
	SumSq decimal.Decimal `gorm:"type:numeric;not null;default:0"`
}

// TradeGroup are the statistics of a part of a model's trades.
type TradeGroup struct {
	Count    int64   `gorm:"type:bigint;not null;default:0"`
	Net      Moments `gorm:"embedded;embeddedPrefix:net_"`
	Notional Moments `gorm:"embedded;embeddedPrefix:notional_"`
	Holding  Moments `gorm:"embedded;embeddedPrefix:holding_"`
}
