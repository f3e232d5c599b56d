package cachelayer

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/internal/await"
)

func TestRefreshEarly(t *testing.T) {
	t.Parallel()
	// With cost 1 s the value is refreshed within -ln(1-random) seconds of its end.
	for _, tt := range []struct {
		left   time.Duration
		random float64
		want   bool
	}{
		{time.Minute, 0, false},
		{time.Nanosecond, 0, false},
		{0, 0, true},
		{-time.Second, 0, true},
		{time.Second, 0.63, false},
		{time.Second, 0.64, true},
		{10 * time.Second, 0.9999, false},
		{9 * time.Second, 0.9999, true},
		{time.Minute, math.Nextafter(1, 0), false},
	} {
		require.Equal(t, tt.want, refreshEarly(time.Second, tt.left, tt.random), "%v", tt)
	}
	require.False(t, refreshEarly(0, time.Nanosecond, math.Nextafter(1, 0)), "what costs nothing need not come early")
}

func TestValueNearItsEndIsRefreshedInTheBackground(t *testing.T) {
	t.Parallel()
	b := setup(t)
	pg := newSource("old")
	costly := func(ctx context.Context) (note, error) {
		b.clock.Advance(30 * time.Second)
		return pg.load(ctx)
	}
	require.Equal(t, "old", b.fetch(t, costly))
	pg.write("new")

	// The load took 30 s and a minute is left: 0.5 draws -ln(0.5) * 30 s = 21 s,
	// 0.9 draws 69 s.
	b.rand.set(500_000)
	require.Equal(t, "old", b.fetch(t, pg.load))
	require.Equal(t, 0, count(b.cache.metrics.refreshes))

	b.rand.set(900_000)
	slow := newSlowLoad(pg)
	require.Equal(t, "old", b.fetch(t, slow.load), "the caller has the present value")
	<-slow.begun
	for range 10 {
		require.Equal(t, "old", b.fetch(t, slow.load), "and so has everyone while it is loaded")
	}
	b.clock.Advance(time.Second)
	require.Equal(t, "old", b.fetch(t, slow.load), "also from Redis")
	require.Equal(t, 1, count(b.cache.metrics.refreshes))

	b.rand.set(0)
	close(slow.letGo)
	await.True(t, func() bool { return b.underWay() == 0 })
	require.Equal(t, "new", b.fetch(t, pg.load))
	require.Equal(t, 2, pg.loads())
	require.Zero(t, count(b.cache.metrics.misses)-1, "only the first caller waited")
}

func TestValueFromRedisIsRefreshedEarlyToo(t *testing.T) {
	t.Parallel()
	b := setup(t, noLocal)
	other := newProcess(t, b.redis.url(), noLocal)
	pg := newSource("old")
	require.Equal(t, "old", b.fetch(t, func(ctx context.Context) (note, error) {
		b.clock.Advance(30 * time.Second)
		return pg.load(ctx)
	}))
	pg.write("new")
	other.rand.set(900_000)
	require.Equal(t, "old", other.fetch(t, pg.load))
	await.True(t, func() bool { return other.underWay() == 0 })
	other.rand.set(0)
	require.Equal(t, "new", other.fetch(t, pg.load))
}

func TestEarlyRefreshIsOvertakenByAnInvalidation(t *testing.T) {
	t.Parallel()
	b := setup(t)
	pg := newSource("old")
	require.Equal(t, "old", b.fetch(t, func(ctx context.Context) (note, error) {
		b.clock.Advance(30 * time.Second)
		return pg.load(ctx)
	}))
	b.rand.set(900_000)
	slow := newSlowLoad(pg)
	require.Equal(t, "old", b.fetch(t, slow.load))
	<-slow.begun
	b.rand.set(0)

	pg.write("new")
	b.invalidate(t)
	require.Equal(t, "new", b.fetch(t, pg.load))
	close(slow.letGo)
	require.Equal(t, "new", b.fetch(t, pg.load))
	b.clock.Advance(time.Second)
	require.Equal(t, "new", b.fetch(t, pg.load))
}

func TestMissThatJoinsAnOvertakenRefreshLoadsAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := newProcess(t, b.redis.url())
	pg := newSource("old")
	require.Equal(t, "old", b.fetch(t, func(ctx context.Context) (note, error) {
		b.clock.Advance(30 * time.Second)
		return pg.load(ctx)
	}))
	b.rand.set(900_000)
	slow := newSlowLoad(pg)
	require.Equal(t, "old", b.fetch(t, slow.load))
	<-slow.begun
	b.rand.set(0)

	pg.write("new")
	other.invalidate(t)
	b.clock.Advance(time.Second)
	ctx := newWaiter(b.ctx)
	late := b.fetchAside(ctx, pg.load)
	<-ctx.waiting
	close(slow.letGo)
	require.Equal(t, "new", (<-late).note.Text)
}
