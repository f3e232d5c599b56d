package cachelayer

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/sony/gobreaker/v2"
	"github.com/stretchr/testify/require"

	"nof0/config"
	"nof0/internal/await"
	"nof0/internal/testdb"
)

// refusing are ways in which a Redis answers and takes no writes, by the word that it
// refuses them with.
var refusing = map[string]struct {
	args   []string
	begins func(t *testing.T, b *bundle)
	ends   func(t *testing.T, b *bundle)
}{
	"READONLY": {
		nil,
		replicaOf("127.0.0.1", "1"),
		replicaOf("NO", "ONE"),
	},
	"MASTERDOWN": {
		[]string{"--replica-serve-stale-data", "no"},
		replicaOf("127.0.0.1", "1"),
		replicaOf("NO", "ONE"),
	},
	"NOREPLICAS": {nil, set("min-replicas-to-write", "1"), set("min-replicas-to-write", "0")},
	"OOM":        {nil, set("maxmemory", "1"), set("maxmemory", "0")},
	"MISCONF": {
		[]string{"--enable-protected-configs", "yes", "--save", "3600 1"},
		func(t *testing.T, b *bundle) {
			t.Helper()
			gone := filepath.Join(t.TempDir(), "gone")
			require.NoError(t, os.Mkdir(gone, 0o700))
			set("dir", gone)(t, b)
			require.NoError(t, os.Remove(gone))
			require.NoError(t, b.raw.BgSave(b.ctx).Err())
			await.True(t, func() bool {
				return strings.Contains(b.raw.Info(b.ctx, "persistence").Val(), "rdb_last_bgsave_status:err")
			})
		},
		set("stop-writes-on-bgsave-error", "no"),
	},
}

func replicaOf(host, port string) func(t *testing.T, b *bundle) {
	return func(t *testing.T, b *bundle) {
		t.Helper()
		require.NoError(t, b.raw.ReplicaOf(b.ctx, host, port).Err())
	}
}

func set(name, value string) func(t *testing.T, b *bundle) {
	return func(t *testing.T, b *bundle) {
		t.Helper()
		require.NoError(t, b.raw.ConfigSet(b.ctx, name, value).Err())
	}
}

// refusalBundle is three processes of one identity, each of which has read the note.
func refusalBundle(t *testing.T, pg *source, args ...string) (b *bundle, two, three *process) {
	t.Helper()
	s := startRedis(t, args...)
	b = &bundle{process: newProcess(t, s.url()), redis: s, raw: s.raw, ctx: t.Context()}
	two, three = newProcess(t, s.url()), newProcess(t, s.url())
	for _, p := range []*process{b.process, two, three} {
		p.own(t, ours)
		require.Equal(t, pg.note.Text, p.fetch(t, pg.load))
	}
	return b, two, three
}

// TestARedisThatRefusesWritesIsNotRead holds that nobody reads what an invalidation could
// not reach: not who notices because he reads, nor who reads again only when Redis takes
// writes once more and the process that invalidated has made up for it.
func TestARedisThatRefusesWritesIsNotRead(t *testing.T) {
	t.Parallel()
	for word, way := range refusing {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			pg := newSource("old")
			b, two, three := refusalBundle(t, pg, way.args...)
			way.begins(t, b)
			pg.write("new")
			require.ErrorIs(t, b.cache.Invalidate(b.ctx, testVersion), ErrUnavailable)
			require.Equal(t, "new", b.fetch(t, pg.load), "here at once")
			two.clock.Advance(two.cache.versions.life)
			require.Equal(t, "new", two.fetch(t, pg.load), "there after the local TTL")
			require.ErrorContains(t, two.client.Usable(), word)
			require.InDelta(t, 1, gaugeOf(t, two, "refusing"), 0)
			require.Positive(t, gaugeOf(t, two, "refusals_total"))

			way.ends(t, b)
			await.True(t, func() bool {
				_ = b.client.Own(b.ctx) // it makes up for what it could not invalidate
				return b.client.Usable() == nil && b.cache.Trusts()
			})
			three.clock.Advance(three.cache.versions.life)
			require.Equal(t, "new", three.fetch(t, pg.load))
			require.Zero(t, gaugeOf(t, b.process, "refusing"))
			loads := pg.loads()
			three.cache.local.dropAll()
			require.Equal(t, "new", three.fetch(t, pg.load))
			require.Equal(t, loads, pg.loads(), "Redis is used again")
		})
	}
}

// gaugeOf reads a metric of Redis, the sum where it has labels.
func gaugeOf(t *testing.T, p *process, name string) (sum float64) {
	t.Helper()
	families, err := p.registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() == "nof0_redis_"+name {
			for _, m := range family.GetMetric() {
				sum += m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// TestWhoInvalidatedIsGone holds that the others, which saw that Redis took no writes, or
// that it is as it was before, do not wait for the process that could not invalidate.
func TestWhoInvalidatedIsGone(t *testing.T) {
	t.Parallel()
	for word, way := range refusing {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			pg := newSource("old")
			b, two, three := refusalBundle(t, pg, way.args...)
			way.begins(t, b)
			pg.write("new")
			require.ErrorIs(t, b.cache.Invalidate(b.ctx, testVersion), ErrUnavailable)
			require.Error(t, two.client.Own(b.ctx), "it renews its lease, and reads nothing")
			way.ends(t, b)
			await.True(t, func() bool { return two.client.Own(b.ctx) == nil && two.cache.Trusts() })
			for _, p := range []*process{two, three} {
				p.clock.Advance(p.cache.versions.life)
				require.Equal(t, "new", p.fetch(t, pg.load))
			}
		})
	}
	t.Run("put back", func(t *testing.T) {
		t.Parallel()
		pg := newSource("old")
		b, two, _ := refusalBundle(t, pg)
		before := map[string]string{}
		for _, name := range b.raw.Keys(b.ctx, "nof0:*").Val() {
			before[name] = b.raw.Dump(b.ctx, name).Val()
		}
		lease := b.raw.Get(b.ctx, ownerName).Val()
		await.True(t, func() bool { // it counts in milliseconds
			return two.client.Own(b.ctx) == nil && b.raw.Get(b.ctx, ownerName).Val() != lease
		})
		pg.write("new")
		b.invalidate(t)
		require.Equal(t, "new", b.fetch(t, pg.load))
		require.NoError(t, b.raw.FlushAll(b.ctx).Err())
		for name, dumped := range before { // as a restart does from an older file
			require.NoError(t, b.raw.Restore(b.ctx, name, time.Minute, dumped).Err())
		}
		require.NoError(t, two.client.Own(b.ctx))
		two.clock.Advance(two.cache.versions.life)
		require.Equal(t, "new", two.fetch(t, pg.load))
	})
}

// TestReadersWhileRedisComesAndGoes reads in two processes while a third writes and Redis
// takes writes and refuses them in turns, each way once.
func TestReadersWhileRedisComesAndGoes(t *testing.T) {
	t.Parallel()
	s := startRedis(t, "--enable-protected-configs", "yes", "--save", "3600 1")
	b := &bundle{process: newProcess(t, s.url()), redis: s, raw: s.raw, ctx: t.Context()}
	readers := []*process{b.process, newProcess(t, s.url(), noLocal), newProcess(t, s.url(), noLocal)}
	var committed, announced atomic.Int64
	load := func(context.Context) (int64, error) { return committed.Load(), nil }
	ctx, stop := context.WithCancel(b.ctx)
	var all sync.WaitGroup
	for _, p := range readers {
		p.own(t, ours)
		all.Go(func() { p.client.Run(ctx) })
		all.Go(func() {
			for ctx.Err() == nil {
				least := announced.Load()
				got, err := Fetch(b.ctx, p.cache, testKey(), load)
				if err != nil || got < least {
					t.Errorf("%d after %d: %v", got, least, err)
					return
				}
			}
		})
	}
	write := func(n int) {
		for range n {
			committed.Add(1)
			_ = b.cache.Invalidate(b.ctx, testVersion) // who reads finds out
			announced.Store(committed.Load())
		}
	}
	for _, word := range []string{"READONLY", "NOREPLICAS", "OOM", "MISCONF", "READONLY"} {
		write(50)
		refusing[word].begins(t, b)
		write(50)
		refusing[word].ends(t, b)
		write(5)
		await.True(t, func() bool { return b.client.Usable() == nil })
	}
	stop()
	all.Wait()
}

// TestADocumentOfAnotherKeyIsNotRead moves what was stored, as a restore or somebody's
// script may.
func TestADocumentOfAnotherKeyIsNotRead(t *testing.T) {
	t.Parallel()
	b := setup(t, noLocal)
	one, other := newSource("one"), keyOf("nof0:test:other", time.Minute)
	require.Equal(t, "one", b.fetch(t, one.load))
	require.NoError(t, b.raw.Copy(b.ctx, testKey().Name, other.Name, 0, true).Err())
	got, err := Fetch(b.ctx, b.cache, other, newSource("two").load)
	require.NoError(t, err)
	require.Equal(t, "two", got.Text)
	require.Equal(t, 1, int(testutil.ToFloat64(b.cache.metrics.foreign.WithLabelValues("test"))))
}

// TestASlowRedisIsLeftAlone holds that the breaker opens where Redis answers late, that the
// answers are right, and that Redis is used again when it is fast.
func TestASlowRedisIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	way := testdb.NewWay(t, s.addr)
	p := newProcess(t, "redis://"+way.Addr, noLocal, func(cfg *config.Config) { cfg.Redis.SlowAfter = 20 * time.Millisecond })
	pg := newSource("one")
	require.Equal(t, "one", p.fetch(t, pg.load))
	way.Delay(40 * time.Millisecond)
	await.True(t, func() bool {
		require.Equal(t, "one", p.fetch(t, pg.load))
		return p.client.breaker.circuit.State() == gobreaker.StateOpen
	})
	await.True(t, func() bool { return p.client.breaker.circuit.State() == gobreaker.StateHalfOpen })
	require.Equal(t, "one", p.fetch(t, pg.load)) // it is tried, and found to be slow
	way.Delay(0)
	await.True(t, func() bool {
		before := pg.loads()
		require.Equal(t, "one", p.fetch(t, pg.load))
		return pg.loads() == before
	})
}
