package analytics

import (
	"cmp"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/internal/captures"
	"nof0/internal/wire"
)

// exact is the relative error of a field that the contract calls exact.
const exact = 1e-9

// capture is what the tests need of one directory.
type capture struct {
	trades    map[string][]wire.Trade
	published map[string]jsontext.Value
}

func readPayload(t *testing.T, c captures.Capture, name string, v any) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(c.Dir(t), name))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, v))
}

func readCapture(t *testing.T, dir captures.Capture) capture {
	t.Helper()
	c := capture{trades: map[string][]wire.Trade{}, published: map[string]jsontext.Value{}}
	var trades struct {
		Trades []jsontext.Value `json:"trades"`
	}
	readPayload(t, dir, "trades.json", &trades)
	for _, raw := range trades.Trades {
		trade, err := wire.Decode[wire.Trade](raw)
		require.NoError(t, err)
		c.trades[trade.ModelID] = append(c.trades[trade.ModelID], trade)
	}
	var analytics wire.Analytics
	readPayload(t, dir, "analytics.json", &analytics)
	for _, raw := range analytics.Analytics {
		doc, err := wire.Decode[wire.AnalyticsDoc](raw)
		require.NoError(t, err)
		c.published[doc.ModelID] = raw
	}
	return c
}

// tables reads a document as table → field → number.
func tables(t *testing.T, doc any) map[string]map[string]float64 {
	t.Helper()
	raw, ok := doc.(jsontext.Value)
	if !ok {
		var err error
		raw, err = wire.Marshal(doc)
		require.NoError(t, err)
	}
	var members map[string]jsontext.Value
	require.NoError(t, json.Unmarshal(raw, &members))
	out := map[string]map[string]float64{}
	for name, member := range members {
		if member.Kind() != '{' {
			continue
		}
		fields := map[string]float64{}
		require.NoError(t, json.Unmarshal(member, &fields))
		out[name] = fields
	}
	return out
}

// exactFields are the fields over trades that reproduce the published numbers.
func exactFields() map[string][]string {
	fields := map[string][]string{}
	for _, f := range Fields() {
		if f.Class == ClassExact || f.Class == ClassConstant {
			fields[f.Table] = append(fields[f.Table], f.Name)
		}
	}
	return fields
}

func TestEveryNumberHasAClass(t *testing.T) {
	t.Parallel()
	classes := map[Class]int{}
	for _, f := range Fields() {
		classes[f.Class]++
		assert.Equal(t, f.Class == ClassDiffers, f.Reason != "", f.Name)
	}
	assert.Equal(t, map[Class]int{
		ClassExact: 46, ClassConstant: 4, ClassCounts: 8, ClassDecisions: 27, ClassDiffers: 8,
	}, classes)
}

func relativeError(got, want float64) float64 {
	if got == want {
		return 0
	}
	return math.Abs(got-want) / math.Max(math.Abs(want), math.SmallestNonzeroFloat64)
}

func TestExactFieldsReproduceCapturedMetrics(t *testing.T) {
	t.Parallel()
	for _, dir := range captures.Both() {
		t.Run(dir.Name, func(t *testing.T) {
			t.Parallel()
			c := readCapture(t, dir)
			worst := map[string]float64{}
			for _, model := range captures.Complete {
				want := tables(t, c.published[model])
				got := tables(t, Compute(Input{Model: model, Trades: c.trades[model]}))
				for table, fields := range exactFields() {
					for _, field := range fields {
						require.Contains(t, want[table], field)
						off := relativeError(got[table][field], want[table][field])
						worst[table] = max(worst[table], off)
						assert.LessOrEqual(t, off, exact, "%s %s %s: %v is not %v",
							model, table, field, got[table][field], want[table][field])
					}
				}
			}
			for table, off := range worst {
				t.Logf("%s: worst relative error %.2g", table, off)
			}
		})
	}
}

// The live site's deviation of the fee takes each fee from the mean up to it.
// That this accounts for the gap shows that the rest agrees. What is left of it
// is the order of fills of the same moment, which the site does not publish.
func TestCapturedTakerFeeDeviationIsTheRunningOne(t *testing.T) {
	t.Parallel()
	for _, dir := range captures.Both() {
		c := readCapture(t, dir)
		for _, model := range captures.Complete {
			trades := slices.Clone(c.trades[model])
			slices.SortFunc(trades, func(a, b wire.Trade) int { return cmp.Compare(a.ExitTime, b.ExitTime) })
			var sum, squares float64
			for i := range trades {
				fee := trades[i].TotalCommissionDollars.Or(0)
				sum += fee
				off := fee - sum/float64(i+1)
				squares += off * off
			}
			running := math.Sqrt(squares / float64(len(trades)-1))
			published := tables(t, c.published[model])["fee_pnl_moves_breakdown_table"]["std_taker_fee"]
			assert.LessOrEqual(t, relativeError(running, published), 1e-3, "%s %s", dir.Name, model)
		}
	}
}

func TestNewestTradeIsTheCapturedOneOrOneAhead(t *testing.T) {
	t.Parallel()
	for _, dir := range captures.Both() {
		c := readCapture(t, dir)
		for _, model := range captures.Complete {
			var published Document
			require.NoError(t, json.Unmarshal(c.published[model], &published))
			trades := slices.Clone(c.trades[model])
			slices.SortFunc(trades, func(a, b wire.Trade) int {
				return cmp.Or(cmp.Compare(b.ExitTime, a.ExitTime), cmp.Compare(a.ID, b.ID))
			})
			got := Compute(Input{Model: model, Trades: trades})
			assert.Equal(t, wire.Some(trades[0].ID), got.LastTradeDocID)
			assert.Equal(t, wire.Some(trades[0].ExitTime), got.LastTradeExitTime)
			if published.LastTradeDocID == got.LastTradeDocID {
				assert.Equal(t, published.LastTradeExitTime, got.LastTradeExitTime)
				continue
			}
			t.Logf("%s %s: the live site lags by one trade", dir.Name, model)
			assert.Equal(t, wire.Some(trades[1].ID), published.LastTradeDocID, "%s %s", dir.Name, model)
		}
	}
}

func TestFieldNamesAreCapturedOnes(t *testing.T) {
	t.Parallel()
	decisions := readDecisions(t)
	for _, dir := range captures.Both() {
		c := readCapture(t, dir)
		for model, raw := range c.published {
			got, err := wire.Marshal(Compute(Input{
				Model: model, Trades: c.trades[model], Decisions: decisions[model],
				UpdatedAt: wire.Time(1761634221.472279),
			}))
			require.NoError(t, err)
			assert.ElementsMatch(t, paths(t, raw), paths(t, got), "%s %s", dir.Name, model)
		}
	}
}

// paths lists the members of a document, and those of its tables.
func paths(t *testing.T, raw jsontext.Value) []string {
	t.Helper()
	var members map[string]jsontext.Value
	require.NoError(t, json.Unmarshal(raw, &members))
	var out []string
	for name, member := range members {
		out = append(out, name)
		if member.Kind() != '{' {
			continue
		}
		for _, field := range paths(t, member) {
			out = append(out, name+"/"+field)
		}
	}
	return out
}

func TestSharesFollowFromCapturedCounts(t *testing.T) {
	t.Parallel()
	for _, dir := range captures.Both() {
		c := readCapture(t, dir)
		for model, raw := range c.published {
			var doc Document
			require.NoError(t, json.Unmarshal(raw, &doc))
			got := doc.Signals
			got.setShares()
			for _, pair := range [][2]float64{
				{got.LongSignalPct, doc.Signals.LongSignalPct},
				{got.ShortSignalPct, doc.Signals.ShortSignalPct},
				{got.CloseSignalPct, doc.Signals.CloseSignalPct},
				{got.HoldSignalPct, doc.Signals.HoldSignalPct},
				{got.LongShortRatio, doc.Signals.LongShortRatio},
			} {
				assert.LessOrEqual(t, relativeError(pair[0], pair[1]), exact, "%s %s", dir.Name, model)
			}
			s := doc.Signals
			assert.Equal(t, s.TotalSignals, s.NumLongSignals+s.NumShortSignals+s.NumCloseSignals+s.NumHoldSignals)

			const coins = 6
			gaps := float64(doc.Invocation.NumInvocations-1) * doc.Invocation.AvgInvocationBreakMins
			states := s.MinsLongCombined + s.MinsShortCombined + s.MinsFlatCombined
			assert.LessOrEqual(t, relativeError(coins*gaps, states), exact, "%s %s: every gap counts once per coin", dir.Name, model)
		}
	}
}

func readDecisions(t *testing.T) map[string][]wire.Decision {
	t.Helper()
	var conversations struct {
		Conversations []jsontext.Value `json:"conversations"`
	}
	readPayload(t, captures.Later, "conversations.json", &conversations)
	decisions := map[string][]wire.Decision{}
	for _, raw := range conversations.Conversations {
		d, err := wire.Decode[wire.Decision](raw)
		require.NoError(t, err)
		decisions[d.ModelID] = append(decisions[d.ModelID], d)
	}
	return decisions
}

func TestSharpeOfCapturedEquities(t *testing.T) {
	t.Parallel()
	var totals wire.AccountTotals
	readPayload(t, captures.Earlier, "account-totals.json", &totals)
	series := map[string]*Returns{}
	checked, worst := 0, 0.0
	for i := range totals.AccountTotals {
		row := &totals.AccountTotals[i]
		if series[row.ModelID] == nil {
			series[row.ModelID] = new(Returns)
			series[row.ModelID].Add(10000)
		}
		series[row.ModelID].Add(row.DollarEquity)
		if want, ok := row.SharpeRatio.Get(); ok {
			checked++
			worst = max(worst, math.Abs(series[row.ModelID].Sharpe()-want))
		}
	}
	assert.Positive(t, checked)
	assert.LessOrEqual(t, worst, 1e-7, "the rows state equity to six decimals only")
	t.Logf("worst absolute error %.2g", worst)
}
