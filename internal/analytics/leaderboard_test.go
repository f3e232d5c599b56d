package analytics

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"nof0/internal/wire"
)

func TestLeaderboardOrder(t *testing.T) {
	t.Parallel()
	equity := func(usd float64) *wire.AccountTotal { return &wire.AccountTotal{DollarEquity: usd} }
	rows := Leaderboard([]Competitor{
		{ID: "z-new", NAV: 10000},
		{ID: "b-tied", NAV: 10000, Newest: equity(11000)},
		{ID: "loses", NAV: 10000, Newest: equity(2500)},
		{ID: "nav-unknown", Newest: equity(99999)},
		{ID: "from-first", First: 10000, Newest: equity(9000)},
		{ID: "a-tied", NAV: 20000, Newest: equity(22000)},
		{ID: "wins", NAV: 10000, Newest: equity(30000)},
	})
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	assert.Equal(t, []string{"wins", "b-tied", "a-tied", "from-first", "loses", "nav-unknown", "z-new"}, ids)
	assert.Equal(t, wire.Some(200.0), rows[0].ReturnPct)
	none := wire.LeaderboardRow{WinDollars: wire.Some(0.0), LoseDollars: wire.Some(0.0), Sharpe: wire.Some(0.0)}
	none.ID = "z-new"
	assert.Equal(t, none, rows[6], "no equity and no return, not zeros")
	none.ID, none.Equity = "nav-unknown", wire.Some(99999.0)
	assert.Equal(t, none, rows[5])
}

func TestLeaderboardCountsTrades(t *testing.T) {
	t.Parallel()
	var trades []wire.Trade
	for _, net := range []float64{0.1, 0.2, 0, -0.3, -0.7} {
		trades = append(trades, wire.Trade{RealizedNetPnl: net})
	}
	row := Leaderboard([]Competitor{{ID: "m", Trades: Tally(trades)}})[0]
	assert.Equal(t, wire.LeaderboardRow{
		ID: "m", NumTrades: 5, NumWins: 2, NumLosses: 3, WinDollars: wire.Some(0.3), LoseDollars: wire.Some(-1.0), Sharpe: wire.Some(0.0),
	}, row)
}

func TestSharpeIsTheNewestRowsElseComputed(t *testing.T) {
	t.Parallel()
	hourly := []float64{100, 110, 99, 108.9}
	stated := &wire.AccountTotal{DollarEquity: 108.9, SharpeRatio: wire.Some(-0.5)}
	null := &wire.AccountTotal{DollarEquity: 108.9, SharpeRatio: wire.Null[float64]()}
	rows := Leaderboard([]Competitor{
		{ID: "a", NAV: 100, Newest: stated, HourlyEquities: hourly},
		{ID: "b", NAV: 100, Newest: null, HourlyEquities: hourly},
		{ID: "c", NAV: 100, HourlyEquities: hourly},
	})
	assert.InDelta(t, -0.5, rows[0].Sharpe.Or(99), 0)
	assert.InDelta(t, (0.1/3)/0.11547005383792514, rows[1].Sharpe.Or(99), 1e-12)
	assert.Zero(t, rows[2].Sharpe.Or(99))
}

func TestSharpeOfTooLittleIsZero(t *testing.T) {
	t.Parallel()
	assert.Zero(t, Sharpe(nil))
	assert.Zero(t, Sharpe([]float64{100, 101}), "one return")
	assert.Zero(t, Sharpe([]float64{100, 100, 100}), "no deviation")
	assert.Zero(t, Sharpe([]float64{100, 0, 50}), "no return on nothing, which leaves one")
}
