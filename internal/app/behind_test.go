package app_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/cachelayer"
	"nof0/config"
	"nof0/internal/app"
	"nof0/internal/arena"
	"nof0/internal/catalogue"
	"nof0/internal/season"
	"nof0/internal/testsize"
	"nof0/internal/wire"
)

// behind is two processes on one database and one Redis, everything that can be
// read of them, and a reader that keeps nothing.
type behind struct {
	*bundle

	t       *testing.T
	urls    [2]string
	reads   map[string]arena.Request // by path below /api
	fresh   *arena.Service
	facts   season.Facts
	n       int           // numbers what is written
	slowest time.Duration // from a write to where the other process shows it
	checked int
}

// seen is what a process answered before a write.
type seen struct{ etag, modified string }

func setupBehind(t *testing.T) *behind {
	t.Helper()
	o := season.Options{Seed: 31, Models: 4, Hours: 60}
	s, err := season.Generate(t.Context(), o)
	require.NoError(t, err)
	b := &behind{t: t, facts: s.Facts()}
	b.bundle = setup(t, func(c *config.Config) { c.IngestToken, c.AdminToken = ingestToken, adminToken })
	b.load(t, madeUp(t, o))
	b.urls[0] = b.url
	var other *app.App
	other, b.urls[1] = start(t, b.cfg)
	require.NotNil(t, other)

	cfg := b.cfg.Cache
	cfg.LocalTTL = 0
	client, err := cachelayer.Open("", b.cfg.Redis, cachelayer.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	nothing, err := cachelayer.New(client, cfg, cachelayer.Options{})
	require.NoError(t, err)
	t.Cleanup(nothing.Close)
	b.fresh, err = arena.NewService(arena.ServiceOptions{
		Store: arena.NewStore(b.app.Store.Repositories, b.cfg.Arena.PrimaryProvider, time.Now),
		Cache: nothing, TTLs: cfg,
		Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	require.NoError(t, err)

	b.reads = map[string]arena.Request{}
	add := func(path string, view arena.View, change func(*arena.Request)) {
		req := arena.Request{View: view}
		if change != nil {
			change(&req)
		}
		b.reads[path] = req
	}
	for _, v := range catalogue.Views() {
		if v.Name != arena.ViewAnalyticsOf && v.Name != arena.ViewPrices {
			add(v.Path, v.Name, nil)
		}
	}
	for _, marker := range []int64{0, 1, 3, 24, 30, 58, 59, 60, 90_000} {
		add(fmt.Sprintf("/account-totals?lastHourlyMarker=%d", marker), arena.ViewAccountTotals, func(r *arena.Request) { r.FromMarker = marker })
	}
	for _, limit := range []int{1, 2, 3, 4, 7, 1000} {
		add(fmt.Sprintf("/positions?limit=%d", limit), arena.ViewPositions, func(r *arena.Request) { r.Limit = limit })
	}
	for _, model := range []string{b.facts.Competitors[0], b.facts.Competitors[2], "late"} {
		add("/analytics/"+model, arena.ViewAnalyticsOf, func(r *arena.Request) { r.Model = model })
		add("/equity?model_id="+model, arena.ViewEquity, func(r *arena.Request) { r.Model = model })
		add("/equity?points=8&model_id="+model, arena.ViewEquity, func(r *arena.Request) { r.Model, r.Series.Points = model, 8 })
	}
	for _, symbol := range []string{"BTC", "LATE"} {
		add("/prices/"+symbol, arena.ViewPrices, func(r *arena.Request) { r.Symbol = symbol })
		add("/prices/"+symbol+"?points=9", arena.ViewPrices, func(r *arena.Request) { r.Symbol, r.Series.Points = symbol, 9 })
	}
	return b
}

// truth is the entity tag of what is stored now, "" where there is no such thing.
func (b *behind) truth(path string) string {
	b.t.Helper()
	answer, err := b.fresh.Answer(b.t.Context(), b.reads[path])
	if errors.Is(err, arena.ErrUnknownModel) || errors.Is(err, arena.ErrUnknownSymbol) {
		return ""
	}
	require.NoError(b.t, err, path)
	return `W/"` + answer.ETag + `"`
}

func (b *behind) ask(process int, path string, headers ...string) response {
	b.t.Helper()
	res := get(b.t, b.urls[process]+"/api"+path, headers...)
	if res.StatusCode == http.StatusOK || res.StatusCode == http.StatusNotModified {
		require.Equal(b.t, "store", res.Header.Get("X-Data-Source"), path)
	} else {
		require.Equal(b.t, http.StatusNotFound, res.StatusCode, "%s: %s", path, res.body)
	}
	return res
}

// isShown reports whether a process answers with what is stored, plainly and to
// who has what it answered before. What others commit meanwhile counts too.
func (b *behind) isShown(process int, path string, before seen) bool {
	b.t.Helper()
	least := b.truth(path)
	plain := b.ask(process, path)
	byTag := b.ask(process, path, "If-None-Match", before.etag)
	byTime := b.ask(process, path, "If-Modified-Since", before.modified)
	now := []string{least, b.truth(path)}
	for _, res := range []response{plain, byTag, byTime} {
		if !slices.Contains(now, res.Header.Get("Etag")) {
			return false
		}
		if res.StatusCode == http.StatusNotModified && !slices.Contains(now, before.etag) {
			return false
		}
	}
	return true
}

// prime reads everything of both processes, so that each has it cached.
func (b *behind) prime() [2]map[string]seen {
	b.t.Helper()
	var all [2]map[string]seen
	for process := range b.urls {
		all[process] = map[string]seen{}
		for path := range b.reads {
			res := b.ask(process, path)
			all[process][path] = seen{res.Header.Get("Etag"), res.Header.Get("Last-Modified")}
		}
	}
	return all
}

// after makes a change and holds that the process that made it shows it at once,
// and the others soon; none is negative.
func (b *behind) after(what string, process int, change func()) {
	b.t.Helper()
	before := b.prime()
	change()
	began := time.Now()
	if process >= 0 {
		for path := range b.reads {
			// A change of another process may come in between; its own never.
			shown := b.isShown(process, path, before[process][path]) ||
				b.isMoving(path) && b.comesTo(process, path, before[process][path])
			assert.True(b.t, shown, "%s: the process that wrote does not show it at %s", what, path)
			b.checked++
		}
	}
	for other := range b.urls {
		if other == process {
			continue
		}
		for path := range b.reads {
			assert.True(b.t, b.comesTo(other, path, before[other][path]), "%s: process %d never shows it at %s", what, other, path)
			b.checked++
		}
		b.slowest = max(b.slowest, time.Since(began))
	}
}

// isMoving tells views of what is computed in the background, by either process.
func (b *behind) isMoving(path string) bool {
	return slices.Contains(catalogue.ViewOf(b.reads[path].View).Reads, catalogue.Analytics)
}

func (b *behind) comesTo(process int, path string, before seen) bool {
	deadline := time.Now().Add(20 * time.Second)
	for !b.isShown(process, path, before) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// item is something new of a kind, of a model of the season or of one that the
// write makes known.
func (b *behind) item(kind arena.IngestKind, model, symbol string) any {
	b.n++
	row := b.facts.Equity[slices.IndexFunc(b.facts.Equity, func(r wire.AccountTotal) bool {
		return r.ModelID == b.facts.Competitors[0] && r.SinceInceptionHourlyMarker == 3
	})]
	at := row.Timestamp + float64(b.n)
	equity := map[string]any{
		"model_id": model, "timestamp": at, "dollar_equity": 9000.5 + float64(b.n), "positions": map[string]any{},
		"since_inception_hourly_marker": row.SinceInceptionHourlyMarker, "since_inception_minute_marker": row.SinceInceptionMinuteMarker.Or(200),
	}
	last := b.facts.Equity[len(b.facts.Equity)-1].Timestamp
	switch kind {
	case arena.IngestPrices:
		return map[string]any{"symbol": symbol, "price": 100.25 + float64(b.n), "timestamp": int64(last*1000) + int64(b.n)}
	case arena.IngestPositions:
		return map[string]any{"model_id": model, "position": map[string]any{
			"symbol": fmt.Sprint("OPEN", b.n), "entry_oid": 7_000_000 + b.n, "entry_price": 200, "quantity": 6, "entry_time": last,
		}}
	case arena.IngestTrades:
		return map[string]any{"trade": map[string]any{
			"id": fmt.Sprintf("%s_behind-%d", model, b.n), "model_id": model, "symbol": symbol, "side": "long", "quantity": 2,
			"entry_oid": 8_000_000 + b.n, "entry_time": at, "exit_time": last + float64(b.n), "entry_price": 200, "exit_price": 190.5, "realized_net_pnl": -1.25,
		}, "equity": equity}
	case arena.IngestEquity:
		return equity
	case arena.IngestConversations:
		return map[string]any{"model_id": model, "messages": []any{map[string]any{"role": "user", "content": fmt.Sprint("behind ", b.n), "timestamp": last + float64(b.n)}}}
	case arena.IngestDecisions:
		return map[string]any{"id": fmt.Sprintf("%s_%d.5", model, int64(last)+int64(b.n)), "model_id": model, "timestamp": last + float64(b.n), "user_prompt": "p"}
	case arena.IngestAnalytics:
		return map[string]any{"id": model, "model_id": model, "updated_at": last + 1000 + float64(b.n), "n": b.n}
	case arena.IngestTraderState:
		return map[string]any{"trader_id": model, "allocation_pct": b.n}
	case arena.IngestMarketAssets:
		return map[string]any{"symbol": symbol, "max_leverage": b.n}
	case arena.IngestModels:
		return map[string]any{"id": model, "display_name": fmt.Sprint("behind ", b.n)}
	case arena.IngestSymbols:
		return map[string]any{"symbol": symbol, "size_step": float64(b.n)}
	}
	b.t.Fatalf("no item of %s", kind)
	return nil
}

// TestReadsAreNotBehindWrites writes every kind, with and without registration,
// and imports, and then reads every view with every parameter of
// two processes, plainly and with each validator of before.
func TestReadsAreNotBehindWrites(t *testing.T) {
	t.Parallel()
	b := setupBehind(t)
	rounds := 1
	if testsize.Long() {
		rounds = 4
	}
	for round := range rounds {
		for i, w := range catalogue.Writes() {
			for _, register := range []bool{false, true} {
				model, symbol := b.facts.Competitors[(i+round)%3], "BTC"
				if register {
					model, symbol = fmt.Sprintf("late-%d-%d", i, round), fmt.Sprintf("LATE%dR%d", i, round)
					if i%4 == round {
						model, symbol = "late", "LATE" // whose absence both have cached
					}
				}
				writer := (i + round) % 2
				raw, err := json.Marshal(b.item(w.Kind, model, symbol))
				require.NoError(t, err)
				b.after(fmt.Sprintf("%s of %s %s", w.Kind, model, symbol), writer, func() { post(t, b.urls[writer], string(w.Kind), string(raw)) })
			}
		}
		if t.Failed() {
			return
		}
	}
	b.after("an import", -1, func() {
		// Of another season of the same models: part of it contradicts what is known.
		report, err := b.importDir(t.Context(), madeUp(t, season.Options{Seed: 32, Models: 5, Hours: 80}))
		require.NoError(t, err)
		require.Less(t, report.Rejected(), 400)
	})
	t.Logf("%d checks, each plainly and by both validators; the other process showed all of a write within %d ms, of which most is the checking", b.checked, b.slowest.Milliseconds())
}
