// Package readtest asks processes, in tests, for everything that can be read of
// them, and compares it with what is stored.
package readtest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/cachelayer"
	"nof0/config"
	"nof0/internal/apiclient"
	"nof0/internal/arena"
	"nof0/internal/catalogue"
	"nof0/internal/season"
	"nof0/internal/testsize"
	"nof0/internal/wire"
	"nof0/repository"
)

// Late is a model and LateSymbol a symbol that nobody knows at first.
const (
	Late       = "late"
	LateSymbol = "LATE"
)

// Checker compares the answers of processes with what is stored, read past every
// cache. The rows of a generated season are stored.
type Checker struct {
	URLs  []string
	Facts season.Facts
	// Reads are the requests, by path below /api.
	Reads map[string]arena.Request

	t      testing.TB
	fresh  *arena.Service
	stored map[string]string // what was read past every cache since Prime, by path
	n      int               // numbers what Item makes
}

// Seen is what a process answered: the status, and the validators of its answer.
type Seen struct {
	status         int
	etag, modified string
}

// New returns a checker of processes that have the settings of cfg.
func New(t testing.TB, store repository.Repositories, cfg config.Config, facts season.Facts, urls ...string) *Checker {
	t.Helper()
	c := &Checker{t: t, URLs: urls, Facts: facts, Reads: reads(facts)}
	settings := cfg.Cache
	settings.LocalTTL = 0
	client, err := cachelayer.Open("", cfg.Redis, cachelayer.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	nothing, err := cachelayer.New(client, settings, cachelayer.Options{})
	require.NoError(t, err)
	t.Cleanup(nothing.Close)
	c.fresh, err = arena.NewService(arena.ServiceOptions{
		Store: arena.NewStore(store, cfg.Arena.PrimaryProvider, time.Now), Cache: nothing, TTLs: settings,
		Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	require.NoError(t, err)
	return c
}

// reads are every view with every parameter, some values of each.
func reads(facts season.Facts) map[string]arena.Request {
	all := map[string]arena.Request{}
	add := func(path string, view catalogue.ViewName, change func(*arena.Request)) {
		req := arena.Request{View: view}
		if change != nil {
			change(&req)
		}
		all[path] = req
	}
	for _, v := range catalogue.Views() {
		if !v.OfOne() {
			add(v.Path, v.Name, nil)
		}
	}
	for _, marker := range testsize.Pick([]int64{0, 3, 24, 59, 60}, []int64{0, 1, 3, 24, 30, 58, 59, 60, 90_000}) {
		add(fmt.Sprintf("/account-totals?lastHourlyMarker=%d", marker), catalogue.ViewAccountTotals, func(r *arena.Request) { r.FromMarker = marker })
	}
	for _, limit := range testsize.Pick([]int{1, 3}, []int{1, 2, 3, 4, 7, 1000}) {
		add(fmt.Sprintf("/positions?limit=%d", limit), catalogue.ViewPositions, func(r *arena.Request) { r.Limit = limit })
	}
	for _, model := range []string{facts.Competitors[0], facts.Competitors[2], Late} {
		add("/analytics/"+model, catalogue.ViewAnalyticsOf, func(r *arena.Request) { r.Model = model })
		add("/equity?model_id="+model, catalogue.ViewEquity, func(r *arena.Request) { r.Model = model })
		add("/equity?points=8&model_id="+model, catalogue.ViewEquity, func(r *arena.Request) { r.Model, r.Series.Points = model, 8 })
	}
	for _, d := range []wire.Decision{facts.Decisions[0], facts.Decisions[len(facts.Decisions)-1]} {
		path := "/decisions/" + d.ModelID + "/" + d.ID
		add(path, catalogue.ViewDecision, func(r *arena.Request) { r.Model, r.Decision = d.ModelID, d.ID })
		add(path+"/diff", catalogue.ViewDecisionDiff, func(r *arena.Request) { r.Model, r.Decision = d.ModelID, d.ID })
	}
	for _, symbol := range []string{"BTC", LateSymbol} {
		add("/prices/"+symbol, catalogue.ViewPrices, func(r *arena.Request) { r.Symbol = symbol })
		add("/prices/"+symbol+"?points=9", catalogue.ViewPrices, func(r *arena.Request) { r.Symbol, r.Series.Points = symbol, 9 })
	}
	return all
}

// truth is the entity tag of what is stored now, "" where there is no such thing.
func (c *Checker) truth(path string) string {
	c.t.Helper()
	answer, err := c.fresh.Answer(c.t.Context(), c.Reads[path])
	if errors.Is(err, arena.ErrUnknownModel) || errors.Is(err, arena.ErrUnknownSymbol) || errors.Is(err, arena.ErrUnknownDecision) {
		return ""
	}
	require.NoError(c.t, err, path)
	return `W/"` + answer.ETag + `"`
}

func (c *Checker) ask(process int, path string, headers ...string) Seen {
	c.t.Helper()
	res, err := apiclient.Client{URL: c.URLs[process]}.Do(c.t.Context(), http.MethodGet, "/api"+path, nil, headers...)
	require.NoError(c.t, err)
	if res.Header.Get("X-Data-Source") == "stale" {
		return c.ask(process, path, headers...) // it says that there is something newer, which is on its way
	}
	if res.StatusCode == http.StatusOK || res.StatusCode == http.StatusNotModified {
		require.Equal(c.t, "store", res.Header.Get("X-Data-Source"), path)
	} else {
		require.Equal(c.t, http.StatusNotFound, res.StatusCode, "%s: %s", path, res.Body)
	}
	return Seen{res.StatusCode, res.Header.Get("Etag"), res.Header.Get("Last-Modified")}
}

// IsShown reports whether a process answers with what is stored, plainly and to
// who has what it answered before. What others commit meanwhile counts too.
func (c *Checker) IsShown(process int, path string, before Seen) bool {
	c.t.Helper()
	answers := []Seen{
		c.ask(process, path),
		c.ask(process, path, "If-None-Match", before.etag),
		c.ask(process, path, "If-Modified-Since", before.modified),
	}
	var now []string
	if stored, known := c.stored[path]; known && !c.IsMoving(path) {
		now = append(now, stored)
	}
	if !slices.Contains(now, answers[0].etag) {
		c.stored[path] = c.truth(path)
		now = append(now, c.stored[path])
	}
	for _, answer := range answers {
		if !slices.Contains(now, answer.etag) {
			return false
		}
		if answer.status == http.StatusNotModified && !slices.Contains(now, before.etag) {
			return false
		}
	}
	return true
}

// ComesTo waits until a process shows what is stored. It reports false where it
// does not within two minutes.
func (c *Checker) ComesTo(process int, path string, before Seen) bool {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Minute)
	defer cancel()
	for !c.IsShown(process, path, before) {
		if ctx.Err() != nil {
			return false
		}
	}
	return true
}

// Prime reads everything of every process, so that each has it cached, and returns
// what they answered. What a change makes of it is compared after.
func (c *Checker) Prime() []map[string]Seen {
	c.t.Helper()
	c.stored = map[string]string{}
	all := make([]map[string]Seen, len(c.URLs))
	for process := range c.URLs {
		all[process] = map[string]Seen{}
		for path := range c.Reads {
			all[process][path] = c.ask(process, path)
		}
	}
	return all
}

// IsMoving reports whether a view shows what is computed in the background, by any process.
func (c *Checker) IsMoving(path string) bool {
	return slices.Contains(catalogue.ViewOf(c.Reads[path].View).Reads, catalogue.Analytics)
}
