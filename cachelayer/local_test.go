package cachelayer

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/config"
)

func TestUnchangedValueIsNotReadAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	pg := newSource("one")
	require.Equal(t, "one", b.fetch(t, pg.load))
	held := b.held(testKey())
	require.NotNil(t, held)

	for range 5 {
		b.clock.Advance(b.cache.versions.life)
		key := testKey()
		_, fresh := b.cache.versions.of(&key, b.cache.opts.Now())
		require.False(t, fresh)
		require.Equal(t, "one", b.fetch(t, pg.load))
		require.Same(t, held, b.held(testKey()))
	}
	require.Equal(t, 1, pg.loads())
	require.Equal(t, 5, count(b.cache.metrics.hits, levelLocal))
	require.Zero(t, count(b.cache.metrics.hits, levelRedis))
	stats := b.raw.Info(b.ctx, "commandstats").Val()
	require.Contains(t, stats, "cmdstat_get:calls=13,", "the value, and both versions as it was made and 5 times")
}

func TestDecodedValueIsShared(t *testing.T) {
	t.Parallel()
	b := setup(t)
	load := func(context.Context) (*note, error) { return &note{Text: "one"}, nil }
	first, err := Fetch(b.ctx, b.cache, testKey(), load)
	require.NoError(t, err)
	b.clock.Advance(time.Second)
	second, err := Fetch(b.ctx, b.cache, testKey(), load)
	require.NoError(t, err)
	require.Same(t, first, second)
}

func TestMemoryIsNeverStalerThanItsTTL(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := newProcess(t, b.redis.url())
	pg := newSource("old")
	require.Equal(t, "old", b.fetch(t, pg.load))

	// Another process invalidates: this one answers from memory, for a while.
	pg.write("new")
	other.invalidate(t)
	b.clock.Advance(b.cache.versions.life - time.Nanosecond)
	require.Equal(t, "old", b.fetch(t, pg.load))
	b.clock.Advance(time.Nanosecond)
	require.Equal(t, "new", b.fetch(t, pg.load))

	// What the other one has loaded meanwhile is read from Redis.
	pg.write("newer")
	other.invalidate(t)
	require.Equal(t, "newer", other.fetch(t, pg.load))
	require.Equal(t, "new", b.fetch(t, pg.load))
	b.clock.Advance(b.cache.versions.life)
	loads := pg.loads()
	require.Equal(t, "newer", b.fetch(t, pg.load))
	require.Equal(t, loads, pg.loads())
	require.Equal(t, 1, count(b.cache.metrics.hits, levelRedis))
}

func TestMemoryIsOff(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*config.Config){
		"no time": noLocal,
		"no room": func(cfg *config.Config) { cfg.Cache.LocalBytes = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, change)
			other := newProcess(t, b.redis.url())
			pg := newSource("old")
			require.Equal(t, "old", b.fetch(t, pg.load))
			require.Equal(t, "old", b.fetch(t, pg.load))
			require.Equal(t, 1, pg.loads())
			pg.write("new")
			other.invalidate(t)
			require.Equal(t, "new", b.fetch(t, pg.load))
		})
	}
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	const room = 64 << 10
	p := newProcess(t, "", func(cfg *config.Config) { cfg.Cache.LocalBytes = room })
	var loads atomic.Int64
	load := func(context.Context) (string, error) {
		loads.Add(1)
		return strings.Repeat("x", 1<<10), nil
	}
	for i := range 512 {
		_, err := Fetch(t.Context(), p.cache, keyOf("nof0:test:"+string(rune('a'+i)), time.Minute), load)
		require.NoError(t, err)
	}
	p.cache.local.entries.CleanUp()
	require.LessOrEqual(t, p.cache.local.entries.WeightedSize(), uint64(room))

	// A value that is larger than all the room is answered, and not held.
	big, err := Fetch(t.Context(), p.cache, testKey(), func(context.Context) (string, error) {
		return strings.Repeat("y", 2*room), nil
	})
	require.NoError(t, err)
	require.Len(t, big, 2*room)
	p.cache.local.entries.CleanUp()
	_, ok := p.cache.local.entries.GetIfPresent(testKey().Name)
	require.False(t, ok)
}

// Size one and two is where another local cache panicked.
func TestMemoryOfAFewBytes(t *testing.T) {
	t.Parallel()
	for _, room := range []int64{1, 2, 3} {
		p := newProcess(t, "", func(cfg *config.Config) { cfg.Cache.LocalBytes = room })
		pg := newSource("one")
		for range 10 {
			require.Equal(t, "one", p.fetch(t, pg.load))
		}
	}
}
