package parity_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"nof0/internal/arena"
	"nof0/internal/await"
	"nof0/internal/catalogue"
	"nof0/internal/cutover/parity"
	"nof0/internal/wire"
)

// while runs something until the test is over.
func while(t *testing.T, run func(context.Context)) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { run(ctx) })
	t.Cleanup(func() {
		cancel()
		done.Wait()
	})
}

func (b *bundle) newest(t *testing.T, d arena.Domain) string {
	t.Helper()
	run, err := b.store.Parity.Newest(t.Context(), string(d))
	require.NoError(t, err)
	if run == nil {
		return ""
	}
	return run.Verdict
}

func TestReportsAreKept(t *testing.T) {
	t.Parallel()
	b := small(t)
	registry := prometheus.NewRegistry()
	r := parity.NewRunner(parity.RunnerOptions{Compare: b.options(), Database: b.store, Registerer: registry})

	report, err := r.Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, wire.VerdictEqual, report.Verdict)
	for _, d := range arena.Domains() {
		require.Equal(t, wire.VerdictEqual, b.newest(t, d))
	}

	b.exec(t, `UPDATE price_latest SET price = 1.5 WHERE symbol = 'BTC'`)
	report, err = r.Run(t.Context(), arena.DomainPrices)
	require.NoError(t, err)
	require.Equal(t, wire.VerdictDifferent, report.Verdict)
	runs, err := r.Runs(t.Context(), "", 100)
	require.NoError(t, err)
	require.Len(t, runs, len(arena.Domains())+1)
	require.Equal(t, report.Domains[0], runs[0], "the newest comes first, and as it was made")
	runs, err = r.Runs(t.Context(), arena.DomainPrices, 1)
	require.NoError(t, err)
	require.Equal(t, report.Domains, runs)

	for name, want := range map[string]int{
		"nof0_parity_verdict": 3 * len(arena.Domains()), "nof0_parity_differences": len(arena.Domains()),
	} {
		n, err := testutil.GatherAndCount(registry, name)
		require.NoError(t, err)
		require.Equal(t, want, n, name)
	}
}

func TestComparesOnSchedule(t *testing.T) {
	t.Parallel()
	b := small(t)
	b.exec(t, `UPDATE price_latest SET price = 1.5 WHERE symbol = 'BTC'`)
	for range 3 { // processes
		r := parity.NewRunner(parity.RunnerOptions{
			Compare: b.options(), Database: b.store, Interval: time.Hour, Look: 10 * time.Millisecond,
		})
		while(t, r.Follow)
	}
	await.True(t, func() bool {
		return b.newest(t, arena.DomainConversations) == wire.VerdictEqual && b.newest(t, arena.DomainPrices) == wire.VerdictDifferent
	}, "every domain is compared")
	runs, err := b.store.Parity.List(t.Context(), "", 1000)
	require.NoError(t, err)
	require.Len(t, runs, len(arena.Domains()), "by one process, once")
}

// Files that nobody reads and that follow nothing are not compared on schedule, and what was
// found of them before is shown no more.
func TestFilesThatGrowOldAreNotCompared(t *testing.T) {
	t.Parallel()
	b := small(t)
	b.exec(t, `UPDATE trades SET quantity = quantity + 1 WHERE model_id || id = (SELECT min(model_id || id) FROM trades)`)
	registry := prometheus.NewRegistry()
	r := parity.NewRunner(parity.RunnerOptions{
		Compare: b.options(), Database: b.store, Interval: time.Hour, Look: 10 * time.Millisecond, Registerer: registry,
	})
	_, err := r.Run(t.Context(), arena.DomainTrades)
	require.NoError(t, err)
	for domain, writes := range map[arena.Domain]arena.WriteMode{arena.DomainTrades: arena.WriteStore, arena.DomainPrices: arena.WriteStore, arena.DomainAccounts: arena.WriteBoth} {
		b.exec(t, fmt.Sprintf(`INSERT INTO rollout_switches (domain, read_mode, write_mode) VALUES ('%s', 'store', '%s')`, domain, writes))
	}
	shown := func() (n int) {
		n, err := testutil.GatherAndCount(registry, "nof0_parity_verdict")
		require.NoError(t, err)
		return n
	}
	require.Equal(t, 3, shown())
	while(t, r.Follow)
	await.True(t, func() bool {
		runs, err := r.Runs(t.Context(), "", 100) // which are kept once they are shown
		return err == nil && len(runs) == 1+len(arena.Domains())-2 && shown() == 3*(len(arena.Domains())-2)
	})
	require.Empty(t, b.newest(t, arena.DomainPrices))
}

func newShadow(t *testing.T, b *bundle, registry prometheus.Registerer, change ...func(*parity.ShadowOptions)) *parity.Shadow {
	t.Helper()
	o := parity.ShadowOptions{
		JSON: b.json, Store: always(b.answers()), Repos: b.store.Repositories, Fraction: 1,
		Random: func() float64 { return 0.5 }, Registerer: registry,
	}
	for _, c := range change {
		c(&o)
	}
	return parity.NewShadow(o)
}

func shadowCount(t *testing.T, registry prometheus.Gatherer, d arena.Domain, result string) float64 {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() != "nof0_shadow_requests_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			if m.GetLabel()[0].GetValue() == string(d) && m.GetLabel()[1].GetValue() == result {
				return m.GetCounter().GetValue()
			}
		}
	}
	require.Fail(t, "no such series")
	return 0
}

func TestShadowFindsADifference(t *testing.T) {
	t.Parallel()
	b := small(t)
	registry := prometheus.NewRegistry()
	s := newShadow(t, b, registry)
	while(t, s.Run)
	requests := map[arena.Domain][]arena.Request{
		arena.DomainPrices:        {{View: catalogue.ViewCryptoPrices}},
		arena.DomainTrades:        {{View: catalogue.ViewTrades}},
		arena.DomainPositions:     {{View: catalogue.ViewPositions}, {View: catalogue.ViewPositions, Limit: 1}},
		arena.DomainAccounts:      {{View: catalogue.ViewAccountTotals}, {View: catalogue.ViewAccountTotals, FromMarker: 20}, {View: catalogue.ViewSinceInception}},
		arena.DomainAnalytics:     {{View: catalogue.ViewAnalytics}, {View: catalogue.ViewAnalyticsOf, Model: "claude-sonnet-4-5"}, {View: catalogue.ViewLeaderboard}},
		arena.DomainConversations: {{View: catalogue.ViewConversations}},
	}
	for d, list := range requests {
		for _, req := range list {
			s.Offer(t.Context(), d, req)
		}
	}
	for d, list := range requests {
		await.True(t, func() bool { return shadowCount(t, registry, d, "equal") == float64(len(list)) }, string(d)+" is compared and equal")
		require.Empty(t, b.newest(t, d), "what is equal needs no report")
	}

	b.exec(t, `UPDATE trades SET exit_price = 12345.5 WHERE model_id || ' ' || id = (SELECT min(model_id || ' ' || id) FROM trades)`)
	s.Offer(t.Context(), arena.DomainTrades, arena.Request{View: catalogue.ViewTrades})
	await.True(t, func() bool { return shadowCount(t, registry, arena.DomainTrades, "different") == 1 }, "the difference is counted")
	require.Equal(t, wire.VerdictDifferent, b.newest(t, arena.DomainTrades))
	require.Empty(t, b.newest(t, arena.DomainPrices))

	s.Offer(t.Context(), arena.DomainTrades, arena.Request{View: catalogue.ViewTrades})
	await.True(t, func() bool { return shadowCount(t, registry, arena.DomainTrades, "different") == 2 }, "it is counted again")
	runs, err := b.store.Parity.List(t.Context(), "", 100)
	require.NoError(t, err)
	require.Len(t, runs, 1, "and reported once in a period")
}

func TestShadowSamplesAndDrops(t *testing.T) {
	t.Parallel()
	b := small(t)
	registry := prometheus.NewRegistry()
	now := time.Unix(1_800_000_000, 0)
	drawn := 0.5
	s := newShadow(t, b, registry, func(o *parity.ShadowOptions) {
		o.Fraction, o.Random, o.Queue = 0.1, func() float64 { return drawn }, 2
		o.Period, o.Now = time.Minute, func() time.Time { return now }
	})
	dropped := func() int { return int(shadowCount(t, registry, arena.DomainPrices, "dropped")) }
	offer := func() { s.Offer(t.Context(), arena.DomainPrices, arena.Request{View: catalogue.ViewCryptoPrices}) }
	// Names follow from rows that other views compare: these are not taken.
	s.Offer(t.Context(), arena.DomainAccounts, arena.Request{View: catalogue.ViewModels})
	s.Offer(t.Context(), arena.DomainPrices, arena.Request{View: catalogue.ViewSymbols})
	offer() // the first of a period is always taken
	offer()
	drawn = 0.05
	offer()
	require.Zero(t, dropped())
	offer()
	require.Equal(t, 1, dropped(), "nobody compares, and the queue is full")
	drawn = 0.5
	offer()
	require.Equal(t, 1, dropped(), "it was not sampled")
	now = now.Add(time.Minute)
	offer()
	require.Equal(t, 2, dropped(), "it was, as the first in a minute")

	while(t, s.Run)
	await.True(t, func() bool { return shadowCount(t, registry, arena.DomainPrices, "equal") == 2 }, "those that wait are compared")
}

func TestShadowOutlivesAnOutage(t *testing.T) {
	t.Parallel()
	b := small(t)
	registry := prometheus.NewRegistry()
	s := newShadow(t, b, registry)
	require.NoError(t, b.store.Close())
	while(t, s.Run)
	s.Offer(t.Context(), arena.DomainPrices, arena.Request{View: catalogue.ViewCryptoPrices})
	await.True(t, func() bool { return shadowCount(t, registry, arena.DomainPrices, "failed") == 1 }, "it is counted")
}
