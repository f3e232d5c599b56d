package season

import (
	"math"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/internal/season/seasontest"
	"nof0/internal/wire"
)

// eventsOf collects the events of a plan.
func eventsOf(t testing.TB, p *Plan) []Event {
	t.Helper()
	var events []Event
	for e, err := range p.Events() {
		require.NoError(t, err)
		events = append(events, e)
	}
	return events
}

// itemsOf takes the body of an event apart.
func itemsOf(t testing.TB, e Event) []jsontext.Value {
	t.Helper()
	if e.Items == 1 {
		return []jsontext.Value{e.Body}
	}
	var l itemList[jsontext.Value]
	require.NoError(t, wire.Unmarshal(e.Body, &l))
	require.Len(t, l.Items, e.Items)
	return l.Items
}

// bookOf reads events.
func bookOf(t testing.TB, events []Event) *seasontest.Book {
	t.Helper()
	b := seasontest.NewBook()
	for _, e := range events {
		require.NoError(t, b.Apply(e.Kind, e.Items, e.Body), "%s", e.Body)
	}
	return b
}

// assertIsSeason compares what was taken in with a season.
func assertIsSeason(t testing.TB, b *seasontest.Book, s *Season) {
	t.Helper()
	f := s.Facts()
	assert.Len(t, b.Models(), len(f.Competitors)+1)
	assert.Equal(t, len(f.Decisions), b.Count(KindDecisions))
	assert.Equal(t, s.Minutes()*len(s.Symbols()), b.Count(KindPrices))

	trades := 0
	for i := range f.Trades {
		got, ok := b.Trades(f.Trades[i].ModelID)[f.Trades[i].ID]
		require.True(t, ok, f.Trades[i].ID)
		assert.Equal(t, f.Trades[i], got)
	}
	for _, model := range b.Models() {
		trades += len(b.Trades(model))
	}
	assert.Len(t, f.Trades, trades)

	for _, row := range f.Equity[len(f.Equity)-len(b.Models()):] {
		newest, ok := b.Newest(row.ModelID)
		require.True(t, ok)
		assert.Equal(t, row, newest)
		stated, err := row.ModelPositions()
		require.NoError(t, err)
		got := b.Open(row.ModelID)
		assert.Len(t, got, len(stated.Positions))
		for symbol, p := range stated.Positions {
			assert.Empty(t, got[symbol].Matches(p), "%s %s", row.ModelID, symbol)
			assert.False(t, got[symbol].Derived)
		}
	}
	hourly := make(map[string]map[int64]wire.AccountTotal)
	for _, model := range b.Models() {
		hourly[model] = make(map[int64]wire.AccountTotal)
		for _, row := range b.Equity(model) { // by time: the newest of an hour stays
			hourly[model][row.SinceInceptionHourlyMarker] = row
		}
	}
	for _, row := range f.Equity {
		require.Equal(t, row, hourly[row.ModelID][row.SinceInceptionHourlyMarker])
	}
}

func TestPlanMakesTheSeason(t *testing.T) {
	t.Parallel()
	s := generate(t, Options{Seed: 4})
	plan := s.Plan(PlanOptions{Analytics: true})
	events := eventsOf(t, plan)
	assert.Equal(t, events, eventsOf(t, plan), "the same ones each time")
	assertIsSeason(t, bookOf(t, events), s)

	items := 0
	var last time.Time
	for _, e := range events {
		items += e.Items
		assert.False(t, e.At.Before(last), "%s at %s after %s", e.Kind, e.At, last)
		last = e.At
	}
	assert.Equal(t, plan.Len(), items)
	assert.Equal(t, len(s.Facts().Competitors), bookOf(t, events).Count(KindAnalytics))
	assert.NotEqual(t, plan.Name(), s.Plan(PlanOptions{}).Name())
}

func TestEventsAreRowsThatAreAccepted(t *testing.T) {
	t.Parallel()
	for _, plan := range []*Plan{
		generate(t, Options{Seed: 9, Models: 3, Hours: 12}).Plan(PlanOptions{Analytics: true}),
		Fills(FillsOptions{Seed: 9, Models: 3, Count: 500}),
	} {
		for _, e := range eventsOf(t, plan) {
			for _, item := range itemsOf(t, e) {
				assertAccepted(t, e.Kind, item)
			}
		}
	}
}

func assertAccepted(t testing.TB, kind string, item jsontext.Value) {
	t.Helper()
	var err error
	switch kind {
	case KindModels:
		_, err = wire.Decode[wire.Model](item)
	case KindSymbols:
		_, err = wire.Decode[wire.Symbol](item)
	case KindPrices:
		_, err = wire.Decode[wire.Price](item)
	case KindPositions:
		_, err = wire.Decode[wire.PositionItem](item)
	case KindEquity:
		_, err = wire.Decode[wire.AccountTotal](item)
	case KindDecisions:
		_, err = wire.Decode[wire.Decision](item)
	case KindTrades:
		_, err = wire.DecodeTradeItem(item)
	case KindAnalytics:
		_, err = wire.Decode[wire.AnalyticsDoc](item)
	default:
		require.Fail(t, "an event of another kind", kind)
	}
	require.NoError(t, err, "%s %s", kind, item)
}

// forms counts how trades tell what is left.
func forms(t testing.TB, events []Event) map[string]int {
	t.Helper()
	count := make(map[string]int)
	for _, e := range events {
		if e.Kind != KindTrades {
			continue
		}
		var parts map[string]jsontext.Value
		require.NoError(t, wire.Unmarshal(e.Body, &parts))
		remaining, told := parts["remaining"]
		switch {
		case parts["trade"] == nil:
			count["bare"]++
		case !told:
			count["absent"]++
		case remaining.Kind() == 'n':
			count["null"]++
		default:
			count["object"]++
		}
		if parts["equity"] != nil {
			count["equity"]++
		}
	}
	return count
}

func TestEveryFormOfATradeOccurs(t *testing.T) {
	t.Parallel()
	for name, events := range map[string][]Event{
		"season": eventsOf(t, generate(t, Options{Seed: 1, Hours: DefaultHours}).Plan(PlanOptions{})),
		"fills":  eventsOf(t, Fills(FillsOptions{Seed: 1, Count: 1000})),
	} {
		count := forms(t, events)
		for _, form := range []string{"bare", "absent", "null", "object", "equity"} {
			assert.Positive(t, count[form], "%s of the %s: %v", form, name, count)
		}
	}
}

func TestFillsAreTheSameForASeed(t *testing.T) {
	t.Parallel()
	events := eventsOf(t, Fills(FillsOptions{Seed: 3, Count: 300}))
	assert.Equal(t, events, eventsOf(t, Fills(FillsOptions{Seed: 3, Count: 300})))
	assert.NotEqual(t, events, eventsOf(t, Fills(FillsOptions{Seed: 4, Count: 300})))
	assert.NotEqual(t, Fills(FillsOptions{Seed: 3, Count: 300}).Name(), Fills(FillsOptions{Seed: 4, Count: 300}).Name())
}

// What was opened was closed by trades or is open still.
func TestFillsAddUp(t *testing.T) {
	t.Parallel()
	const count = 2000
	plan := Fills(FillsOptions{Seed: 2, Count: count})
	events := eventsOf(t, plan)
	b := bookOf(t, events)
	assert.Equal(t, count, b.Count(KindTrades))
	assert.InEpsilon(t, len(events), plan.Len(), 0.2)

	type opening struct {
		model string
		oid   int64
	}
	opened := make(map[opening]float64)
	for _, e := range events {
		if e.Kind != KindPositions {
			continue
		}
		var p positionItem
		require.NoError(t, wire.Unmarshal(e.Body, &p))
		key := opening{e.Model, p.Position.EntryOid.Or(0)}
		if q := p.Position.Quantity; math.Abs(q) > math.Abs(opened[key]) {
			opened[key] = q
		}
	}
	whole, noisy, shared := 0, 0, 0
	left := make(map[opening]float64)
	exits := make(map[int64]int)
	for _, model := range b.Models() {
		for _, trade := range b.Trades(model) {
			left[opening{model, trade.EntryOid.Or(0)}] += trade.Quantity
			exits[trade.ExitOid.Or(0)]++
			if trade.Quantity == math.Trunc(trade.Quantity) {
				whole++
			}
			if raw, err := wire.Marshal(trade.Quantity); err == nil && len(raw) > 12 {
				noisy++
			}
		}
		for _, held := range b.Open(model) {
			left[opening{model, held.Position.EntryOid.Or(0)}] += held.Position.Quantity
		}
	}
	for key, quantity := range opened {
		assert.InDelta(t, quantity, left[key], 1e-9*math.Abs(quantity), "%v", key)
	}
	assert.Len(t, left, len(opened))
	for _, n := range exits {
		if n > 1 {
			shared++
		}
	}
	assert.Greater(t, whole, count/10)
	assert.Greater(t, noisy, count/100)
	assert.Greater(t, shared, count/20)
}

func TestBookTakesInEachEventOnce(t *testing.T) {
	t.Parallel()
	events := eventsOf(t, Fills(FillsOptions{Seed: 5, Models: 2, Count: 200}))
	once, often := bookOf(t, events), seasontest.NewBook()
	for _, e := range events {
		require.NoError(t, often.Apply(e.Kind, e.Items, e.Body))
		if e.Kind == KindTrades {
			require.NoError(t, often.Apply(e.Kind, e.Items, e.Body))
		}
	}
	for _, model := range once.Models() {
		assert.Equal(t, once.Trades(model), often.Trades(model))
		assert.Equal(t, once.Open(model), often.Open(model))
		assert.Equal(t, once.Equity(model), often.Equity(model))
	}
	assert.Empty(t, once.Trades("nobody"))
	assert.Empty(t, once.Open("nobody"))
	_, ok := once.Newest("nobody")
	assert.False(t, ok)
	assert.NotContains(t, once.Models(), "nobody")
}

func TestBookSeesASecondOpenPosition(t *testing.T) {
	t.Parallel()
	p := wire.Position{Symbol: "BTC", EntryOid: wire.Some(int64(1)), EntryPrice: 1, Quantity: 1}
	b := seasontest.NewBook()
	apply := func(p wire.Position) error {
		e, err := positionEvent("m", time.Time{}, p)
		require.NoError(t, err)
		return b.Apply(e.Kind, e.Items, e.Body)
	}
	require.NoError(t, apply(p))
	p.EntryOid = wire.Some(int64(2))
	require.ErrorContains(t, apply(p), "another position of this model and symbol is open")
	assert.Contains(t, b.Open("m")["BTC"].Matches(p), `must be {`)
	assert.Error(t, b.Apply(KindTrades, 1, jsontext.Value(`[]`)))
}

// Fills are made as they are asked for.
func TestFillsStopWhereNoMoreAreWanted(t *testing.T) {
	t.Parallel()
	n := 0
	for _, err := range Fills(FillsOptions{Seed: 1, Count: 100_000}).Events() {
		require.NoError(t, err)
		if n++; n == 1000 {
			break
		}
	}
	assert.Equal(t, 1000, n)
}

func BenchmarkFills(b *testing.B) {
	for b.Loop() {
		for _, err := range Fills(FillsOptions{Seed: 1, Count: 10_000}).Events() {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
