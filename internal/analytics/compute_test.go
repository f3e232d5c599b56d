package analytics

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/internal/testsize"
	"nof0/internal/wire"
)

// randomTrades are trades whose magnitudes are far enough apart for a sum of
// doubles to depend on its order.
func randomTrades(r *rand.Rand, n int) []wire.Trade {
	trades := make([]wire.Trade, n)
	for i := range trades {
		t := &trades[i]
		t.ID = fmt.Sprintf("m_%04d", i)
		t.Side, t.Quantity = "long", r.ExpFloat64()*10+0.1
		if r.IntN(2) == 0 {
			t.Side, t.Quantity = "short", -t.Quantity
		}
		t.EntryPrice = r.Float64()*1e5 + 0.01
		t.EntryTime = float64(1760738669806000+r.Int64N(1e12)) / 1e6
		t.ExitTime = t.EntryTime + float64(r.Int64N(1e6))
		t.RealizedNetPnl = r.NormFloat64() * []float64{1e-7, 1, 1e9}[r.IntN(3)]
		t.RealizedGrossPnl = wire.Some(r.NormFloat64() * 1e3)
		t.TotalCommissionDollars = wire.Some(r.Float64())
	}
	return trades
}

func randomDecisions(r *rand.Rand, n int) []wire.Decision {
	words := []string{SignalLong, SignalShort, SignalClose, SignalHold, "wait"}
	decisions := make([]wire.Decision, n)
	for i := range decisions {
		d := &decisions[i]
		d.ID = fmt.Sprintf("m_%d", i)
		d.Timestamp = float64(1760738669+r.IntN(n)*60) + 0.25 // some coincide
		answer := map[string]any{}
		for _, coin := range []string{"BTC", "ETH", "SOL"} {
			answer[coin] = map[string]any{
				"signal": words[r.IntN(len(words))], "confidence": r.Float64(), "leverage": 1 + r.IntN(20),
			}
		}
		raw, err := wire.Marshal(answer)
		if err != nil {
			panic(err)
		}
		d.LlmResponse = raw
	}
	return decisions
}

func bytesOf(t *testing.T, v any) string {
	t.Helper()
	raw, err := wire.Marshal(v)
	require.NoError(t, err)
	return string(raw)
}

func TestOrderOfFactsDoesNotMatter(t *testing.T) {
	t.Parallel()
	for seed := range testsize.Pick(uint64(6), 20) {
		r := rand.New(rand.NewPCG(seed, 1))
		in := Input{
			Model: "m", Trades: randomTrades(r, 1+r.IntN(200)), Decisions: randomDecisions(r, r.IntN(100)),
			History: HistoryWhole,
		}
		want := bytesOf(t, Compute(in))
		wantTally := Tally(in.Trades)
		for range 5 {
			r.Shuffle(len(in.Trades), func(i, j int) { in.Trades[i], in.Trades[j] = in.Trades[j], in.Trades[i] })
			r.Shuffle(len(in.Decisions), func(i, j int) {
				in.Decisions[i], in.Decisions[j] = in.Decisions[j], in.Decisions[i]
			})
			require.Equal(t, want, bytesOf(t, Compute(in)), "seed %d", seed)
			tally := Tally(in.Trades)
			require.True(t, wantTally.WinDollars.Equal(tally.WinDollars))
			require.True(t, wantTally.LoseDollars.Equal(tally.LoseDollars))
		}
	}
}

func TestStatsAgreeWithThePlainFormulas(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 7))
	trades := randomTrades(r, 500)
	doc := Compute(Input{Model: "m", Trades: trades})
	var sum float64
	for i := range trades {
		sum += trades[i].RealizedGrossPnl.Or(0)
	}
	mean := sum / 500
	var squares float64
	for i := range trades {
		off := trades[i].RealizedGrossPnl.Or(0) - mean
		squares += off * off
	}
	assert.InEpsilon(t, mean, doc.FeePnlMoves.AvgGrossPnl, 1e-9)
	assert.InEpsilon(t, squares/499, doc.FeePnlMoves.StdGrossPnl*doc.FeePnlMoves.StdGrossPnl, 1e-9)
	assert.Equal(t, int64(500), doc.OverallTradesOverview.TotalTrades)
	assert.Equal(t, int64(500), doc.LongsShorts.NumLongTrades+doc.LongsShorts.NumShortTrades)
}

func TestNothingGivesZeros(t *testing.T) {
	t.Parallel()
	doc := Compute(Input{Model: "m", Symbols: []string{"BTC"}})
	assert.Equal(t, Document{ID: "m", ModelID: "m"}, doc)
	for table, fields := range tables(t, doc) {
		for field, v := range fields {
			assert.Zero(t, v, "%s %s", table, field)
		}
	}
}

func TestEmptyGroupsGiveZeros(t *testing.T) {
	t.Parallel()
	doc := Compute(Input{Model: "m", Trades: []wire.Trade{{
		ID: "m_1", Side: "long", Quantity: 2, EntryPrice: 10, EntryTime: 60, ExitTime: 180, RealizedNetPnl: 0,
	}}})
	assert.Equal(t, WinnersLosers{AvgLosersNotional: 20, AvgLosersHoldingPeriod: 2}, doc.WinnersLosers,
		"a net PnL of 0 is no win, and one trade has no deviation")
	assert.Equal(t, LongsShorts{
		NumLongTrades: 1, LongShortTradesRatio: 1, AvgLongsNotional: 20, AvgLongsHoldingPeriod: 2,
	}, doc.LongsShorts)
	assert.Equal(t, FeePnlMoves{}, doc.FeePnlMoves, "what a trade does not state is not counted")
}

func TestNewestOfTiesIsTheSmallestID(t *testing.T) {
	t.Parallel()
	trades := randomTrades(rand.New(rand.NewPCG(1, 1)), 3)
	decisions := randomDecisions(rand.New(rand.NewPCG(1, 1)), 3)
	for i := range trades {
		trades[i].ExitTime, decisions[i].Timestamp = 1761e6, 1761e6
	}
	doc := Compute(Input{Model: "m", Trades: trades, Decisions: decisions})
	assert.Equal(t, wire.Some("m_0000"), doc.LastTradeDocID)
	assert.Equal(t, wire.Some("m_0"), doc.LastConvoDocID)
}

func decisionAt(minute float64, answer string) wire.Decision {
	return wire.Decision{
		ID: fmt.Sprintf("m_%v", minute), Timestamp: 60 * minute, LlmResponse: jsontext.Value(answer),
	}
}

func TestMinutesGoToTheStateOfEachCoin(t *testing.T) {
	t.Parallel()
	doc := Compute(Input{
		Model:   "m",
		Symbols: []string{"BTC", "ETH", "SOL"},
		History: HistoryPartial,
		Decisions: []wire.Decision{
			decisionAt(0, `{}`),
			decisionAt(1, `{"BTC":{"signal":"buy_to_enter","confidence":0.5,"leverage":10}}`),
			decisionAt(3, `{"failed_json_response_raw_text":"…"}`),
			decisionAt(7, `{"BTC":{"signal":"hold","confidence":0.7},"ETH":{"signal":"sell_to_enter","leverage":5}}`),
			decisionAt(15, `{"BTC":{"signal":"close_position"},"ETH":{"signal":"close_position"},"DOGE":{"signal":"maybe"}}`),
			decisionAt(31, `{"BTC":{"signal":7,"leverage":"ten"},"ETH":[]}`),
		},
	})
	s := doc.Signals
	assert.Equal(t, [6]int64{1, 1, 2, 1, 2, 7}, [6]int64{
		s.NumLongSignals, s.NumShortSignals, s.NumCloseSignals, s.NumHoldSignals, s.NumOtherSignals, s.TotalSignals,
	})
	assert.InDelta(t, 2+4+8, s.MinsLongCombined, 0)
	assert.InDelta(t, 8, s.MinsShortCombined, 0)
	assert.InDelta(t, 4*31-14-8, s.MinsFlatCombined, 0, "DOGE was named, so it is a coin too")
	assert.InDelta(t, 100*14.0/124, s.PctMinsLongCombined, 1e-12)
	assert.InDelta(t, 0.6, s.AvgConfidence, 1e-15)
	assert.InDelta(t, 7.5, doc.OverallTradesOverview.AvgConvoLeverage, 0)
	assert.Equal(t, Invocation{
		NumInvocations: 6, AvgInvocationBreakMins: 6.2, MinInvocationBreakMins: 1, MaxInvocationBreakMins: 16,
		StdInvocationBreakMins: doc.Invocation.StdInvocationBreakMins,
	}, doc.Invocation)
	assert.InDelta(t, 6.099180273, doc.Invocation.StdInvocationBreakMins, 1e-8)
	assert.Equal(t, wire.Some(Coverage{
		FirstDecisionID: wire.Some("m_0"), FirstDecisionTimestamp: wire.Some(0.0), TradesWhole: true,
	}), doc.Coverage)
}

func BenchmarkCompute(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	trades := randomTrades(r, 100_000)
	for i := range trades { // decimals as real rows have them
		t := &trades[i]
		t.Quantity = float64(int64(t.Quantity*100+1)) / 100
		t.EntryPrice = float64(int64(t.EntryPrice*10+1)) / 10
		t.RealizedNetPnl = float64(r.Int64N(1e9)-5e8) / 1e6
		t.RealizedGrossPnl = wire.Some(float64(r.Int64N(1e9)-5e8) / 1e6)
		t.TotalCommissionDollars = wire.Some(float64(r.Int64N(1e7)) / 1e6)
	}
	for b.Loop() {
		Compute(Input{Model: "m", Trades: trades})
	}
}
