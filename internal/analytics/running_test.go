package analytics

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/internal/testsize"
	"nof0/internal/wire"
)

// kept is a Running as it comes back from where it was kept.
func kept(t *testing.T, r *Running) *Running {
	t.Helper()
	raw, err := wire.Marshal(r)
	require.NoError(t, err)
	back := new(Running)
	require.NoError(t, json.Unmarshal(raw, back))
	return back
}

// inParts adds facts in parts, keeping the Running between two of them. As its
// keeper does, it starts over where a median has been lost.
func inParts(t *testing.T, r *rand.Rand, trades []wire.Trade, decisions []wire.Decision) (doc Document, restarts int) {
	t.Helper()
	sorted := chronological(decisions)
	running := NewRunning(Origin{})
	tradesDone, decisionsDone := 0, 0
	for {
		tradesTo := min(len(trades), tradesDone+r.IntN(40))
		decisionsTo := min(len(sorted), decisionsDone+r.IntN(20))
		for ; tradesDone < tradesTo; tradesDone++ {
			running.AddTrade(&trades[tradesDone])
		}
		for ; decisionsDone < decisionsTo; decisionsDone++ {
			require.NoError(t, running.AddDecision(sorted[decisionsDone]))
		}
		var err error
		if doc, err = running.Document("m", nil, wire.Time(1761e6)); err != nil {
			require.ErrorIs(t, err, ErrMedianLost)
			restarts++
			running = NewRunning(Origin{})
			tradesDone, decisionsDone = 0, 0
			for ; tradesDone < tradesTo; tradesDone++ {
				running.AddTrade(&trades[tradesDone])
			}
			for ; decisionsDone < decisionsTo; decisionsDone++ {
				require.NoError(t, running.AddDecision(sorted[decisionsDone]))
			}
			doc, err = running.Document("m", nil, wire.Time(1761e6))
			require.NoError(t, err)
		}
		if tradesDone == len(trades) && decisionsDone == len(sorted) {
			return doc, restarts
		}
		running = kept(t, running)
	}
}

func TestPartsAddUpToTheWhole(t *testing.T) {
	t.Parallel()
	for seed := range testsize.Pick(uint64(6), 20) {
		r := rand.New(rand.NewPCG(seed, 2))
		in := Input{
			Model: "m", Trades: randomTrades(r, r.IntN(2000)), Decisions: randomDecisions(r, r.IntN(300)),
			UpdatedAt: wire.Time(1761e6), History: HistoryWhole,
		}
		r.Shuffle(len(in.Trades), func(i, j int) { in.Trades[i], in.Trades[j] = in.Trades[j], in.Trades[i] })
		parts, _ := inParts(t, r, in.Trades, in.Decisions)
		require.Equal(t, bytesOf(t, Compute(in)), bytesOf(t, parts), "seed %d", seed)
	}
}

// Trades whose size grows with each make the median move as fast as it can.
func TestAMedianThatMovesAwayIsNoticed(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(4, 4))
	trades := randomTrades(r, 3000)
	for i := range trades {
		trades[i].Quantity, trades[i].EntryPrice = float64(i+1), 10
	}
	doc, restarts := inParts(t, r, trades, nil)
	assert.InDelta(t, 15005, doc.OverallTradesOverview.MedianSizeOfTradeNotional, 0)
	assert.Positive(t, restarts)
	assert.Less(t, restarts, 3000/(middleKept/2), "a median moves by half a place with each value")
}

func TestMiddle(t *testing.T) {
	t.Parallel()
	var m Middle
	for seed := range testsize.Pick(uint64(15), 50) {
		r := rand.New(rand.NewPCG(seed, 5))
		m = Middle{}
		var all []float64
		for range r.IntN(3000) {
			x := float64(r.IntN(1 + r.IntN(2000)))
			all = append(all, x)
			m.Add(x)
			if r.IntN(500) == 0 {
				m.forget()
			}
		}
		slices.Sort(all)
		require.Equal(t, int64(len(all)), m.Count())
		if median, known := m.Median(); known {
			want := 0.0
			if n := len(all); n > 0 {
				want = (all[(n-1)/2] + all[n/2]) / 2
			}
			require.InDelta(t, want, median, 0, "seed %d", seed)
		}
		require.LessOrEqual(t, len(keptMiddle(t, &m).runs), middleKept)
	}
	median, known := new(Middle).Median()
	assert.True(t, known)
	assert.Zero(t, median)
}

func keptMiddle(t *testing.T, m *Middle) *Middle {
	t.Helper()
	raw, err := wire.Marshal(m)
	require.NoError(t, err)
	back := new(Middle)
	require.NoError(t, json.Unmarshal(raw, back))
	return back
}

func TestStateOfALongHistoryStaysSmall(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(6, 6))
	running := NewRunning(Origin{})
	for _, trade := range randomTrades(r, 20_000) {
		running.AddTrade(&trade)
	}
	for _, d := range chronological(randomDecisions(r, 2_000)) {
		require.NoError(t, running.AddDecision(d))
	}
	raw, err := wire.Marshal(running)
	require.NoError(t, err)
	assert.Less(t, len(raw), 64<<10)
}

func TestLateDecisionsAreRefused(t *testing.T) {
	t.Parallel()
	r := NewRunning(Origin{})
	first, second := decisionAt(1, `{}`), decisionAt(2, `{}`)
	require.NoError(t, r.AddDecision(&second))
	require.ErrorIs(t, r.AddDecision(&first), ErrLate)
	require.ErrorIs(t, r.AddDecision(&second), ErrLate, "twice")
	_, decisions := r.Seen()
	assert.Equal(t, int64(1), decisions)
}

// A million trades whose PnL are ten digits of the same and a few of their own:
// in doubles, the difference of the sums of squares keeps nothing of them.
func TestAMillionTradesDoNotCancel(t *testing.T) {
	t.Parallel()
	const n = 1_000_000
	r := rand.New(rand.NewPCG(8, 8))
	running := NewRunning(Origin{})
	trade := wire.Trade{Side: "long", Quantity: 1, EntryPrice: 1e9}
	sum, squares, drifted := new(big.Rat), new(big.Rat), 0.0
	var naiveSum, naiveSquares float64
	for i := range n {
		cents := r.Int64N(100)
		trade.ID = fmt.Sprint(i)
		trade.RealizedNetPnl = 1e9 + float64(cents)/100
		if i%2 == 1 {
			trade.RealizedNetPnl = -trade.RealizedNetPnl
		}
		running.AddTrade(&trade)
		naiveSum += math.Abs(trade.RealizedNetPnl)
		naiveSquares += trade.RealizedNetPnl * trade.RealizedNetPnl
		drifted += trade.RealizedNetPnl
		if i%2 == 0 { // the winners
			sum.Add(sum, big.NewRat(1e11+cents, 100))
			squares.Add(squares, new(big.Rat).SetFrac(new(big.Int).Mul(big.NewInt(1e11+cents), big.NewInt(1e11+cents)), big.NewInt(10_000)))
		}
	}
	doc, err := running.Document("m", nil, wire.Time(0))
	require.NoError(t, err)
	const half = n / 2
	mean := new(big.Rat).Quo(sum, big.NewRat(half, 1))
	variance := new(big.Rat).Sub(squares, new(big.Rat).Mul(mean, sum))
	variance.Quo(variance, big.NewRat(half-1, 1))
	wantMean, _ := mean.Float64()
	wantVariance, _ := variance.Float64()
	assert.InDelta(t, wantMean, doc.WinnersLosers.AvgWinnersNetPnl, 0)
	assert.InEpsilon(t, math.Sqrt(wantVariance), doc.WinnersLosers.StdWinnersNetPnl, 1e-15)
	naive := (naiveSquares - naiveSum*naiveSum/n) / (n - 1)
	assert.Greater(t, math.Abs(naive-wantVariance)/wantVariance, 0.1, "doubles lose this variance, or the test shows nothing")

	// Taken back one by one, nothing of them is left: corrections never drift.
	taken := NewRunning(Origin{})
	trade.RealizedNetPnl = 0.1
	for i := range 1000 {
		trade.RealizedNetPnl = -trade.RealizedNetPnl
		trade.ID = fmt.Sprint(i)
		taken.AddTrade(&trade)
	}
	doc, err = taken.Document("m", nil, wire.Time(0))
	require.NoError(t, err)
	assert.Zero(t, doc.FeePnlMoves.OverallPnlWithFees)
}

func TestAbsurdTradesGiveADocumentAllTheSame(t *testing.T) {
	t.Parallel()
	huge := wire.Trade{
		Side: "short", Quantity: -math.MaxFloat64, EntryPrice: math.MaxFloat64, RealizedNetPnl: math.MaxFloat64,
		RealizedGrossPnl: wire.Some(-math.MaxFloat64), TotalCommissionDollars: wire.Some(5e-324),
	}
	var trades []wire.Trade
	for i := range 3 {
		huge.ID = fmt.Sprint(i)
		trades = append(trades, huge)
	}
	bytesOf(t, Compute(Input{Model: "m", Trades: trades}))
}

// A document that goes on from a part of the history is what the whole history
// gives, but for the medians.
func TestAdvancingFromAnImportedDocument(t *testing.T) {
	t.Parallel()
	for seed := range testsize.Pick(uint64(6), 20) {
		r := rand.New(rand.NewPCG(seed, 9))
		trades := randomTrades(r, 50+r.IntN(200))
		for i := range trades { // of one magnitude: imported means are doubles
			trades[i].RealizedNetPnl = r.NormFloat64() * 100
		}
		decisions := randomDecisions(r, 50+r.IntN(100))
		ordered := chronological(decisions)
		for i, d := range ordered { // no two at once
			d.Timestamp += float64(i) / 1000
		}
		slices.SortFunc(trades, func(a, b wire.Trade) int {
			return place{a.ExitTime, a.ID}.compare(place{b.ExitTime, b.ID})
		})
		symbols := []string{"BTC", "ETH", "SOL", "XRP"}
		cutTrades, cutDecisions := 1+r.IntN(len(trades)), 1+r.IntN(len(ordered))
		var before []wire.Decision
		for _, d := range ordered[:cutDecisions] {
			before = append(before, *d)
		}
		imported := Compute(Input{
			Model: "m", Trades: trades[:cutTrades], Decisions: before, Symbols: symbols, UpdatedAt: wire.Time(1761e6),
		})
		want := Compute(Input{Model: "m", Trades: trades, Decisions: decisions, Symbols: symbols, UpdatedAt: wire.Time(1761e6)})

		// Of what was counted elsewhere, some trades are known, and the states of
		// the coins.
		origin := OriginOf(&imported, int64(cutTrades-1), int64(cutDecisions-1))
		require.True(t, origin.PartialTrades)
		require.True(t, origin.PartialDecisions)
		running := NewRunning(origin)
		for _, trade := range trades[r.IntN(cutTrades):] {
			running.AddTrade(&trade)
			if r.IntN(20) == 0 {
				running = kept(t, running)
			}
		}
		for _, d := range ordered {
			require.NoError(t, running.AddDecision(d))
			if r.IntN(20) == 0 {
				running = kept(t, running)
			}
		}
		got, err := running.Document("m", symbols, wire.Time(1761e6))
		require.NoError(t, err)
		c, _ := got.Coverage.Get()
		assert.False(t, c.Whole)
		assert.False(t, c.TradesWhole)
		assert.Equal(t, imported.UpdatedAt, c.AdvancedFrom)
		assert.Equal(t, want.LastTradeDocID, got.LastTradeDocID)
		assert.Equal(t, want.LastConvoDocID, got.LastConvoDocID)
		for _, doc := range []*Document{&got, &want, &imported} {
			doc.Coverage = wire.Opt[Coverage]{}
		}
		gotTables, importedTables := tables(t, got), tables(t, imported)
		for table, fields := range tables(t, want) {
			for field, v := range fields {
				switch field {
				case "median_holding_period_mins", "median_size_of_trade_notional", "median_confidence", "median_leverage", "median_convo_leverage":
					assert.InDelta(t, importedTables[table][field], gotTables[table][field], 0, "a median stays")
				default:
					assert.InDelta(t, v, gotTables[table][field], 1e-9*math.Abs(v)+1e-9, "%s %s of seed %d", table, field, seed)
				}
			}
		}
	}
}

func TestWholeHistoriesNeedNoImportedDocument(t *testing.T) {
	t.Parallel()
	imported := Document{OverallTradesOverview: OverallTradesOverview{TotalTrades: 3}, Invocation: Invocation{NumInvocations: 5}}
	assert.Equal(t, Origin{}, OriginOf(&imported, 3, 6))
	assert.Equal(t, Origin{}, OriginOf(nil, 0, 0))
	assert.Equal(t, Origin{Imported: &imported, PartialTrades: true}, OriginOf(&imported, 2, 5))
	assert.Equal(t, Origin{Imported: &imported, PartialDecisions: true}, OriginOf(&imported, 3, 4))
}
