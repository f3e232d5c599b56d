package wire

import (
	"maps"
	"slices"
)

// The rows of downloads that are not those of a list.
type (
	// EquityRow is a row of the download of /equity.
	EquityRow struct {
		ModelID                    string  `json:"model_id"`                      // model
		Timestamp                  float64 `json:"timestamp"`                     // unix seconds with up to six decimals
		DollarEquity               float64 `json:"dollar_equity"`                 // USD
		SinceInceptionHourlyMarker int64   `json:"since_inception_hourly_marker"` // hours since the inception
	}
	// PriceRow is a row of the download of /prices/SYMBOL.
	PriceRow struct {
		Symbol    string  `json:"symbol"`    // coin
		Timestamp float64 `json:"timestamp"` // unix seconds with up to six decimals
		Price     float64 `json:"price"`     // USD
	}
	// PositionRow is a row of the download of /positions.
	PositionRow struct {
		ModelID string `json:"model_id"` // model
		Position
	}
)

// Rows are the trades.
func (t Trades) Rows() []any { return rowsOf(t.Trades) }

// Rows are the positions.
func (h PositionHistory) Rows() []any { return rowsOf(h.Positions) }

// Rows are the open positions of every model, by symbol.
func (p Positions) Rows() (rows []any) {
	for _, m := range p.AccountTotals {
		for _, name := range slices.Sorted(maps.Keys(m.Positions)) {
			rows = append(rows, PositionRow{m.ModelID, m.Positions[name]})
		}
	}
	return rows
}

// Next says that there is nothing behind them.
func (p Positions) Next() string { return "" }

func rowsOf[T any](list []T) []any {
	rows := make([]any, len(list))
	for i, row := range list {
		rows[i] = row
	}
	return rows
}
