package mapping

import (
	"fmt"

	"nof0/entities"
	"nof0/internal/wire"
)

// Equity is the table row of an account-totals row. One without an id comes
// back with the one that follows from its model and hour.
func Equity(a wire.AccountTotal) entities.AccountEquitySnapshot {
	x := newExtra(a.Extra)
	if id := column(x, "id", a.ID); id != nil && *id != equityID(a.ModelID, a.SinceInceptionHourlyMarker) {
		x.set("id", *id)
	}
	row := entities.AccountEquitySnapshot{
		ModelID:                    a.ModelID,
		ObservedAt:                 x.seconds("timestamp", a.Timestamp),
		SinceInceptionHourlyMarker: a.SinceInceptionHourlyMarker,
		SinceInceptionMinuteMarker: column(x, "since_inception_minute_marker", a.SinceInceptionMinuteMarker),
		DollarEquity:               a.DollarEquity,
		RealizedPnl:                column(x, "realized_pnl", a.RealizedPnl),
		TotalUnrealizedPnl:         column(x, "total_unrealized_pnl", a.TotalUnrealizedPnl),
		CumPnlPct:                  column(x, "cum_pnl_pct", a.CumPnlPct),
		SharpeRatio:                column(x, "sharpe_ratio", a.SharpeRatio),
		RunID:                      column(x, "run_id", a.RunID),
		Positions:                  entities.JSON(a.Positions),
	}
	row.Extra = x.json()
	return row
}

// EquityPayload is the payload of an equity snapshot's table row.
func EquityPayload(row entities.AccountEquitySnapshot) (wire.AccountTotal, error) {
	a := wire.AccountTotal{
		ID:                         wire.Some(equityID(row.ModelID, row.SinceInceptionHourlyMarker)),
		Timestamp:                  wire.Seconds(row.ObservedAt),
		RealizedPnl:                wire.FromPtr(row.RealizedPnl),
		Positions:                  raw(row.Positions),
		SinceInceptionMinuteMarker: wire.FromPtr(row.SinceInceptionMinuteMarker),
		SharpeRatio:                wire.FromPtr(row.SharpeRatio),
		CumPnlPct:                  wire.FromPtr(row.CumPnlPct),
		TotalUnrealizedPnl:         wire.FromPtr(row.TotalUnrealizedPnl),
		ModelID:                    row.ModelID,
		SinceInceptionHourlyMarker: row.SinceInceptionHourlyMarker,
		DollarEquity:               row.DollarEquity,
		RunID:                      wire.FromPtr(row.RunID),
	}
	return a, Overlay(row.Extra, &a)
}

func equityID(model string, marker int64) string { return fmt.Sprintf("%s_%d", model, marker) }
