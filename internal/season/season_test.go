package season

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/internal/analytics"
	"nof0/internal/wire"
)

const cent = 1e-6 // what sums of doubles may be off by, USD

// testHours is enough for everything to happen, and keeps the race detector quick.
const testHours = 72

// generate makes up a season of seven models for testHours where o does not
// say otherwise.
func generate(t *testing.T, o Options) *Season {
	t.Helper()
	o.Models = cmp.Or(o.Models, DefaultModels)
	o.Hours = cmp.Or(o.Hours, testHours)
	s, err := Generate(t.Context(), o)
	require.NoError(t, err)
	return s
}

// captureBytes renders a season, file by file.
func captureBytes(t *testing.T, s *Season) map[string]string {
	t.Helper()
	files, err := s.Capture()
	require.NoError(t, err)
	out := map[string]string{}
	for _, f := range files {
		raw, err := wire.Marshal(f.Payload)
		require.NoError(t, err)
		out[f.Name] = string(raw)
	}
	return out
}

func TestSameSeedSameBytes(t *testing.T) {
	t.Parallel()
	o := Options{Seed: 7, Models: 4, Hours: 40}
	first, again := captureBytes(t, generate(t, o)), captureBytes(t, generate(t, o))
	assert.Equal(t, first, again)

	o.Seed = 8
	other := captureBytes(t, generate(t, o))
	for name := range first {
		assert.NotEqual(t, first[name], other[name], name)
	}
}

// The sum is that of one season. It changes with the generator, and must not
// change with the machine, its word size or its fused arithmetic.
func TestBytesAreTheSameOnEveryMachine(t *testing.T) {
	t.Parallel()
	const want = "e15992cc5f66b4ad4639eef571433d11ded1d79bfd411af1e0ff6c33d68b10e2"
	files := captureBytes(t, generate(t, Options{Seed: 42, Models: 4, Hours: 48}))
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(sum, "%s\n%s\n", name, files[name])
	}
	assert.Equal(t, want, hex.EncodeToString(sum.Sum(nil)))
}

func TestAModelDoesTheSameInAnyCompany(t *testing.T) {
	t.Parallel()
	few := generate(t, Options{Seed: 3, Models: 3, Hours: 30}).Facts()
	many := generate(t, Options{Seed: 3, Models: 12, Hours: 30}).Facts()
	of := func(f Facts, model string) []wire.AccountTotal {
		return slices.DeleteFunc(slices.Clone(f.Equity), func(r wire.AccountTotal) bool { return r.ModelID != model })
	}
	require.Len(t, few.Competitors, 2)
	require.Len(t, many.Competitors, 11)
	for _, model := range append(few.Competitors, Benchmark) {
		assert.Equal(t, of(few, model), of(many, model), model)
	}
}

func TestEquityAddsUp(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		s := generate(t, Options{Seed: seed, Models: 4})
		f := s.Facts()
		nav := map[string]float64{}
		for _, a := range f.Accounts {
			nav[a.ModelID] = a.NavSinceInception
		}
		symbols := s.Symbols()
		require.Len(t, f.Equity, 4*testHours)
		for i := range f.Equity {
			row := &f.Equity[i]
			var realized, fees, unrealized float64
			for j := range f.Trades {
				if tr := &f.Trades[j]; tr.ModelID == row.ModelID && tr.ExitTime <= row.Timestamp {
					realized += tr.RealizedNetPnl
					fees -= tr.EntryCommissionDollars.Or(math.NaN())
				}
			}
			for _, o := range f.Openings {
				if o.ModelID == row.ModelID && o.Position.EntryTime.Or(0) <= row.Timestamp {
					fees += o.Position.Commission.Or(math.NaN())
				}
			}
			prices := s.Prices(int(row.SinceInceptionHourlyMarker+1) * 60)
			stated, err := row.ModelPositions()
			require.NoError(t, err)
			var commission float64
			for symbol, p := range stated.Positions {
				price := prices[slices.Index(symbols, symbol)].Price
				require.InDelta(t, price, p.CurrentPrice.Or(0), 0)
				pnl := (price - p.EntryPrice) * p.Quantity
				require.InDelta(t, pnl, p.UnrealizedPnl.Or(0), cent)
				unrealized += pnl
				commission += p.Commission.Or(math.NaN())
			}
			require.InDelta(t, fees, commission, cent)
			require.InDelta(t, nav[row.ModelID]+realized-fees+unrealized, row.DollarEquity, cent, "%s", row.ID.Or(""))
			require.InDelta(t, realized, row.RealizedPnl.Or(0), cent)
			require.InDelta(t, unrealized, row.TotalUnrealizedPnl.Or(0), cent)
			require.InDelta(t, (row.DollarEquity/nav[row.ModelID]-1)*100, row.CumPnlPct.Or(0), 5.1e-5)
			require.Positive(t, row.DollarEquity)
			require.Equal(t, row.SinceInceptionHourlyMarker < 2, row.SharpeRatio.IsNull())
		}
	}
}

// life is what became of an opening.
type life struct {
	opening Opening
	trades  []wire.Trade
}

func lives(t *testing.T, f Facts) []life {
	t.Helper()
	type key struct {
		model, symbol string
		oid           int64
	}
	all := make([]life, len(f.Openings))
	index := map[key]int{}
	for i, o := range f.Openings {
		all[i].opening = o
		k := key{o.ModelID, o.Position.Symbol, o.Position.EntryOid.Or(0)}
		require.NotContains(t, index, k, "model, symbol and entry order id identify a position")
		index[k] = i
	}
	for i := range f.Trades {
		tr := f.Trades[i]
		at, ok := index[key{tr.ModelID, tr.Symbol, tr.EntryOid.Or(0)}]
		require.True(t, ok, "trade %s closes no position", tr.ID)
		all[at].trades = append(all[at].trades, tr)
	}
	return all
}

func TestTradesCloseTheirPositions(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		f := generate(t, Options{Seed: seed}).Facts()
		stillOpen := map[string]wire.Position{}
		for _, m := range f.Positions {
			for symbol, p := range m.Positions {
				stillOpen[m.ModelID+" "+symbol] = p
			}
		}
		freeAt := map[string]float64{}
		partial := 0
		for _, l := range lives(t, f) {
			p := l.opening.Position
			where := l.opening.ModelID + " " + p.Symbol
			require.GreaterOrEqual(t, p.EntryTime.Or(0), freeAt[where], "%s has one position at a time", where)
			require.LessOrEqual(t, len(l.trades), 2)
			left := p.Quantity
			for _, tr := range l.trades {
				left -= tr.Quantity
				require.InDelta(t, p.EntryPrice, tr.EntryPrice, 0)
				require.InDelta(t, p.EntryTime.Or(0), tr.EntryTime, 0)
				freeAt[where] = tr.ExitTime
				gross := (tr.ExitPrice - tr.EntryPrice) * tr.Quantity
				require.InDelta(t, gross, tr.RealizedGrossPnl.Or(0), cent)
				require.InDelta(t, gross-tr.TotalCommissionDollars.Or(0), tr.RealizedNetPnl, cent)
			}
			if len(l.trades) == 2 {
				partial++
			}
			if math.Abs(left) <= 1e-9*math.Abs(p.Quantity) {
				continue
			}
			freeAt[where] = math.Inf(1)
			if l.opening.ModelID != Benchmark {
				require.InDelta(t, left, stillOpen[where].Quantity, 1e-9, where)
				require.Equal(t, p.EntryOid, stillOpen[where].EntryOid)
				delete(stillOpen, where)
			}
		}
		require.Empty(t, stillOpen)
		require.NotZero(t, partial, "some positions are closed in parts")
	}
}

func signalsOf(t *testing.T, d *wire.Decision) map[string]coinSignal {
	t.Helper()
	if strings.Contains(string(d.LlmResponse), "failed_json_response_raw_text") {
		return nil
	}
	var said map[string]coinSignal
	require.NoError(t, json.Unmarshal(d.LlmResponse, &said))
	return said
}

func TestSignalsAndFillsMatch(t *testing.T) {
	t.Parallel()
	f := generate(t, Options{Seed: 11}).Facts()
	// decided finds the last decision of a model before a moment.
	decided := func(model string, at float64) *wire.Decision {
		for i := len(f.Decisions) - 1; i >= 0; i-- {
			if d := &f.Decisions[i]; d.ModelID == model && d.Timestamp < at {
				return d
			}
		}
		return nil
	}
	entries, exits := 0, map[string]bool{}
	for _, l := range lives(t, f) {
		p := l.opening.Position
		if l.opening.ModelID == Benchmark {
			require.Empty(t, l.trades)
			continue
		}
		entries++
		d := decided(l.opening.ModelID, p.EntryTime.Or(0))
		s := signalsOf(t, d)[p.Symbol]
		require.Less(t, p.EntryTime.Or(0)-d.Timestamp, 3.0)
		require.Equal(t, map[bool]string{true: analytics.SignalShort, false: analytics.SignalLong}[p.Quantity < 0], s.Signal)
		require.InDelta(t, math.Abs(p.Quantity), s.Quantity, 0)
		for _, tr := range l.trades {
			d := decided(tr.ModelID, tr.ExitTime)
			require.Less(t, tr.ExitTime-d.Timestamp, settling.Seconds())
			require.Equal(t, analytics.SignalClose, signalsOf(t, d)[tr.Symbol].Signal)
			exits[d.ID+tr.Symbol] = true
		}
	}
	saidEntries, saidExits := 0, 0
	for i := range f.Decisions {
		for _, s := range signalsOf(t, &f.Decisions[i]) {
			switch s.Signal {
			case analytics.SignalLong, analytics.SignalShort:
				saidEntries++
			case analytics.SignalClose:
				saidExits++
			}
		}
	}
	assert.Equal(t, entries, saidEntries)
	assert.Len(t, exits, saidExits)
}

func TestPublishedFiguresAgreeWithAnIndependentCount(t *testing.T) {
	t.Parallel()
	for seed := uint64(20); seed < 22; seed++ {
		s := generate(t, Options{Seed: seed})
		f := s.Facts()
		board := map[string]wire.LeaderboardRow{}
		last := math.Inf(1)
		for _, row := range s.Leaderboard() {
			board[row.ID] = row
			require.LessOrEqual(t, row.ReturnPct.Or(0), last)
			last = row.ReturnPct.Or(0)
		}
		require.Len(t, board, 6)
		for _, doc := range s.Analytics() {
			model := doc.ModelID
			var n, wins, longs, holds, decisions int64
			var net, fees, winDollars, loseDollars, holding, notional, squares float64
			for i := range f.Trades {
				if tr := &f.Trades[i]; tr.ModelID == model {
					n++
					net += tr.RealizedNetPnl
					squares += tr.RealizedNetPnl * tr.RealizedNetPnl
					fees += tr.EntryCommissionDollars.Or(0) + tr.ExitCommissionDollars.Or(0)
					holding += (tr.ExitTime - tr.EntryTime) / 60
					notional += math.Abs(tr.Quantity) * tr.EntryPrice
					if tr.RealizedNetPnl > 0 {
						wins++
						winDollars += tr.RealizedNetPnl
					} else {
						loseDollars += tr.RealizedNetPnl
					}
					if tr.Quantity > 0 {
						longs++
					}
				}
			}
			for i := range f.Decisions {
				if d := &f.Decisions[i]; d.ModelID == model {
					decisions++
					for _, s := range signalsOf(t, d) {
						if s.Signal == analytics.SignalHold {
							holds++
						}
					}
				}
			}
			require.Equal(t, n, doc.OverallTradesOverview.TotalTrades)
			require.Equal(t, longs, doc.LongsShorts.NumLongTrades)
			require.Equal(t, holds, doc.Signals.NumHoldSignals)
			require.Equal(t, decisions, doc.Invocation.NumInvocations)
			require.InDelta(t, 100*float64(wins)/float64(n), doc.WinnersLosers.WinRate, 1e-9)
			require.InDelta(t, net, doc.FeePnlMoves.OverallPnlWithFees, cent)
			require.InDelta(t, fees, doc.FeePnlMoves.TotalFeesPaid, cent)
			require.InDelta(t, math.Sqrt((squares-net*net/float64(n))/float64(n-1)), doc.FeePnlMoves.StdNetPnl, cent)
			require.InEpsilon(t, holding/float64(n), doc.OverallTradesOverview.AvgHoldingPeriodMins, 1e-7)
			require.InEpsilon(t, notional/float64(n), doc.OverallTradesOverview.AvgSizeOfTradeNotional, 1e-9)
			require.InEpsilon(t, 100, doc.Signals.PctMinsLongCombined+doc.Signals.PctMinsShortCombined+doc.Signals.PctMinsFlatCombined, 1e-9)

			row := board[model]
			require.Equal(t, n, row.NumTrades)
			require.Equal(t, wins, row.NumWins)
			require.Equal(t, n-wins, row.NumLosses)
			require.InDelta(t, winDollars, row.WinDollars.Or(math.NaN()), cent)
			require.InDelta(t, loseDollars, row.LoseDollars.Or(math.NaN()), cent)
			newest := f.Equity[len(f.Equity)-7+slices.IndexFunc(f.Equity[len(f.Equity)-7:], func(r wire.AccountTotal) bool { return r.ModelID == model })]
			require.Equal(t, wire.Some(newest.DollarEquity), row.Equity)
			require.InDelta(t, newest.DollarEquity/100-100, row.ReturnPct.Or(0), 1e-9)
			require.InDelta(t, newest.SharpeRatio.Or(9), row.Sharpe.Or(8), 0)
			require.InDelta(t, plainSharpe(f.Equity, model), row.Sharpe.Or(math.NaN()), 1e-9)
		}
	}
}

func plainSharpe(rows []wire.AccountTotal, model string) float64 {
	last, sum, squares, n := 10000.0, 0.0, 0.0, 0.0
	for i := range rows {
		if rows[i].ModelID == model {
			r := rows[i].DollarEquity/last - 1
			last, sum, squares, n = rows[i].DollarEquity, sum+r, squares+r*r, n+1
		}
	}
	return sum / n / math.Sqrt((squares-sum*sum/n)/(n-1))
}

func TestDefaultLengthFitsTheCaps(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		s := generate(t, Options{Seed: seed, Models: 3, Hours: DefaultHours, DecisionEvery: time.Hour / 2})
		for _, doc := range s.Analytics() {
			assert.LessOrEqual(t, doc.OverallTradesOverview.TotalTrades, int64(recentTrades))
			assert.GreaterOrEqual(t, doc.OverallTradesOverview.TotalTrades, int64(10))
		}
	}
}

func TestNumbersAndTimesAreSane(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		s := generate(t, Options{Seed: seed, Models: 3})
		f := s.Facts()
		end := wire.Seconds(s.End())
		moment := func(seconds float64, what string) {
			require.LessOrEqual(t, seconds, end, what)
			require.InDelta(t, wire.Seconds(wire.Time(seconds)), seconds, 0, "%s has six decimals at most", what)
		}
		ids := map[string]bool{}
		for i := range f.Trades {
			moment(f.Trades[i].EntryTime, "entry")
			moment(f.Trades[i].ExitTime, "exit")
			require.False(t, ids[f.Trades[i].ID])
			ids[f.Trades[i].ID] = true
		}
		for i := range f.Decisions {
			d := &f.Decisions[i]
			moment(d.Timestamp, "timestamp")
			moment(d.InsertedAt.Or(0), "inserted_at")
			require.False(t, ids[d.ID])
			ids[d.ID] = true
			require.NotEqual(t, d.ModelID+"_"+pythonFloat(d.Timestamp), d.ID, "the id differs from the timestamp")
		}
		for minute := range s.Minutes() {
			for _, p := range s.Prices(minute) {
				require.Positive(t, p.Price)
			}
		}
		assert.Nil(t, s.Prices(-1))
		assert.Nil(t, s.Prices(s.Minutes()))
		assert.Equal(t, wire.Millis(s.End()), s.Prices(s.Minutes() - 1)[0].Timestamp)
	}
}

func TestOdditiesOfTheLiveSiteOccur(t *testing.T) {
	t.Parallel()
	f := generate(t, Options{Seed: 1, Hours: DefaultHours}).Facts()
	var wholeSeconds, maker, noise, wrongSign, failed, objects, texts, followed int
	for i := range f.Trades {
		tr := &f.Trades[i]
		wholeSeconds += strings.Count(tr.TradeID.Or(""), ".0_")
		if !tr.ExitCrossed.Or(true) {
			maker++
		}
		if len(pythonFloat(tr.Quantity)) > 12 {
			noise++
		}
	}
	for i := range f.Decisions {
		d := &f.Decisions[i]
		said := signalsOf(t, d)
		if said == nil {
			failed++
		}
		for _, s := range said {
			if s.Quantity < 0 {
				wrongSign++
			}
		}
		if d.CotTrace.Kind() == '{' {
			objects++
		} else {
			texts++
		}
		require.Contains(t, d.UserPrompt.Or(""), "→", "prompts are not all ASCII")
	}
	stops := map[int64]map[float64]bool{}
	for i := range f.Equity {
		stated, err := f.Equity[i].ModelPositions()
		require.NoError(t, err)
		for _, p := range stated.Positions {
			var plan exitPlanJSON
			require.NoError(t, json.Unmarshal(p.ExitPlan, &plan))
			if stops[p.EntryOid.Or(0)] == nil {
				stops[p.EntryOid.Or(0)] = map[float64]bool{}
			}
			stops[p.EntryOid.Or(0)][plan.StopLoss] = true
		}
	}
	for _, levels := range stops {
		if len(levels) > 1 {
			followed++
		}
	}
	for name, n := range map[string]int{
		"trade ids with .0": wholeSeconds, "maker exits": maker, "float noise": noise, "wrong signs": wrongSign,
		"failed answers": failed, "traces that are objects": objects, "traces that are text": texts, "moved stops": followed,
	} {
		assert.Positive(t, n, name)
		t.Logf("%s: %d", name, n)
	}
}

func TestBenchmarkHolds(t *testing.T) {
	t.Parallel()
	f := generate(t, Options{Seed: 5, Models: 2, Hours: 24}).Facts()
	require.Equal(t, []string{"claude-sonnet-4-5"}, f.Competitors)
	for i := range f.Trades {
		require.NotEqual(t, Benchmark, f.Trades[i].ModelID)
	}
	for i := range f.Decisions {
		require.NotEqual(t, Benchmark, f.Decisions[i].ModelID)
	}
	rows := 0
	for i := range f.Equity {
		if f.Equity[i].ModelID != Benchmark {
			continue
		}
		rows++
		stated, err := f.Equity[i].ModelPositions()
		require.NoError(t, err)
		require.Len(t, stated.Positions, 1)
		require.Positive(t, stated.Positions["BTC"].Quantity)
		require.Equal(t, jsontext.Value("{}"), stated.Positions["BTC"].ExitPlan)
	}
	assert.Equal(t, 24, rows)
}

func TestOptionsOutOfRangeAreRefused(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(o *Options){
		"models is 0; 2 to 200 are accepted":                         func(o *Options) { o.Models = 0 },
		"models is 1; 2 to 200 are accepted":                         func(o *Options) { o.Models = 1 },
		"models is 201; 2 to 200 are accepted":                       func(o *Options) { o.Models = 201 },
		"models is -3; 2 to 200 are accepted":                        func(o *Options) { o.Models = -3 },
		"hours is 0; 1 to 8784 are accepted":                         func(o *Options) { o.Hours = 0 },
		"hours is 8785; 1 to 8784 are accepted":                      func(o *Options) { o.Hours = 8785 },
		"at most 100000 are accepted":                                func(o *Options) { o.Models, o.Hours = 200, 501 },
		"make 301140 decisions; at most 300000 are accepted":         func(o *Options) { o.Hours, o.DecisionEvery = 1434, MinDecisionEvery },
		"a time from the year 2000 to the year 2200 is accepted":     func(o *Options) { o.Start = time.Unix(0, 0) },
		"the gap between decisions is 1m0s; 2m0s to 4h0m0s are acce": func(o *Options) { o.DecisionEvery = time.Minute },
		"the pause between entries is 59s; 1m0s to 168h0m0s are acc": func(o *Options) { o.EntryPause = 59 * time.Second },
	} {
		o := Options{Models: DefaultModels, Hours: DefaultHours}
		change(&o)
		_, err := Generate(t.Context(), o)
		require.ErrorContains(t, err, want)
	}
	_, err := Generate(t.Context(), Options{Models: 1, Hours: -1})
	require.ErrorContains(t, err, "models is 1")
	require.ErrorContains(t, err, "hours is -1", "every fault is reported")
}

func TestExtremesOfTheOptions(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{
		{Hours: 1, Models: 2, DecisionEvery: MaxDecisionEvery},
		{Hours: 1, Models: MaxModels, DecisionEvery: MinDecisionEvery},
		{Hours: 30, Models: 3, DecisionEvery: MinDecisionEvery, Start: time.Date(2200, 12, 31, 0, 0, 0, 999_999_999, time.UTC)},
		{Hours: 500, Models: 2, DecisionEvery: MaxDecisionEvery},
		{Hours: 60, Models: 3, DecisionEvery: MinDecisionEvery, EntryPause: MinEntryPause},
	} {
		s := generate(t, o)
		f := s.Facts()
		assert.True(t, slices.IsSortedFunc(f.Decisions, func(a, b wire.Decision) int { return cmp.Compare(a.Timestamp, b.Timestamp) }))
		assert.Len(t, f.Equity, s.options.Models*s.options.Hours)
		lives(t, f)
		for i := range f.Equity {
			require.Positive(t, f.Equity[i].DollarEquity)
		}
		captureBytes(t, s)
	}
}

// A season goes on as a longer one: whatever happened stays as it was told.
func TestALongerSeasonBeginsAsTheShorterOne(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		short, long := generate(t, Options{Seed: seed, Hours: 9}), generate(t, Options{Seed: seed, Hours: 26})
		var told []Event
		for e, err := range long.Plan(PlanOptions{}).Events() {
			require.NoError(t, err)
			if !e.At.After(short.End()) && e.Kind != KindModels { // they count the decisions so far
				told = append(told, e)
			}
		}
		i := 0
		for e, err := range short.Plan(PlanOptions{}).Events() {
			require.NoError(t, err)
			if e.Kind != KindModels {
				require.Equal(t, told[i], e)
				i++
			}
		}
		require.Len(t, told, i)
	}
}

// The competitions of one seed have the same models at the same prices, and each its
// own story: nothing of one stands in another, whatever their names.
func TestCompetitionsOfASeedAreStoriesOfOneMarket(t *testing.T) {
	t.Parallel()
	o := Options{Seed: 7, Models: 4, Hours: 40}
	plain := captureBytes(t, generate(t, o))
	o.Competition = FirstCompetition
	assert.Equal(t, plain, captureBytes(t, generate(t, o)))
	seen := map[string]string{}
	for _, o.Competition = range []string{"", "season-2-calm", "season-2-wild"} {
		files := captureBytes(t, generate(t, o))
		assert.Equal(t, plain["crypto-prices.json"], files["crypto-prices.json"], o.Competition)
		assert.Len(t, files, len(plain), o.Competition)
		for name, content := range files {
			if name != "crypto-prices.json" {
				assert.Empty(t, seen[content], "%s of %q", name, o.Competition)
				seen[content] = o.Competition
			}
		}
		facts := generate(t, o).Facts()
		for _, trade := range facts.Trades {
			assert.Empty(t, seen[trade.ID])
			seen[trade.ID] = o.Competition
		}
	}
}
