package app_test

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/internal/season"
	"nof0/internal/season/seasontest"
	"nof0/internal/wire"
)

// sentFacts are what a season sent, from which the views of its competition are computed
// a second time, by the definitions of their members and without the product's code.
type sentFacts struct {
	*seasontest.Book

	inceptions map[string]wire.SinceInception
	decisions  map[string][]wire.Decision // as they were sent, which is in order of time
}

func factsOf(t *testing.T, plan *season.Plan) sentFacts {
	t.Helper()
	f := sentFacts{seasontest.NewBook(), map[string]wire.SinceInception{}, map[string][]wire.Decision{}}
	for e, err := range plan.Events() {
		require.NoError(t, err)
		require.NoError(t, f.Apply(e.Kind, e.Items, e.Body))
		switch e.Kind {
		case season.KindModels:
			var m struct {
				ID             string              `json:"id"`
				SinceInception wire.SinceInception `json:"since_inception"`
			}
			require.NoError(t, wire.Unmarshal(e.Body, &m))
			f.inceptions[m.ID] = m.SinceInception
		case season.KindDecisions:
			var d wire.Decision
			require.NoError(t, wire.Unmarshal(e.Body, &d))
			f.decisions[d.ModelID] = append(f.decisions[d.ModelID], d)
		}
	}
	return f
}

func (f *sentFacts) competitors() []string {
	return slices.DeleteFunc(f.Models(), func(m string) bool { return m == season.Benchmark })
}

// tradesOf are the trades of a model, the newest exit first.
func (f *sentFacts) tradesOf(model string) []wire.Trade {
	return slices.SortedFunc(maps.Values(f.Trades(model)), func(a, b wire.Trade) int {
		return cmp.Or(cmp.Compare(b.ExitTime, a.ExitTime), cmp.Compare(b.ID, a.ID))
	})
}

// requireComputed holds the views of a competition to the facts that were sent to it.
func (f *sentFacts) requireComputed(t *testing.T, url, competition string) {
	t.Helper()
	within := "?competition=" + competition
	f.requireCurves(t, read[wire.EquityCurves](t, url+"/api/equity"+within).Equity)
	f.requireTotals(t, read[wire.AccountTotals](t, url+"/api/account-totals"+within))
	f.requireBoard(t, read[wire.Leaderboard](t, url+"/api/leaderboard"+within).Leaderboard)

	trades := map[string][]string{}
	for _, trade := range read[wire.Trades](t, url+"/api/trades"+within).Trades {
		same(t, f.Trades(trade.ModelID)[trade.ID], trade)
		trades[trade.ModelID] = append(trades[trade.ModelID], trade.ID)
	}
	accounts := read[wire.SinceInceptionValues](t, url+"/api/since-inception-values"+within).SinceInceptionValues
	require.Len(t, accounts, len(f.inceptions))
	for _, a := range accounts {
		same(t, f.inceptions[a.ModelID], a)
	}
	positions := read[wire.Positions](t, url+"/api/positions"+within).AccountTotals
	require.Len(t, positions, len(f.competitors()))
	for _, model := range f.Models() {
		var newest []string
		for _, trade := range f.tradesOf(model) {
			newest = append(newest, trade.ID)
		}
		require.Equal(t, newest, trades[model], model)
	}
	for _, m := range positions {
		open := f.Open(m.ModelID)
		require.Len(t, m.Positions, len(open), m.ModelID)
		for symbol, must := range open {
			require.Empty(t, must.Matches(m.Positions[symbol]), "%s of %s", symbol, m.ModelID)
		}
	}
	for _, model := range f.competitors() {
		f.requireMetrics(t, url+"/api/analytics/"+model+within, model)
	}
}

func (f *sentFacts) requireCurves(t *testing.T, curves []wire.EquityCurve) {
	t.Helper()
	require.Len(t, curves, len(f.Models()))
	for _, c := range curves {
		rows, nav := f.Equity(c.ModelID), f.inceptions[c.ModelID].NavSinceInception
		points := make([]wire.EquityPoint, len(rows))
		highest, fall, fallDollars := nav, 0.0, 0.0
		hours := []float64{nav}
		for i, row := range rows {
			points[i] = wire.EquityPoint{Timestamp: row.Timestamp, DollarEquity: row.DollarEquity}
			highest = max(highest, row.DollarEquity)
			if below := 100 * (highest - row.DollarEquity) / highest; below > fall {
				fall, fallDollars = below, highest-row.DollarEquity
			}
			if i+1 == len(rows) || rows[i+1].SinceInceptionHourlyMarker != row.SinceInceptionHourlyMarker {
				hours = append(hours, row.DollarEquity)
			}
		}
		require.Equal(t, points, c.Points, c.ModelID)
		require.EqualValues(t, len(rows), c.Rows)
		last := rows[len(rows)-1].DollarEquity
		near(t, 100*(last-nav)/nav, c.ReturnPct.Or(math.NaN()), c.ModelID)
		near(t, fall, c.MaxDrawdownPct, c.ModelID)
		near(t, fallDollars, c.MaxDrawdownDollars, c.ModelID)
		near(t, 100*(highest-last)/highest, c.DrawdownPct, c.ModelID)
		var returns []float64
		for i := 1; i < len(hours); i++ {
			returns = append(returns, (hours[i]-hours[i-1])/hours[i-1])
		}
		mean, deviation := moments(returns)
		near(t, mean/deviation, c.Sharpe, c.ModelID)
	}
}

// requireTotals holds account totals to the newest row of each model and hour.
func (f *sentFacts) requireTotals(t *testing.T, totals wire.AccountTotals) {
	t.Helper()
	type hour struct {
		model  string
		marker int64
	}
	newest, last := map[hour]wire.AccountTotal{}, int64(-1)
	for _, model := range f.Models() {
		for _, row := range f.Equity(model) {
			newest[hour{model, row.SinceInceptionHourlyMarker}] = row
			last = max(last, row.SinceInceptionHourlyMarker)
		}
	}
	require.Equal(t, last, totals.LastHourlyMarkerRead)
	require.Len(t, totals.AccountTotals, len(newest))
	for _, row := range totals.AccountTotals {
		same(t, newest[hour{row.ModelID, row.SinceInceptionHourlyMarker}], row)
	}
}

func (f *sentFacts) requireBoard(t *testing.T, board []wire.LeaderboardRow) {
	t.Helper()
	require.Len(t, board, len(f.competitors()))
	for i, row := range board {
		newest, ok := f.Newest(row.ID)
		require.True(t, ok, row.ID)
		nav := f.inceptions[row.ID].NavSinceInception
		require.Equal(t, wire.Some(newest.DollarEquity), row.Equity)
		near(t, 100*(newest.DollarEquity-nav)/nav, row.ReturnPct.Or(math.NaN()), row.ID)
		require.Equal(t, newest.SharpeRatio, row.Sharpe)
		wins, won, lost := int64(0), 0.0, 0.0
		for _, trade := range f.Trades(row.ID) {
			if trade.RealizedNetPnl > 0 {
				wins, won = wins+1, won+trade.RealizedNetPnl
			} else {
				lost += trade.RealizedNetPnl
			}
		}
		all := int64(len(f.Trades(row.ID)))
		require.Equal(t, []int64{all, wins, all - wins}, []int64{row.NumTrades, row.NumWins, row.NumLosses}, row.ID)
		near(t, won, row.WinDollars.Or(math.NaN()), row.ID)
		near(t, lost, row.LoseDollars.Or(math.NaN()), row.ID)
		if i > 0 {
			require.GreaterOrEqual(t, board[i-1].ReturnPct.Or(math.NaN()), row.ReturnPct.Or(math.NaN()))
		}
	}
}

// requireMetrics holds the metrics of a model to its trades and decisions.
func (f *sentFacts) requireMetrics(t *testing.T, address, model string) {
	t.Helper()
	res := get(t, address)
	require.Equal(t, http.StatusOK, res.StatusCode, "%s: %s", address, res.body)
	doc := res.object(t)["analytics"].([]any)[0].(object)
	net, gross, fees := []float64{}, []float64{}, []float64{}
	notional, minutes := []float64{}, []float64{}
	byOutcome, bySide := map[bool][]float64{}, map[string][]float64{}
	trades := f.tradesOf(model)
	require.NotEmpty(t, trades)
	for _, trade := range trades {
		net = append(net, trade.RealizedNetPnl)
		gross = append(gross, trade.RealizedGrossPnl.Or(math.NaN()))
		fees = append(fees, trade.TotalCommissionDollars.Or(math.NaN()))
		notional = append(notional, math.Abs(trade.Quantity)*trade.EntryPrice)
		minutes = append(minutes, (trade.ExitTime-trade.EntryTime)/60)
		byOutcome[trade.RealizedNetPnl > 0] = append(byOutcome[trade.RealizedNetPnl > 0], trade.RealizedNetPnl)
		bySide[trade.Side] = append(bySide[trade.Side], trade.RealizedNetPnl)
	}
	signals, breaks := map[string]int{}, []float64{}
	decisions := f.decisions[model]
	for i, d := range decisions {
		var answer map[string]any
		if len(d.LlmResponse) > 0 {
			require.NoError(t, wire.Unmarshal(d.LlmResponse, &answer))
		}
		for _, said := range answer {
			if coin, ok := said.(object); ok { // a failed answer is a text
				signals[coin["signal"].(string)]++
			}
		}
		if i > 0 {
			breaks = append(breaks, (d.Timestamp-decisions[i-1].Timestamp)/60)
		}
	}
	want := map[string]float64{
		"fee_pnl_moves_breakdown_table/total_fees_paid":               sum(fees),
		"fee_pnl_moves_breakdown_table/overall_pnl_without_fees":      sum(gross),
		"fee_pnl_moves_breakdown_table/overall_pnl_with_fees":         sum(net),
		"fee_pnl_moves_breakdown_table/biggest_net_loss":              slices.Min(net),
		"fee_pnl_moves_breakdown_table/biggest_net_gain":              slices.Max(net),
		"winners_losers_breakdown_table/win_rate":                     100 * float64(len(byOutcome[true])) / float64(len(net)),
		"longs_shorts_breakdown_table/num_long_trades":                float64(len(bySide["long"])),
		"longs_shorts_breakdown_table/num_short_trades":               float64(len(bySide["short"])),
		"longs_shorts_breakdown_table/long_short_trades_ratio":        float64(len(bySide["long"])) / float64(len(net)),
		"overall_trades_overview_table/total_trades":                  float64(len(net)),
		"overall_trades_overview_table/median_holding_period_mins":    median(minutes),
		"overall_trades_overview_table/median_size_of_trade_notional": median(notional),
		"signals_breakdown_table/num_long_signals":                    float64(signals["buy_to_enter"]),
		"signals_breakdown_table/num_short_signals":                   float64(signals["sell_to_enter"]),
		"signals_breakdown_table/num_close_signals":                   float64(signals["close_position"]),
		"signals_breakdown_table/num_hold_signals":                    float64(signals["hold"]),
		"invocation_breakdown_table/num_invocations":                  float64(len(decisions)),
		"invocation_breakdown_table/min_invocation_break_mins":        slices.Min(breaks),
		"invocation_breakdown_table/max_invocation_break_mins":        slices.Max(breaks),
	}
	for table, groups := range map[string]map[string][]float64{
		"fee_pnl_moves_breakdown_table":  {"net_pnl": net, "gross_pnl": gross, "taker_fee": fees},
		"winners_losers_breakdown_table": {"winners_net_pnl": byOutcome[true], "losers_net_pnl": byOutcome[false]},
		"longs_shorts_breakdown_table":   {"longs_net_pnl": bySide["long"], "shorts_net_pnl": bySide["short"]},
		"overall_trades_overview_table":  {"holding_period_mins": minutes, "size_of_trade_notional": notional},
		"invocation_breakdown_table":     {"invocation_break_mins": breaks},
	} {
		for name, values := range groups {
			want[table+"/avg_"+name], want[table+"/std_"+name] = moments(values)
		}
	}
	for path, figure := range want {
		table, name, _ := strings.Cut(path, "/")
		got, ok := doc[table].(object)[name].(float64)
		require.True(t, ok, path)
		near(t, figure, got, fmt.Sprintf("%s %s: %s", address, path, res.body))
	}
	require.InDelta(t, trades[0].ExitTime, doc["last_trade_exit_time"], 0)
	require.Equal(t, decisions[len(decisions)-1].ID, doc["last_convo_doc_id"])
}

func sum(values []float64) (total float64) {
	for _, v := range values {
		total += v
	}
	return total
}

// moments are the mean and the sample deviation.
func moments(values []float64) (mean, deviation float64) {
	if len(values) == 0 {
		return 0, 0
	}
	mean = sum(values) / float64(len(values))
	if len(values) == 1 {
		return mean, 0
	}
	for _, v := range values {
		deviation += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(deviation / float64(len(values)-1))
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// same holds a row to another one, whatever the order of its members.
func same(t *testing.T, want, got any) {
	t.Helper()
	var rows [2]string
	for i, v := range []any{want, got} {
		row, err := wire.Marshal(v)
		require.NoError(t, err)
		rows[i] = string(row)
	}
	require.JSONEq(t, rows[0], rows[1])
}

// near holds a figure to one that is summed up in another order.
func near(t *testing.T, want, got float64, of string) {
	t.Helper()
	require.InDelta(t, want, got, 1e-8*max(1, math.Abs(want)), of)
}
