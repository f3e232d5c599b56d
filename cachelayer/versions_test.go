package cachelayer

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"
)

func TestLoadThatBeganBeforeAnInvalidationIsNotKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	pg := newSource("old")
	slow := newSlowLoad(pg)

	early := b.fetchAside(b.ctx, slow.load)
	<-slow.begun
	pg.write("new")
	require.NoError(t, b.cache.Invalidate(b.ctx, testKey()))

	// Who comes now is not made to wait for the old load.
	require.Equal(t, "new", b.fetch(t, pg.load))
	require.Equal(t, 2, pg.loads())

	close(slow.letGo)
	got := <-early
	require.NoError(t, got.err)
	require.Equal(t, "old", got.note.Text, "who came before may see what was before")
	require.Equal(t, "new", b.fetch(t, pg.load), "memory")
	require.Contains(t, b.raw.Get(b.ctx, testKey().Name).Val(), `"new"`)
	require.Equal(t, 2, pg.loads())
}

func TestLoadOvertakenAloneLeavesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	pg := newSource("old")
	slow := newSlowLoad(pg)

	early := b.fetchAside(b.ctx, slow.load)
	<-slow.begun
	pg.write("new")
	require.NoError(t, b.cache.Invalidate(b.ctx, testKey()))
	close(slow.letGo)
	require.NoError(t, (<-early).err)

	require.Zero(t, b.raw.Exists(b.ctx, testKey().Name).Val())
	require.Equal(t, "new", b.fetch(t, pg.load))
}

func TestLoadThatBeganBeforeAnInvalidationElsewhereIsNotKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := newProcess(t, b.redis.url())
	pg := newSource("old")
	slow := newSlowLoad(pg)

	early := b.fetchAside(b.ctx, slow.load)
	<-slow.begun
	pg.write("new")
	require.NoError(t, other.cache.Invalidate(b.ctx, testKey()))
	close(slow.letGo)
	require.Equal(t, "old", (<-early).note.Text)

	require.Zero(t, b.raw.Exists(b.ctx, testKey().Name).Val())
	require.Equal(t, 1, count(b.cache.metrics.refused))
	require.Equal(t, "new", b.fetch(t, pg.load))
	require.Equal(t, "new", other.fetch(t, pg.load))
}

func TestNewGenerationDoesNotAdmitAnOldLoad(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := newProcess(t, b.redis.url())
	pg := newSource("old")
	slow := newSlowLoad(pg)

	early := b.fetchAside(b.ctx, slow.load)
	<-slow.begun
	pg.write("new")
	require.NoError(t, other.cache.Invalidate(b.ctx, testKey()))
	require.Equal(t, "new", other.fetch(t, pg.load))
	close(slow.letGo)
	<-early

	require.Contains(t, b.raw.Get(b.ctx, testKey().Name).Val(), `"new"`)
	require.Equal(t, "new", b.fetch(t, pg.load))
	require.Equal(t, 2, pg.loads())
}

func TestWhoJoinedAnOvertakenLoadReadsAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := newProcess(t, b.redis.url())
	pg := newSource("old")
	slow := newSlowLoad(pg)

	early := b.fetchAside(b.ctx, slow.load)
	<-slow.begun
	pg.write("new")
	require.NoError(t, other.cache.Invalidate(b.ctx, testKey()))

	// It comes after the invalidation, which this process does not know of.
	ctx := newWaiter(b.ctx)
	late := b.fetchAside(ctx, pg.load)
	<-ctx.waiting
	close(slow.letGo)
	require.Equal(t, "old", (<-early).note.Text)
	require.Equal(t, "new", (<-late).note.Text)
	require.Equal(t, 2, pg.loads())
}

func TestGenerationThatExpiredDoesNotAdmitAnOldLoad(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	one, two := newProcess(t, "redis://"+server.Addr()), newProcess(t, "redis://"+server.Addr())
	pg := newSource("old")
	slow := newSlowLoad(pg)

	early := one.fetchAside(t.Context(), slow.load)
	<-slow.begun
	generation := generationName(testKey().Name)
	require.True(t, server.Exists(generation))
	require.GreaterOrEqual(t, server.TTL(generation), minGenerationTTL)

	pg.write("new")
	require.NoError(t, two.cache.Invalidate(t.Context(), testKey()))
	server.FastForward(2 * minGenerationTTL)
	// Another load makes the key's next generation, which expires as well.
	require.Equal(t, "new", two.fetch(t, pg.load))
	server.FastForward(2 * minGenerationTTL)
	require.Empty(t, server.Keys(), "neither values nor generations leak")

	close(slow.letGo)
	<-early
	require.False(t, server.Exists(testKey().Name))
	require.Equal(t, 1, count(one.cache.metrics.refused))
	require.Equal(t, "new", one.fetch(t, pg.load))
}

func TestInvalidateTakesManyKeys(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var keys []Key
	for i := range 2*invalidateBatch + 1 {
		keys = append(keys, Key{Name: "nof0:test:" + strconv.Itoa(i), Family: "test", TTL: time.Minute})
	}
	last := keys[len(keys)-1]
	pg := newSource("old")
	_, err := Fetch(b.ctx, b.cache, last, pg.load)
	require.NoError(t, err)
	pg.write("new")
	require.NoError(t, b.cache.Invalidate(b.ctx))
	require.NoError(t, b.cache.Invalidate(b.ctx, keys...))
	got, err := Fetch(b.ctx, b.cache, last, pg.load)
	require.NoError(t, err)
	require.Equal(t, "new", got.Text)
}

func TestInvalidateWithoutRedisStillClearsTheMemory(t *testing.T) {
	t.Parallel()
	b := setup(t)
	pg := newSource("old")
	slow := newSlowLoad(pg)
	require.Equal(t, "old", b.fetch(t, pg.load))
	other := Key{Name: "nof0:test:other", Family: "test", TTL: time.Minute}
	early := make(chan error, 1)
	go func() {
		_, err := Fetch(b.ctx, b.cache, other, slow.load)
		early <- err
	}()
	<-slow.begun

	b.redis.Kill()
	pg.write("new")
	eventually(t, func() bool {
		return errors.Is(b.cache.Invalidate(b.ctx, testKey(), other), ErrUnavailable)
	})
	require.Equal(t, "new", b.fetch(t, pg.load))

	// Nor does the load that was under way fill a Redis that is back.
	b.redis.Restart()
	eventually(t, func() bool { return b.client.Ping(b.ctx) == nil })
	close(slow.letGo)
	require.NoError(t, <-early)
	require.Zero(t, b.raw.Exists(b.ctx, other.Name).Val())
	e, _ := b.cache.local.get(other.Name, newRequest[note](b.cache, other, nil).typ)
	require.Nil(t, e)
}

// Nothing reached Redis, where the generation still admits the load: only this
// process knows that it was overtaken.
func TestInvalidateOfACallerWhoLeft(t *testing.T) {
	t.Parallel()
	b := setup(t)
	pg := newSource("old")
	slow := newSlowLoad(pg)
	early := b.fetchAside(b.ctx, slow.load)
	<-slow.begun
	pg.write("new")
	ctx, cancel := context.WithCancel(b.ctx)
	cancel()
	require.ErrorIs(t, b.cache.Invalidate(ctx, testKey()), ErrUnavailable)
	require.Equal(t, int64(1), b.raw.Exists(b.ctx, generationName(testKey().Name)).Val())

	close(slow.letGo)
	require.NoError(t, (<-early).err)
	require.Zero(t, b.raw.Exists(b.ctx, testKey().Name).Val())
	require.Equal(t, "new", b.fetch(t, pg.load))
}

func TestDropRemovesEveryKeyAndOvertakesEveryLoad(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := newProcess(t, b.redis.url())
	pg := newSource("old")
	require.Equal(t, "old", other.fetch(t, pg.load))

	here, elsewhere := newSlowLoad(pg), newSlowLoad(pg)
	key := Key{Name: "nof0:test:slow", Family: "test", TTL: time.Minute}
	ended := make(chan error, 2)
	for p, slow := range map[*process]*slowLoad{b.process: here, other: elsewhere} {
		go func() {
			_, err := Fetch(b.ctx, p.cache, key, slow.load)
			ended <- err
		}()
		<-slow.begun
	}

	const many = 3 * dropBatch
	for i := range many {
		require.NoError(t, b.raw.HSet(b.ctx, "nof0:positions:{m"+strconv.Itoa(i)+"}", "BTC", "{}").Err())
	}
	require.NoError(t, b.raw.Set(b.ctx, "of-another:nof0:x", "stays", 0).Err())
	held := b.raw.DBSize(b.ctx).Val()

	pg.write("new")
	removed, err := b.cache.Drop(b.ctx)
	require.NoError(t, err)
	require.Equal(t, held-1, removed)
	require.Equal(t, []string{"of-another:nof0:x"}, b.raw.Keys(b.ctx, "*").Val())

	close(here.letGo)
	close(elsewhere.letGo)
	require.NoError(t, <-ended)
	require.NoError(t, <-ended)
	require.Zero(t, b.raw.Exists(b.ctx, key.Name).Val())
	require.Equal(t, "new", b.fetch(t, pg.load))
	got, err := Fetch(b.ctx, b.cache, key, pg.load)
	require.NoError(t, err)
	require.Equal(t, "new", got.Text)
}

func TestDropOfADeadRedis(t *testing.T) {
	t.Parallel()
	b := setup(t)
	pg := newSource("old")
	b.fetch(t, pg.load)
	b.redis.Kill()
	pg.write("new")
	eventually(t, func() bool {
		_, err := b.cache.Drop(b.ctx)
		return errors.Is(err, ErrUnavailable)
	})
	require.Equal(t, "new", b.fetch(t, pg.load))
}
