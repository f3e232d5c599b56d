package mirror

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"nof0/atlas/atlastest"
	"nof0/internal/arena"
	"nof0/internal/await"
	"nof0/internal/cutover/jsonstore"
	"nof0/internal/importer"
	"nof0/internal/season"
	"nof0/internal/snapshot"
	"nof0/internal/testdb"
	"nof0/internal/wire"
	"nof0/internal/wire/wiretest"
	"nof0/repository"
)

func trade(id string, exit int) string {
	return fmt.Sprintf(`{"id":%q,"model_id":"m","symbol":"SOL","side":"long","quantity":1,"entry_time":100,"exit_time":%d,`+
		`"entry_price":190.5,"exit_price":200,"realized_net_pnl":9.25}`, id, exit)
}

func price(at int) string { return fmt.Sprintf(`{"symbol":"SOL","price":190.5,"timestamp":%d}`, at) }

func equity(marker int) string {
	return fmt.Sprintf(`{"model_id":"m","timestamp":%d,"dollar_equity":10000.5,"since_inception_hourly_marker":%d,"positions":{}}`, 1000+marker*3600, marker)
}

// modified is when the files of a directory were replaced.
func modified(t *testing.T, dir string) map[string]time.Time {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	files := map[string]time.Time{}
	for _, e := range entries {
		info, err := e.Info()
		require.NoError(t, err)
		if e.Name()[0] != '.' {
			files[e.Name()] = info.ModTime()
		}
	}
	return files
}

func (b *bundle) render(t *testing.T, domains ...arena.Domain) error {
	t.Helper()
	return b.store.InTx(t.Context(), func(ctx context.Context, tx repository.Repositories) error {
		return b.mirror.Render(ctx, tx, domains...)
	})
}

func TestRenderedFilesAnswerAsTheStore(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.play(t)
	// What else lies there does not shine through.
	single := filepath.Join(b.dir, "analytics-gone.json")
	require.NoError(t, os.WriteFile(single, []byte(`{"analytics":[{"id":"gone","model_id":"gone"}]}`), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(b.dir, "notes.txt"), nil, 0o600))

	require.NoError(t, b.render(t, arena.Domains()...))
	b.same(t, arena.Domains()...)
	require.NoFileExists(t, single)
	require.FileExists(t, filepath.Join(b.dir, "notes.txt"))
	require.Len(t, modified(t, b.dir), 9)

	// Files whose content is the same stay as they are.
	before := modified(t, b.dir)
	require.NoError(t, b.render(t, arena.Domains()...))
	require.Equal(t, before, modified(t, b.dir))
	b.send(t, arena.IngestPrices, price(int(time.Now().UnixMilli())))
	require.NoError(t, b.render(t, arena.Domains()...))
	after := modified(t, b.dir)
	for name := range before {
		require.Equal(t, name == "crypto-prices.json", before[name] != after[name], name)
	}
}

// TestRoundsFollowEvents holds which files an event makes anew.
func TestRoundsFollowEvents(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.send(t, arena.IngestModels, `{"id":"m"}`)
	all := arena.Domains()
	b.set(t, arena.WriteBoth, all...)
	require.NoError(t, b.mirror.round(t.Context())) // none has ever followed
	b.same(t, all...)
	replaced := func() (files []string) {
		for _, f := range files7() {
			files = append(files, fmt.Sprintf("%s %v", f, testutil.ToFloat64(b.mirror.metrics.replaced.WithLabelValues(f))))
		}
		return files
	}
	for kind, c := range map[arena.IngestKind]struct {
		item  string
		files []string
	}{
		arena.IngestPrices:    {price(1), []string{"crypto-prices.json"}},
		arena.IngestTrades:    {trade("m_1", 200), []string{"trades.json", "leaderboard.json"}},
		arena.IngestPositions: {`{"model_id":"m","position":{"symbol":"SOL","entry_oid":7,"entry_price":200,"quantity":1}}`, []string{"positions.json"}},
		arena.IngestEquity:    {equity(1), []string{"account-totals.json", "leaderboard.json"}},
		arena.IngestModels:    {`{"id":"n","since_inception":{"model_id":"n","nav_since_inception":1e4,"inception_date":1}}`, []string{"since-inception-values.json", "positions.json", "leaderboard.json"}},
		arena.IngestAnalytics: {`{"id":"m","model_id":"m","updated_at":5,"x":0}`, []string{"analytics.json"}},
		arena.IngestDecisions: {`{"id":"m_1.5","model_id":"m","timestamp":1.5}`, []string{"conversations.json"}},
		arena.IngestConversations: {
			`{"model_id":"m","messages":[{"role":"user","content":"hi","timestamp":9}]}`, []string{"conversations.json"},
		},
		arena.IngestSymbols: {`{"symbol":"BTC"}`, nil},
	} {
		before, counts := modified(t, b.dir), replaced()
		b.send(t, kind, c.item)
		require.NoError(t, b.mirror.round(t.Context()))
		b.same(t, all...)
		after := modified(t, b.dir)
		for _, name := range c.files {
			require.NotEqual(t, before[name], after[name], "%s changes %s", kind, name)
			delete(before, name)
			delete(after, name)
		}
		require.Equal(t, before, after, "%s changes nothing else", kind)
		if len(c.files) > 0 {
			require.NotEqual(t, counts, replaced())
		}
	}
}

func files7() []string {
	var names []string
	for _, f := range files() {
		names = append(names, snapshot.FileName(f.kind, ""))
	}
	return names
}

// TestOnlyDomainsWrittenToBothFollow also holds that a switch is read anew each
// round.
func TestOnlyDomainsWrittenToBothFollow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.send(t, arena.IngestTrades, trade("m_1", 200))
	require.NoError(t, b.mirror.round(t.Context()))
	b.set(t, arena.WriteJSON, arena.DomainPrices)
	b.set(t, arena.WriteStore, arena.DomainTrades)
	require.NoError(t, b.mirror.round(t.Context()))
	require.Empty(t, modified(t, b.dir))
	b.set(t, arena.WriteBoth, arena.DomainTrades)
	require.NoError(t, b.mirror.round(t.Context()))
	require.Len(t, modified(t, b.dir), 1)
	b.same(t, arena.DomainTrades)
}

// TestWhatTheOutboxForgotIsRenderedAnew holds a follower that was away for
// longer than events are kept, and one that is ahead of a restored database.
func TestWhatTheOutboxForgotIsRenderedAnew(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.set(t, arena.WriteBoth, arena.DomainTrades)
	b.send(t, arena.IngestTrades, trade("m_1", 200))
	require.NoError(t, b.mirror.round(t.Context()))
	b.send(t, arena.IngestTrades, trade("m_2", 300))
	b.send(t, arena.IngestPrices, price(1))
	b.send(t, arena.IngestPrices, price(2))
	_, err := b.db.Exec(t.Context(), `DELETE FROM outbox_events WHERE sequence < (SELECT max(sequence) FROM outbox_events)`)
	require.NoError(t, err)
	require.NoError(t, b.mirror.round(t.Context()))
	b.same(t, arena.DomainTrades)

	b.send(t, arena.IngestTrades, trade("m_3", 400))
	_, err = b.db.Exec(t.Context(), `UPDATE json_mirror SET sequence = 1000000`)
	require.NoError(t, err)
	require.NoError(t, b.mirror.round(t.Context()))
	b.same(t, arena.DomainTrades)
	var sequence int64
	require.NoError(t, b.db.QueryRow(t.Context(), `SELECT sequence FROM json_mirror`).Scan(&sequence))
	require.Less(t, sequence, int64(100))
}

// TestAFailureWaitsAndHeals takes the directory away while events go on.
func TestAFailureWaitsAndHeals(t *testing.T) {
	t.Parallel()
	b := setup(t)
	both := []arena.Domain{arena.DomainTrades, arena.DomainPrices}
	b.set(t, arena.WriteBoth, both...)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { b.mirror.Follow(ctx) })
	defer running.Wait()
	defer cancel()
	b.send(t, arena.IngestTrades, trade("m_1", 200))
	b.send(t, arena.IngestPrices, price(1))
	follows := func() bool {
		events, _, err := b.mirror.lag(ctx)
		return err == nil && events == 0
	}
	await.True(t, follows)
	b.same(t, both...)

	// One file cannot be replaced: the other domain goes on.
	trades := filepath.Join(b.dir, "trades.json")
	require.NoError(t, os.Remove(trades))
	require.NoError(t, os.MkdirAll(filepath.Join(trades, "in the way"), 0o700))
	b.send(t, arena.IngestTrades, trade("m_2", 300))
	b.send(t, arena.IngestPrices, price(2))
	failures := b.mirror.metrics.failures.WithLabelValues(string(arena.DomainTrades))
	await.True(t, func() bool { return testutil.ToFloat64(failures) > 2 })
	await.True(t, func() bool { return testutil.ToFloat64(b.mirror.metrics.waiting) >= 1 })
	await.True(t, func() bool { return testutil.ToFloat64(b.mirror.metrics.lag) > 0 })
	await.True(t, func() bool {
		prices, err := b.json.CryptoPrices(ctx)
		return err == nil && prices.Prices["SOL"].Timestamp == 2
	}, "the other domain follows")
	require.NoError(t, os.RemoveAll(trades))
	await.True(t, follows)
	b.same(t, both...)

	// The whole directory is away.
	away := b.dir + " away"
	require.NoError(t, os.Rename(b.dir, away))
	b.send(t, arena.IngestTrades, trade("m_3", 400))
	before := testutil.ToFloat64(failures)
	await.True(t, func() bool { return testutil.ToFloat64(failures) > before+2 })
	require.NoError(t, os.Rename(away, b.dir))
	await.True(t, follows)
	b.same(t, both...)
}

// TestFilesDoNotWaitForTheRelay holds that events that cannot be relayed, as
// while Redis is away, are shown by the files all the same, and once.
func TestFilesDoNotWaitForTheRelay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.set(t, arena.WriteBoth, arena.DomainTrades, arena.DomainPrices)
	require.NoError(t, b.mirror.round(t.Context()))
	now := time.Now()
	b.mirror.o.Now = func() time.Time { return now }
	replaced := func() float64 {
		return testutil.ToFloat64(b.mirror.metrics.replaced.WithLabelValues("trades.json"))
	}
	require.InDelta(t, 1, replaced(), 0)
	for i, id := range []string{"m_1", "m_2"} {
		b.take(t, batch(arena.IngestTrades, trade(id, 200+i))) // and no relay
		now = time.Now().Add(relayPatience)
		for range 3 {
			require.NoError(t, b.mirror.round(t.Context()))
			b.same(t, arena.DomainTrades, arena.DomainPrices)
			require.InDelta(t, 2+i, replaced(), 0)
		}
	}
	b.relay(t)
	require.NoError(t, b.mirror.round(t.Context()))
	b.same(t, arena.DomainTrades, arena.DomainPrices)
}

// TestSeveralFollowers runs a mirror in each of several processes' stead.
func TestSeveralFollowers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.set(t, arena.WriteBoth, arena.Domains()...)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for range 3 {
		m := b.newMirror(t)
		running.Go(func() { m.Follow(ctx) })
	}
	defer running.Wait()
	defer cancel()
	for i := range 30 {
		b.send(t, arena.IngestTrades, trade(fmt.Sprintf("m_%d", i), 200+i))
		b.send(t, arena.IngestEquity, equity(i))
	}
	await.True(t, func() bool {
		events, _, err := b.mirror.lag(ctx)
		return err == nil && events == 0
	})
	b.same(t, arena.DomainTrades, arena.DomainAccounts, arena.DomainAnalytics)
}

// TestRepeatsAreKnownOnTheWayBack flips positions from Postgres to the files:
// what is told again by then is known there too.
func TestRepeatsAreKnownOnTheWayBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	opening := func(oid int) string {
		return fmt.Sprintf(`{"model_id":"m","position":{"symbol":"SOL","entry_oid":%d,"entry_price":200,"quantity":3}}`, oid)
	}
	fill := func(id string, oid int) string {
		return fmt.Sprintf(`{"id":%q,"model_id":"m","symbol":"SOL","side":"long","quantity":2,"entry_oid":%d,"entry_time":100,`+
			`"exit_time":200,"entry_price":190.5,"exit_price":200,"realized_net_pnl":9.25}`, id, oid)
	}
	b.send(t, arena.IngestPositions, opening(7))
	b.send(t, arena.IngestTrades, fill("m_1", 7), fill("m_2", 7))
	b.send(t, arena.IngestPositions, opening(8))
	b.send(t, arena.IngestTrades, fill("m_3", 8))
	require.NoError(t, b.render(t, arena.DomainPositions))
	require.NoFileExists(t, filepath.Join(b.dir, "trades.json"))

	w := jsonstore.NewWriter(jsonstore.WriterOptions{Dir: b.dir, PrimaryProvider: primary, Now: time.Now})
	defer w.Close()
	positions := []arena.Domain{arena.DomainPositions}
	again, err := wire.Decode[wire.PositionItem]([]byte(opening(7)))
	require.NoError(t, err)
	results, err := w.Apply(t.Context(), arena.IngestPositions, []any{again}, positions)
	require.NoError(t, err)
	require.Equal(t, repository.Conflict, results[0].Outcome)
	for _, id := range []string{"m_2", "m_3"} {
		item, err := wire.DecodeTradeItem([]byte(fill(id, 8)))
		require.NoError(t, err)
		results, err = w.Apply(t.Context(), arena.IngestTrades, []any{item}, positions)
		require.NoError(t, err)
		require.Equal(t, repository.Unchanged, results[0].Outcome)
	}
	b.same(t, arena.DomainPositions)
}

// BenchmarkRender renders the files of a domain of 200 hours of seven models,
// of which none has changed and all have to be read.
func BenchmarkRender(bench *testing.B) {
	store, err := repository.Open(bench.Context(), repository.Options{DSN: testdb.New(bench, atlastest.Migrator{}), MaxOpen: 2})
	require.NoError(bench, err)
	bench.Cleanup(func() { require.NoError(bench, store.Close()) })
	made, err := season.Generate(bench.Context(), season.Options{Seed: 1, Models: season.DefaultModels, Hours: season.DefaultHours})
	require.NoError(bench, err)
	dir := bench.TempDir()
	_, err = made.Write(bench.Context(), dir)
	require.NoError(bench, err)
	_, err = importer.Import(bench.Context(), dir, importer.Options{Bounds: wiretest.Bounds(), Now: time.Now, Store: store, PrimaryProvider: primary, Benchmarks: []string{benchmark}})
	require.NoError(bench, err)
	m := New(Options{Dir: bench.TempDir(), Store: store, PrimaryProvider: primary})
	for _, d := range arena.Domains() {
		bench.Run(string(d), func(bench *testing.B) {
			for bench.Loop() {
				require.NoError(bench, m.Render(bench.Context(), store.Repositories, d))
			}
		})
	}
}
