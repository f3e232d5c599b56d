package analytics_test

import (
	"maps"
	"math"
	"sort"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"nof0/internal/season"
	"nof0/internal/testsize"
	"nof0/internal/wire"
)

// What follows computes metrics a second time, from the facts of a season, in
// the plainest way and without anything of the package under test.

func mean(xs []float64) float64 {
	if len(xs) == 0 {
		return 0
	}
	sum := 0.0
	for _, x := range xs {
		sum += x
	}
	return sum / float64(len(xs))
}

func deviation(xs []float64) float64 {
	if len(xs) < 2 {
		return 0
	}
	m, squares := mean(xs), 0.0
	for _, x := range xs {
		squares += (x - m) * (x - m)
	}
	return math.Sqrt(squares / float64(len(xs)-1))
}

func middle(xs []float64) float64 {
	sorted := append([]float64(nil), xs...)
	sort.Float64s(sorted)
	switch n := len(sorted); {
	case n == 0:
		return 0
	case n%2 == 1:
		return sorted[n/2]
	default:
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
}

func sum(xs []float64) float64 { return mean(xs) * float64(len(xs)) }

func share(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// tradeColumns are the quantities over some trades.
type tradeColumns struct{ net, gross, fee, notional, minutes []float64 }

func (c *tradeColumns) add(t *wire.Trade) {
	c.net = append(c.net, t.RealizedNetPnl)
	if g, ok := t.RealizedGrossPnl.Get(); ok {
		c.gross = append(c.gross, g)
	}
	if f, ok := t.TotalCommissionDollars.Get(); ok {
		c.fee = append(c.fee, f)
	}
	c.notional = append(c.notional, math.Abs(t.Quantity)*t.EntryPrice)
	c.minutes = append(c.minutes, (t.ExitTime-t.EntryTime)/60)
}

func tradeFields(trades []wire.Trade) map[string]float64 {
	var all, winners, losers, longs, shorts tradeColumns
	for i := range trades {
		t := &trades[i]
		all.add(t)
		if t.RealizedNetPnl > 0 {
			winners.add(t)
		} else {
			losers.add(t)
		}
		if t.Side == "long" {
			longs.add(t)
		} else {
			shorts.add(t)
		}
	}
	f := map[string]float64{
		"total_fees_paid": sum(all.fee), "overall_pnl_without_fees": sum(all.gross), "overall_pnl_with_fees": sum(all.net),
		"avg_net_pnl": mean(all.net), "avg_gross_pnl": mean(all.gross), "avg_taker_fee": mean(all.fee),
		"std_net_pnl": deviation(all.net), "std_gross_pnl": deviation(all.gross), "std_taker_fee": deviation(all.fee),
		"win_rate":        100 * share(len(winners.net), len(trades)),
		"num_long_trades": float64(len(longs.net)), "num_short_trades": float64(len(shorts.net)),
		"long_short_trades_ratio": share(len(longs.net), len(trades)), "total_trades": float64(len(trades)),
		"avg_holding_period_mins": mean(all.minutes), "median_holding_period_mins": middle(all.minutes), "std_holding_period_mins": deviation(all.minutes),
		"avg_size_of_trade_notional": mean(all.notional), "median_size_of_trade_notional": middle(all.notional), "std_size_of_trade_notional": deviation(all.notional),
	}
	if len(trades) > 0 {
		sorted := append([]float64(nil), all.net...)
		sort.Float64s(sorted)
		f["biggest_net_loss"], f["biggest_net_gain"] = sorted[0], sorted[len(sorted)-1]
	}
	if f["overall_pnl_with_fees"] > 0 {
		f["total_fees_as_pct_of_pnl"] = 100 * f["total_fees_paid"] / f["overall_pnl_with_fees"]
	}
	for name, c := range map[string]tradeColumns{"winners": winners, "losers": losers, "longs": longs, "shorts": shorts} {
		f["avg_"+name+"_net_pnl"], f["std_"+name+"_net_pnl"] = mean(c.net), deviation(c.net)
		f["avg_"+name+"_notional"], f["std_"+name+"_notional"] = mean(c.notional), deviation(c.notional)
		f["avg_"+name+"_holding_period"], f["std_"+name+"_holding_period"] = mean(c.minutes), deviation(c.minutes)
	}
	return f
}

func decisionFields(t *testing.T, decisions []wire.Decision, symbols []string) map[string]float64 {
	t.Helper()
	words := map[string]string{"buy_to_enter": "long", "sell_to_enter": "short", "close_position": "close", "hold": "hold"}
	confidence, leverage := map[string][]float64{}, map[string][]float64{}
	counts, state, minutes := map[string]int{}, map[string]string{}, map[string]float64{}
	for _, s := range symbols {
		state[s] = "flat"
	}
	var gaps []float64
	for i, d := range decisions {
		if i > 0 {
			gap := (d.Timestamp - decisions[i-1].Timestamp) / 60
			gaps = append(gaps, gap)
			for _, s := range state {
				minutes[s] += gap
			}
		}
		var coins map[string]any
		if json.Unmarshal(d.LlmResponse, &coins) != nil {
			continue
		}
		for coin, v := range coins {
			o, ok := v.(map[string]any)
			if !ok {
				continue
			}
			word := words[o["signal"].(string)]
			counts[word]++
			counts["all"]++
			for _, key := range []string{word, "all"} {
				confidence[key] = append(confidence[key], o["confidence"].(float64))
				leverage[key] = append(leverage[key], o["leverage"].(float64))
			}
			switch word {
			case "long", "short":
				state[coin] = word
				leverage["entry"] = append(leverage["entry"], o["leverage"].(float64))
			case "close":
				state[coin] = "flat"
			}
		}
	}
	all := minutes["long"] + minutes["short"] + minutes["flat"]
	f := map[string]float64{
		"total_signals": float64(counts["all"]), "avg_confidence": mean(confidence["all"]), "median_confidence": middle(confidence["all"]), "std_confidence": deviation(confidence["all"]),
		"avg_leverage": mean(leverage["all"]), "median_leverage": middle(leverage["all"]), "std_leverage": deviation(leverage["all"]),
		"avg_convo_leverage": mean(leverage["entry"]), "median_convo_leverage": middle(leverage["entry"]),
		"long_short_ratio": share(counts["long"], counts["short"]), "num_invocations": float64(len(decisions)),
		"avg_invocation_break_mins": mean(gaps), "std_invocation_break_mins": deviation(gaps),
	}
	if len(gaps) > 0 {
		sorted := append([]float64(nil), gaps...)
		sort.Float64s(sorted)
		f["min_invocation_break_mins"], f["max_invocation_break_mins"] = sorted[0], sorted[len(sorted)-1]
	}
	for _, word := range []string{"long", "short", "close", "hold"} {
		f["num_"+word+"_signals"] = float64(counts[word])
		f[word+"_signal_pct"] = 100 * share(counts[word], counts["all"])
		f["avg_confidence_"+word], f["std_confidence_"+word] = mean(confidence[word]), deviation(confidence[word])
	}
	for _, side := range []string{"long", "short"} {
		f["avg_leverage_"+side], f["std_leverage_"+side] = mean(leverage[side]), deviation(leverage[side])
	}
	for _, s := range []string{"long", "short", "flat"} {
		f["mins_"+s+"_combined"] = minutes[s]
		if all > 0 {
			f["pct_mins_"+s+"_combined"] = 100 * minutes[s] / all
		}
	}
	return f
}

func near(t *testing.T, want, got float64, why ...any) {
	t.Helper()
	require.InDelta(t, want, got, 1e-9*math.Abs(want)+1e-7, why...)
}

func TestSeasonsAgreeWithAnIndependentComputation(t *testing.T) {
	t.Parallel()
	for seed := range testsize.Pick(uint64(6), 20) {
		s, err := season.Generate(t.Context(), season.Options{Seed: seed, Models: 4, Hours: 40})
		require.NoError(t, err)
		f := s.Facts()
		trades, decisions := map[string][]wire.Trade{}, map[string][]wire.Decision{}
		for _, trade := range f.Trades {
			trades[trade.ModelID] = append(trades[trade.ModelID], trade)
		}
		for _, d := range f.Decisions {
			decisions[d.ModelID] = append(decisions[d.ModelID], d)
		}
		checked := 0
		for _, doc := range s.Analytics() {
			want := tradeFields(trades[doc.ModelID])
			maps.Copy(want, decisionFields(t, decisions[doc.ModelID], s.Symbols()))
			raw, err := wire.Marshal(doc)
			require.NoError(t, err)
			var members map[string]any
			require.NoError(t, json.Unmarshal(raw, &members))
			for _, member := range members {
				fields, _ := member.(map[string]any)
				for name, got := range fields {
					near(t, want[name], got.(float64), "%s of %s, seed %d", name, doc.ModelID, seed)
					checked++
				}
			}
			last := trades[doc.ModelID][len(trades[doc.ModelID])-1]
			require.Equal(t, wire.Some(last.ExitTime), doc.LastTradeExitTime)
			require.Equal(t, decisions[doc.ModelID][len(decisions[doc.ModelID])-1].ID, doc.LastConvoDocID.Or(""))
		}
		require.Equal(t, 3*92, checked, "every number of every model but that of other signals, of which there are none")
		checkLeaderboard(t, f, s.Leaderboard(), trades)
	}
}

func checkLeaderboard(t *testing.T, f season.Facts, board []wire.LeaderboardRow, trades map[string][]wire.Trade) {
	t.Helper()
	require.Len(t, board, len(f.Competitors))
	nav, equities := map[string]float64{}, map[string][]float64{}
	for _, a := range f.Accounts {
		nav[a.ModelID] = a.NavSinceInception
		equities[a.ModelID] = []float64{a.NavSinceInception}
	}
	for _, row := range f.Equity {
		equities[row.ModelID] = append(equities[row.ModelID], row.DollarEquity)
	}
	before := math.Inf(1)
	for _, row := range board {
		series := equities[row.ID]
		newest := series[len(series)-1]
		near(t, newest, row.Equity.Or(0))
		near(t, (newest/nav[row.ID]-1)*100, row.ReturnPct.Or(0))
		require.LessOrEqual(t, row.ReturnPct.Or(0), before, "by return")
		before = row.ReturnPct.Or(0)
		var win, lose float64
		var wins int64
		for _, trade := range trades[row.ID] {
			if trade.RealizedNetPnl > 0 {
				wins++
				win += trade.RealizedNetPnl
			} else {
				lose += trade.RealizedNetPnl
			}
		}
		total := int64(len(trades[row.ID]))
		require.Equal(t, [3]int64{total, wins, total - wins}, [3]int64{row.NumTrades, row.NumWins, row.NumLosses})
		near(t, win, row.WinDollars.Or(0))
		near(t, lose, row.LoseDollars.Or(0))
		var returns []float64
		for i := 1; i < len(series); i++ {
			returns = append(returns, series[i]/series[i-1]-1)
		}
		require.InDelta(t, mean(returns)/deviation(returns), row.Sharpe.Or(99), 1e-6)
	}
}
