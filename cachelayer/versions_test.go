package cachelayer

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/internal/await"
	"nof0/internal/catalogue"
)

func TestLoadThatBeganBeforeAnInvalidationIsNotKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	pg := newSource("old")
	slow := newSlowLoad(pg)

	early := b.fetchAside(b.ctx, slow.load)
	<-slow.begun
	pg.write("new")
	b.invalidate(t)

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
	b.invalidate(t)
	close(slow.letGo)
	require.NoError(t, (<-early).err)

	require.Zero(t, b.raw.Exists(b.ctx, testKey().Name).Val())
	require.Equal(t, 1, count(b.cache.metrics.refused))
	require.Equal(t, "new", b.fetch(t, pg.load))
}

func TestLoadThatBeganBeforeAnInvalidationElsewhereIsNotRead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := newProcess(t, b.redis.url())
	pg := newSource("old")
	slow := newSlowLoad(pg)

	early := b.fetchAside(b.ctx, slow.load)
	<-slow.begun
	pg.write("new")
	other.invalidate(t)
	close(slow.letGo)
	require.Equal(t, "old", (<-early).note.Text)
	require.Contains(t, b.raw.Get(b.ctx, testKey().Name).Val(), `"old"`, "it is there, and nobody reads it:")
	require.Equal(t, "new", other.fetch(t, pg.load))

	require.Equal(t, "old", b.fetch(t, pg.load), "in memory, for no longer than the local TTL")
	b.clock.Advance(b.cache.versions.life)
	require.Equal(t, "new", b.fetch(t, pg.load))
	require.Equal(t, 2, pg.loads())
}

// A load that takes longer than a version is believed is joined by nobody who
// came after an invalidation, wherever that was.
func TestNobodyJoinsAnOvertakenLoad(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := newProcess(t, b.redis.url())
	pg := newSource("old")
	slow := newSlowLoad(pg)

	early := b.fetchAside(b.ctx, slow.load)
	<-slow.begun
	pg.write("new")
	other.invalidate(t)
	b.clock.Advance(b.cache.versions.life)
	require.Equal(t, "new", b.fetch(t, pg.load), "while the old one is under way")
	close(slow.letGo)
	require.Equal(t, "old", (<-early).note.Text)
	require.Equal(t, "new", b.fetch(t, pg.load))
	require.Contains(t, b.raw.Get(b.ctx, testKey().Name).Val(), `"new"`)
	require.Equal(t, 2, pg.loads())
}

func TestVersionThatIsLostDoesNotComeBack(t *testing.T) {
	t.Parallel()
	b := setup(t, noLocal)
	pg := newSource("old")
	require.Equal(t, "old", b.fetch(t, pg.load))
	stored := b.raw.Get(b.ctx, testKey().Name).Val()
	require.Positive(t, b.raw.PTTL(b.ctx, versionName(testVersion)).Val())

	pg.write("new")
	b.invalidate(t)
	// Evicted, expired or flushed: the old value is not read again.
	require.NoError(t, b.raw.Del(b.ctx, versionName(testVersion)).Err())
	require.NoError(t, b.raw.Set(b.ctx, testKey().Name, stored, time.Minute).Err())
	require.Equal(t, "new", b.fetch(t, pg.load))
}

// A prepared key remembers the state of its versions for as long as none has changed.
func TestInMemoryIsNeverBehind(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]struct {
		change func(b *bundle)
		gone   bool // what was in memory may not be answered with any more
	}{
		"nothing":                 {func(*bundle) {}, false},
		"another version":         {func(b *bundle) { _ = b.cache.Invalidate(b.ctx, "another") }, false},
		"its version":             {func(b *bundle) { _ = b.cache.Invalidate(b.ctx, testVersion) }, true},
		"its version and another": {func(b *bundle) { _ = b.cache.Invalidate(b.ctx, "another", testVersion) }, true},
		"the time of its version": {func(b *bundle) { b.clock.Advance(b.cache.versions.life) }, true},
		"a doubt":                 {func(b *bundle) { b.cache.Doubt() }, true},
		"everything":              {func(b *bundle) { b.cache.Clear() }, true},
		"an invalidation that no longer reaches Redis": {func(b *bundle) {
			ctx, cancel := context.WithCancel(b.ctx)
			cancel()
			_ = b.cache.Invalidate(ctx, testVersion)
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			pg := newSource("old")
			_, ok := InMemory(b.ctx, b.cache, b.key, pg.load)
			require.False(t, ok, "nothing was asked for yet")
			require.Equal(t, "old", b.fetch(t, pg.load))
			for range 2 {
				got, ok := InMemory(b.ctx, b.cache, b.key, pg.load)
				require.True(t, ok)
				require.Equal(t, "old", got.Text)
			}
			change.change(b)
			_, ok = InMemory(b.ctx, b.cache, b.key, pg.load)
			require.Equal(t, change.gone, !ok)
			require.LessOrEqual(t, pg.loads(), 1, "it loads nothing")
			_, err := Fetch(b.ctx, b.cache, b.key, pg.load)
			require.NoError(t, err)
			got, ok := InMemory(b.ctx, b.cache, b.key, pg.load)
			require.True(t, ok, "a fetch brings it back")
			require.Equal(t, "old", got.Text)
		})
	}
}

// While Redis is away each of two processes goes by itself, and once it is back
// none believes what was there before.
func TestWhatWasWrittenWhileRedisWasAway(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := newProcess(t, b.redis.url())
	pg := newSource("old")
	require.Equal(t, "old", b.fetch(t, pg.load))
	require.Equal(t, "old", other.fetch(t, pg.load))
	stored := b.raw.Get(b.ctx, testKey().Name).Val()
	token := b.raw.Get(b.ctx, versionName(testVersion)).Val()

	b.redis.Kill()
	pg.write("new")
	await.True(t, func() bool { return errors.Is(b.cache.Invalidate(b.ctx, testVersion), ErrUnavailable) })
	require.Equal(t, "new", b.fetch(t, pg.load), "here at once")
	other.clock.Advance(other.cache.versions.life)
	require.Equal(t, "new", other.fetch(t, pg.load), "there after the local TTL")

	// It comes back with what it had, and the process that wrote is gone.
	b.redis.Restart()
	require.NoError(t, b.raw.Set(b.ctx, testKey().Name, stored, time.Minute).Err())
	require.NoError(t, b.raw.Set(b.ctx, versionName(testVersion), token, time.Minute).Err())
	await.True(t, func() bool { return other.client.Ping(b.ctx) == nil })
	for range 3 {
		other.clock.Advance(other.cache.versions.life)
		require.Equal(t, "new", other.fetch(t, pg.load))
	}
	require.NotEqual(t, token, b.raw.Get(b.ctx, versionName(testVersion)).Val())
	require.Contains(t, b.raw.Get(b.ctx, testKey().Name).Val(), `"new"`)
}

// Between two tokens of this process lies the one in Redis: what is loaded while
// Redis is being told may lack what another process commits meanwhile.
func TestLoadBeforeRedisKnowsIsNotShared(t *testing.T) {
	t.Parallel()
	b := setup(t)
	pg := newSource("old")
	require.Equal(t, "old", b.fetch(t, pg.load))
	ctx, cancel := context.WithCancel(b.ctx)
	cancel()
	pg.write("new")
	require.ErrorIs(t, b.cache.Invalidate(ctx, testVersion), ErrUnavailable)
	before := b.raw.Get(b.ctx, testKey().Name).Val()
	require.Equal(t, "new", b.fetch(t, pg.load))
	require.Equal(t, before, b.raw.Get(b.ctx, testKey().Name).Val(), "nothing is stored under a token of this process")

	pg.write("newer")
	b.invalidate(t)
	require.Equal(t, "newer", b.fetch(t, pg.load))
	s, _ := b.cache.versions.get(testKey().Versions)
	require.True(t, s.shared)
	require.Equal(t, s.tokens, b.raw.Get(b.ctx, versionName(versionOfAll)).Val()+b.raw.Get(b.ctx, versionName(testVersion)).Val())
}

// Writers and readers of two processes, with tokens that expire and a Redis that
// is emptied: nobody reads what was replaced before, here at once, there after
// the local TTL.
func TestNoReadIsBehindTheWrite(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	one, two := newProcess(t, s.url()), newProcess(t, s.url(), noLocal)
	var committed, announced atomic.Int64
	load := func(context.Context) (int64, error) { return committed.Load(), nil }
	keys := []Key{keyOf("nof0:test:a", time.Minute), keyOf("nof0:test:b", time.Millisecond)}
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for _, p := range []*process{one, two} {
		for _, key := range keys {
			readers.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					// one writes, so that it sees everything; two asks each time.
					least := announced.Load()
					got, err := Fetch(t.Context(), p.cache, key, load)
					if err != nil || got < least {
						t.Errorf("%s: %d after %d: %v", key.Name, got, least, err)
						return
					}
				}
			})
		}
	}
	for i := range int64(300) {
		committed.Store(i)
		one.invalidate(t)
		announced.Store(i)
		switch i % 50 {
		case 10:
			require.NoError(t, s.raw.Del(t.Context(), versionName(testVersion)).Err())
		case 30:
			require.NoError(t, s.raw.FlushAll(t.Context()).Err())
		}
	}
	close(stop)
	readers.Wait()
	require.Positive(t, count(one.cache.metrics.hits, levelLocal)+count(one.cache.metrics.hits, levelRedis))
}

// TestProgramsDoNotShare holds that a process of another build, whatever differs
// in what it renders, reads nothing of this one, and each goes on with its own.
func TestProgramsDoNotShare(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	open := func(program string) *Cache {
		cfg := testConfig()
		client, err := Open(s.url(), cfg.Redis, Options{Program: program})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, client.Close()) })
		cache, err := New(client, cfg.Cache, Options{Program: program})
		require.NoError(t, err)
		t.Cleanup(cache.Close)
		return cache
	}
	fetch := func(c *Cache, text string) string {
		got, err := Fetch(t.Context(), c, testKey(), func(context.Context) (note, error) { return note{Text: text}, nil })
		require.NoError(t, err)
		return got.Text
	}
	old, next := open("old"), open("new")
	require.Equal(t, "as the old one renders it", fetch(old, "as the old one renders it"))
	require.Equal(t, "as the new one renders it", fetch(next, "as the new one renders it"))
	require.Equal(t, "as the old one renders it", fetch(old, "again"), "from memory: two builds do not load in turns")
	require.Equal(t, "as the new one renders it", fetch(open("new"), "another of the same build"))
	require.Equal(t, "again", fetch(open("old"), "again"))

	require.Len(t, programDigest(), 64, "of the running binary")
	require.Equal(t, programDigest(), Options{}.withDefaults().Program)
}

func TestVersionsThatAreRememberedAreBounded(t *testing.T) {
	t.Parallel()
	p := newProcess(t, "")
	for i := range 2 * maxVersions {
		key := keyOf("nof0:test:"+strconv.Itoa(i), time.Minute)
		key.Versions = []catalogue.Version{catalogue.Version(strconv.Itoa(i)), testVersion}
		_, err := Fetch(t.Context(), p.cache, key, newSource("x").load)
		require.NoError(t, err)
	}
	require.LessOrEqual(t, len(p.cache.versions.known), maxVersions+1)
}

func TestInvalidateTakesManyVersions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var names []catalogue.Version
	for i := range 2*maxPipeline + 1 {
		names = append(names, catalogue.Version(strconv.Itoa(i)))
	}
	key := testKey()
	key.Versions = names[len(names)-1:]
	pg := newSource("old")
	_, err := Fetch(b.ctx, b.cache, key, pg.load)
	require.NoError(t, err)
	pg.write("new")
	require.NoError(t, b.cache.Invalidate(b.ctx))
	require.NoError(t, b.cache.Invalidate(b.ctx, append(names, names...)...))
	got, err := Fetch(b.ctx, b.cache, key, pg.load)
	require.NoError(t, err)
	require.Equal(t, "new", got.Text)
	require.Equal(t, int64(len(names)+2), b.raw.DBSize(b.ctx).Val(), "the versions, that of all, and the document")
}

func TestInvalidateWithoutRedisStillClearsTheMemory(t *testing.T) {
	t.Parallel()
	b := setup(t)
	pg := newSource("old")
	slow := newSlowLoad(pg)
	require.Equal(t, "old", b.fetch(t, pg.load))
	other := keyOf("nof0:test:other", time.Minute)
	early := make(chan error, 1)
	go func() {
		_, err := Fetch(b.ctx, b.cache, other, slow.load)
		early <- err
	}()
	<-slow.begun

	b.redis.Kill()
	pg.write("new")
	await.True(t, func() bool {
		return errors.Is(b.cache.Invalidate(b.ctx, testVersion), ErrUnavailable)
	})
	require.Equal(t, "new", b.fetch(t, pg.load))

	// Nor does the load that was under way fill a Redis that is back.
	b.redis.Restart()
	await.True(t, func() bool { return b.client.Ping(b.ctx) == nil })
	close(slow.letGo)
	require.NoError(t, <-early)
	require.Zero(t, b.raw.Exists(b.ctx, other.Name).Val())
	require.Nil(t, b.held(other))
}

// Nothing reached Redis: only this process knows that the load was overtaken.
func TestInvalidateOfACallerWhoLeft(t *testing.T) {
	t.Parallel()
	b := setup(t)
	pg := newSource("old")
	slow := newSlowLoad(pg)
	early := b.fetchAside(b.ctx, slow.load)
	<-slow.begun
	token := b.raw.Get(b.ctx, versionName(testVersion)).Val()
	pg.write("new")
	ctx, cancel := context.WithCancel(b.ctx)
	cancel()
	require.ErrorIs(t, b.cache.Invalidate(ctx, testVersion), ErrUnavailable)
	require.Equal(t, token, b.raw.Get(b.ctx, versionName(testVersion)).Val())

	close(slow.letGo)
	require.NoError(t, (<-early).err)
	require.Zero(t, b.raw.Exists(b.ctx, testKey().Name).Val())
	require.Equal(t, "new", b.fetch(t, pg.load))

	// Who reads next here makes up for it.
	b.clock.Advance(b.cache.versions.life)
	require.Equal(t, "new", b.fetch(t, pg.load))
	require.NotEqual(t, token, b.raw.Get(b.ctx, versionName(testVersion)).Val())
}

func TestDropRemovesEveryKeyAndOvertakesEveryLoad(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := newProcess(t, b.redis.url())
	pg := newSource("old")
	require.Equal(t, "old", other.fetch(t, pg.load))

	here, elsewhere := newSlowLoad(pg), newSlowLoad(pg)
	key := keyOf("nof0:test:slow", time.Minute)
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
	await.True(t, func() bool {
		_, err := b.cache.Drop(b.ctx)
		return errors.Is(err, ErrUnavailable)
	})
	require.Equal(t, "new", b.fetch(t, pg.load))
}
