package analytics

import (
	"cmp"
	"math"
	"slices"

	"github.com/shopspring/decimal"

	"nof0/internal/wire"
)

// Competitor are the facts from which one row of the leaderboard follows.
type Competitor struct {
	ID  string
	NAV float64 // at inception, USD; 0 where it is not known
	// First is the equity of the first row, USD, from which a return counts where no
	// inception is known; 0 where one is.
	First  float64
	Newest *wire.AccountTotal // newest equity row, nil before the first
	Trades TradeTally
	// Imported is the row of an imported leaderboard, of the time ImportedAsOf in
	// unix seconds; nil without one. It counts where no newer equity row, or no
	// trade at all, is known.
	Imported     *wire.LeaderboardRow
	ImportedAsOf float64
	// HourlyEquities is the series of Sharpe, NAV first. It is read only where
	// Newest states no Sharpe ratio.
	HourlyEquities []float64
}

// TradeTally are the exact outcomes of a model's trades.
type TradeTally struct {
	Count, Wins int64           // a win has net PnL above 0, the rest are losses
	WinDollars  decimal.Decimal // sum of the positive net PnL
	LoseDollars decimal.Decimal // sum of the negative net PnL
}

// Tally counts the outcomes of trades.
func Tally(trades []wire.Trade) TradeTally {
	t := TradeTally{Count: int64(len(trades))}
	var win, lose ExactSum
	for i := range trades {
		net := trades[i].RealizedNetPnl
		if net > 0 {
			t.Wins++
			win.Add(net)
		} else {
			lose.Add(net)
		}
	}
	t.WinDollars, t.LoseDollars = win.Decimal(), lose.Decimal()
	return t
}

// Leaderboard returns a row per competitor, by return descending, ties in the order
// that they come in. A figure that no double can hold is an infinity or NaN; rendered, it is absent.
// A competitor without equity has neither equity nor return_pct, a sharpe of
// 0, and comes last.
func Leaderboard(competitors []Competitor) []wire.LeaderboardRow {
	rows := make([]wire.LeaderboardRow, 0, len(competitors))
	for i := range competitors {
		rows = append(rows, competitors[i].row())
	}
	slices.SortStableFunc(rows, CompareRows)
	return rows
}

// CompareRows orders the rows of a leaderboard: by return descending, those
// without one that is finite behind them, and those without equity last. Ties are as
// the models are listed.
func CompareRows(a, b wire.LeaderboardRow) int {
	x, hasA := finite(a.ReturnPct)
	y, hasB := finite(b.ReturnPct)
	return cmp.Or(first(hasA, hasB), cmp.Compare(y, x), first(!a.Equity.IsZero(), !b.Equity.IsZero()))
}

// first orders what has something before what has not.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// ShowsImported reports whether equity, return and Sharpe ratio are those of the
// imported row.
func (c *Competitor) ShowsImported() bool {
	return c.Imported != nil && (c.Newest == nil || wire.CompareTimes(c.Newest.Timestamp, c.ImportedAsOf) < 0)
}

// finite returns the value of a member; ok is false where there is none that is a
// finite number.
func finite(o wire.Opt[float64]) (v float64, ok bool) {
	v, ok = o.Get()
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, false
	}
	return v, ok
}

func (c *Competitor) row() wire.LeaderboardRow {
	row := wire.LeaderboardRow{
		ID:          c.ID,
		NumTrades:   c.Trades.Count,
		NumWins:     c.Trades.Wins,
		NumLosses:   c.Trades.Count - c.Trades.Wins,
		WinDollars:  wire.Some(c.Trades.WinDollars.InexactFloat64()),
		LoseDollars: wire.Some(c.Trades.LoseDollars.InexactFloat64()),
		Sharpe:      wire.Some(0.0),
	}
	if c.Imported != nil && c.Trades.Count == 0 {
		row.NumTrades, row.NumWins, row.NumLosses = c.Imported.NumTrades, c.Imported.NumWins, c.Imported.NumLosses
		row.WinDollars, row.LoseDollars = c.Imported.WinDollars, c.Imported.LoseDollars
	}
	if c.ShowsImported() {
		row.Equity, row.ReturnPct, row.Sharpe = c.Imported.Equity, c.Imported.ReturnPct, c.Imported.Sharpe
		row.Extra = c.Imported.Extra
		return row
	}
	if c.Newest == nil {
		return row
	}
	row.Equity = wire.Some(c.Newest.DollarEquity)
	if base := cmp.Or(c.NAV, c.First); base > 0 {
		row.ReturnPct = wire.Some((c.Newest.DollarEquity/base - 1) * 100)
	}
	if sharpe, ok := c.Newest.SharpeRatio.Get(); ok {
		row.Sharpe = wire.Some(sharpe)
	} else {
		row.Sharpe = wire.Some(Sharpe(c.HourlyEquities))
	}
	return row
}
