package entities

import (
	"time"

	"github.com/shopspring/decimal"
)

// ModelStats are what the leaderboard needs of the trades of a model, moved in the
// transaction of the trade itself, and the number of its decisions, moved in theirs.
//
// Sums are exact decimals: their result does not depend on the order in which trades
// arrive, so that imports in any order end in the same row, and never drifts.
type ModelStats struct {
	CompetitionID string `gorm:"type:text;primaryKey;default:season-1"`
	ModelID       string `gorm:"type:text;primaryKey"`
	NumTrades     int64  `gorm:"type:bigint;not null;default:0"`
	// NumDecisions counts the decision cycles.
	NumDecisions int64 `gorm:"type:bigint;not null;default:0"`
	// IngestedUntil is the newest exit time or decision time of what came by
	// ingest; imports leave it alone.
	IngestedUntil *time.Time `gorm:"type:timestamptz"`

	// A winner has net PnL above 0, a loser the rest; the sums are of it, in USD.
	WinnersCount  int64           `gorm:"type:bigint;not null;default:0"`
	WinnersNetSum decimal.Decimal `gorm:"type:numeric;not null;default:0"`
	LosersCount   int64           `gorm:"type:bigint;not null;default:0"`
	LosersNetSum  decimal.Decimal `gorm:"type:numeric;not null;default:0"`
	Timestamps
}

// TableName implements GORM's tabler.
func (ModelStats) TableName() string { return "model_stats" }
