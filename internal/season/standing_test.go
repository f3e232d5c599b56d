package season

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/internal/wire"
)

// standingAPI answers what Find asks, of a season that has come to its end.
func standingAPI(t *testing.T, accounts []wire.SinceInception, newest, prices time.Time) string {
	t.Helper()
	answers := map[string]any{"/api/since-inception-values": wire.SinceInceptionValues{SinceInceptionValues: accounts}}
	var curves wire.EquityCurves
	for _, a := range accounts {
		curves.Equity = append(curves.Equity, wire.EquityCurve{ModelID: a.ModelID, Points: []wire.EquityPoint{
			{Timestamp: a.InceptionDate}, {Timestamp: wire.Seconds(newest)},
		}})
	}
	answers["/api/equity"] = curves
	answers["/api/trades"] = wire.Trades{Trades: []wire.Trade{
		{ModelID: Benchmark, ExitTime: wire.Seconds(newest.Add(time.Minute))}, {ModelID: Benchmark, ExitTime: wire.Seconds(newest)},
	}}
	all := wire.CryptoPrices{Prices: map[string]wire.Price{}}
	for _, c := range coins() {
		all.Prices[c.symbol] = wire.Price{Symbol: c.symbol, Timestamp: wire.Millis(prices)}
	}
	answers["/api/crypto-prices"] = all
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if points := r.URL.Query().Get("points"); points != "" && points < "4" {
			http.Error(w, "that few are the extremes alone", http.StatusBadRequest)
			return
		}
		raw, err := wire.Marshal(answers[r.URL.Path])
		if assert.NoError(t, err) {
			_, _ = w.Write(raw)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestASeasonIsFoundAgain(t *testing.T) {
	t.Parallel()
	begins := time.Date(2031, 3, 9, 4, 5, 6, 123_457_000, time.UTC)
	for models := 2; models < 12; models++ {
		s := generate(t, Options{Seed: uint64(models), Models: models, Hours: 3, Start: begins})
		found, ok, err := Find(t.Context(), standingAPI(t, s.Facts().Accounts, s.End(), s.End().Add(-time.Minute)), uint64(models))
		require.NoError(t, err)
		require.True(t, ok)
		reached := map[string]time.Time{}
		for _, a := range s.Facts().Accounts {
			reached[a.ModelID] = s.End()
		}
		reached[Benchmark] = s.End().Add(time.Minute)
		require.Equal(t, reached, found.Reached)
		found.Reached = nil
		require.Equal(t, Standing{
			Options: Options{Seed: uint64(models), Models: models, Start: begins},
			Since:   s.End().Add(-time.Minute).Truncate(time.Millisecond),
		}, found)
	}
}

func TestOtherDataAreNoSeason(t *testing.T) {
	t.Parallel()
	accounts := func(change func(a []wire.SinceInception) []wire.SinceInception) string {
		s := generate(t, Options{Seed: 4, Models: 4, Hours: 2})
		return standingAPI(t, change(s.Facts().Accounts), s.End(), s.End())
	}
	for name, url := range map[string]string{
		"another seed": standingAPI(t, generate(t, Options{Seed: 5, Models: 4, Hours: 2}).Facts().Accounts, time.Now(), time.Now()),
		"a model less": accounts(func(a []wire.SinceInception) []wire.SinceInception { return a[:3] }),
		"a model more": accounts(func(a []wire.SinceInception) []wire.SinceInception {
			return append(a, wire.SinceInception{ModelID: "mine"})
		}),
		"two starts":     accounts(func(a []wire.SinceInception) []wire.SinceInception { a[2].InceptionDate += 1e-6; return a }),
		"another member": accounts(func(a []wire.SinceInception) []wire.SinceInception { a[1].ModelID = "mine"; return a }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, found, err := Find(t.Context(), url, 4)
			require.ErrorIs(t, err, ErrOtherData)
			require.False(t, found)
		})
	}
	_, found, err := Find(t.Context(), standingAPI(t, nil, time.Now(), time.Now()), 4)
	require.NoError(t, err)
	require.False(t, found)
}

// What goes on is what a longer season holds, made a day at a time.
func TestASeasonGoesOnAsALongerOne(t *testing.T) {
	t.Parallel()
	o := Options{Seed: 3, Models: 4}
	long := generate(t, Options{Seed: 3, Models: 4, Hours: 90})
	begins := long.options.Start
	o.Start = begins
	for _, since := range []time.Time{begins.Add(20 * time.Hour), begins.Add(25*time.Hour + 17*time.Minute + time.Microsecond), begins} {
		var want []Event
		for e, err := range long.Plan(PlanOptions{}).Events() {
			require.NoError(t, err)
			if !e.At.Before(since) && e.Kind != KindModels && e.Kind != KindSymbols {
				want = append(want, e)
			}
		}
		reached := map[string]time.Time{Benchmark: since.Add(time.Hour)}
		want = slices.DeleteFunc(want, func(e Event) bool { return e.Model == Benchmark && e.At.Before(reached[Benchmark]) })
		i := 0
		for e, err := range (&Standing{Options: o, Since: since, Reached: reached}).Events(t.Context()) {
			require.NoError(t, err)
			if i == len(want) {
				break
			}
			require.Equal(t, want[i], e)
			i++
		}
	}

	var last error
	for _, err := range (&Standing{Options: o, Since: begins.Add(MaxHours * time.Hour)}).Events(t.Context()) {
		last = err
	}
	require.ErrorContains(t, last, "as old as a season gets")
}

// still is a clock that moves when somebody waits.
type still struct{ now time.Time }

func (c *still) Now() time.Time { return c.now }
func (c *still) Wait(_ context.Context, d time.Duration) error {
	c.now = c.now.Add(d)
	return nil
}

func TestTheGapIsPlayedAtOnceAndNothingFarAhead(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(d time.Duration) Event { return Event{Kind: KindPrices, At: now.Add(d)} }
	for name, c := range map[string]struct {
		speed float64
		from  time.Duration
		at    []time.Duration
		waits []time.Duration
	}{
		"real time":     {1, 0, []time.Duration{-72 * time.Hour, -time.Minute, 30 * time.Second, time.Minute}, []time.Duration{0, 0, 30 * time.Second, 30 * time.Second}},
		"faster":        {60, 0, []time.Duration{-time.Hour, time.Minute, time.Hour}, []time.Duration{0, time.Second, 59 * time.Second}},
		"ahead already": {1, 2 * time.Hour, []time.Duration{2*time.Hour + time.Second}, []time.Duration{time.Second}},
		"too far":       {1e6, 0, []time.Duration{MaxLead, MaxLead + time.Hour}, []time.Duration{83 * time.Millisecond, time.Hour}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := &still{now}
			p := pace{clock: clock, speed: c.speed, lead: MaxLead, origin: now.Add(c.from), began: now}
			for i := range c.at {
				wait := max(p.until(at(c.at[i])), 0)
				require.InDelta(t, c.waits[i].Seconds(), wait.Seconds(), 0.1, "%d", i)
				require.NoError(t, clock.Wait(t.Context(), wait))
			}
		})
	}
}

func TestAnAPIThatCannotBeAsked(t *testing.T) {
	t.Parallel()
	down := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, `{"title":"not now"}`, http.StatusServiceUnavailable)
	}))
	t.Cleanup(down.Close)
	for url, want := range map[string]string{
		"nowhere": "the URL has to be one such as", down.URL: "503 Service Unavailable", "http://127.0.0.1:1": "connection refused",
	} {
		_, _, err := Find(t.Context(), url, 1)
		require.Error(t, err)
		require.ErrorContains(t, err, want)
	}
}
