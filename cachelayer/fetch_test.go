package cachelayer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"nof0/config"
	"nof0/internal/await"
)

func TestFetchGoesThroughTheLevels(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := newProcess(t, b.redis.url())
	pg := newSource("one")

	require.Equal(t, "one", b.fetch(t, pg.load))
	require.Equal(t, "one", b.fetch(t, pg.load))
	require.Equal(t, "one", other.fetch(t, pg.load))
	require.Equal(t, 1, pg.loads())

	require.Equal(t, 1, count(b.cache.metrics.misses))
	require.Equal(t, 1, count(b.cache.metrics.fills))
	require.Equal(t, 1, count(b.cache.metrics.loads))
	require.Equal(t, 1, count(b.cache.metrics.hits, levelLocal))
	require.Equal(t, 1, count(other.cache.metrics.hits, levelRedis))
	require.Equal(t, 0, count(other.cache.metrics.misses))
}

func TestStoredValueHasTheEnvelope(t *testing.T) {
	t.Parallel()
	b := setup(t)
	pg := newSource("one")
	b.fetch(t, pg.load)

	raw := b.raw.Get(b.ctx, testKey().Name).Val()
	token := b.raw.Get(b.ctx, versionName(versionOfAll)).Val() + b.raw.Get(b.ctx, versionName(testVersion)).Val()
	require.Regexp(t, `^\{"v":"[0-9a-f]{16}","key":"nof0:test:\{a\}","of":"`+token+`","at":`+
		fmt.Sprint(b.clock.Now().UnixMilli())+`,"ms":0,"absent":false,"data":\{"text":"one","count":0\}\}$`, raw)
	ttl := b.raw.PTTL(b.ctx, testKey().Name).Val()
	require.Positive(t, ttl)
	require.LessOrEqual(t, ttl, time.Minute)
}

func TestOneLoadForAThousandCallers(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*config.Config){
		"with the local level": func(*config.Config) {},
		"with Redis only":      noLocal,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, change)
			pg := newSource("one")
			slow := newSlowLoad(pg)

			var callers sync.WaitGroup
			for range 1000 {
				callers.Go(func() {
					got, err := Fetch(b.ctx, b.cache, testKey(), slow.load)
					if err != nil || got.Text != "one" {
						t.Errorf("got %v, %v", got, err)
					}
				})
			}
			<-slow.begun
			close(slow.letGo)
			callers.Wait()
			require.Equal(t, 1, pg.loads())
			require.Equal(t, 1000, count(b.cache.metrics.misses)+
				count(b.cache.metrics.hits, levelLocal)+count(b.cache.metrics.hits, levelRedis))
		})
	}
}

func TestOneLoadWithoutRedis(t *testing.T) {
	t.Parallel()
	p := newProcess(t, "")
	pg := newSource("one")
	slow := newSlowLoad(pg)

	var callers sync.WaitGroup
	for range 1000 {
		callers.Go(func() {
			if got, err := Fetch(t.Context(), p.cache, testKey(), slow.load); err != nil || got.Text != "one" {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
	<-slow.begun
	close(slow.letGo)
	callers.Wait()
	require.Equal(t, 1, pg.loads())

	// Its memory is all there is, for no longer than the local TTL.
	pg.write("two")
	require.Equal(t, "one", p.fetch(t, pg.load))
	p.clock.Advance(time.Second)
	require.Equal(t, "two", p.fetch(t, pg.load))
	require.Equal(t, 2, pg.loads())

	pg.write("three")
	p.invalidate(t)
	require.Equal(t, "three", p.fetch(t, pg.load))
	require.NoError(t, p.client.Ping(t.Context()))
	removed, err := p.cache.Drop(t.Context())
	require.NoError(t, err)
	require.Zero(t, removed)
	require.Zero(t, count(p.cache.metrics.failures))
}

func TestCallerThatLeavesDoesNotCancelTheLoad(t *testing.T) {
	t.Parallel()
	b := setup(t)
	pg := newSource("one")
	slow := newSlowLoad(pg)

	ctx, cancel := context.WithCancel(b.ctx)
	first := b.fetchAside(ctx, slow.load)
	<-slow.begun
	waiting := newWaiter(b.ctx)
	second := b.fetchAside(waiting, slow.load)
	<-waiting.waiting

	cancel()
	left := <-first
	require.ErrorIs(t, left.err, context.Canceled)

	close(slow.letGo)
	stayed := <-second
	require.NoError(t, stayed.err)
	require.Equal(t, "one", stayed.note.Text)
	require.Equal(t, 1, pg.loads())
}

func TestLoadThatEveryoneLeftStillFills(t *testing.T) {
	t.Parallel()
	b := setup(t)
	pg := newSource("one")
	slow := newSlowLoad(pg)

	ctx, cancel := context.WithCancel(b.ctx)
	only := b.fetchAside(ctx, slow.load)
	<-slow.begun
	cancel()
	require.ErrorIs(t, (<-only).err, context.Canceled)
	close(slow.letGo)
	await.True(t, func() bool { return b.raw.Exists(b.ctx, testKey().Name).Val() == 1 })

	_, err := Fetch(ctx, b.cache, testKey(), pg.load)
	require.ErrorIs(t, err, context.Canceled, "a caller that has left gets nothing, not even from memory")
}

func TestLoadHasTheContextsValuesAndItsOwnDeadline(t *testing.T) {
	t.Parallel()
	b := setup(t, func(cfg *config.Config) { cfg.Cache.LoadTimeout = time.Hour })
	type traceKey struct{}

	ctx, cancel := context.WithTimeout(context.WithValue(b.ctx, traceKey{}, "trace"), time.Minute)
	defer cancel()
	_, err := Fetch(ctx, b.cache, testKey(), func(ctx context.Context) (note, error) {
		deadline, ok := ctx.Deadline()
		require.True(t, ok)
		require.Greater(t, time.Until(deadline), 30*time.Minute)
		require.Equal(t, "trace", ctx.Value(traceKey{}))
		return note{}, nil
	})
	require.NoError(t, err)
}

func TestLoadIsBounded(t *testing.T) {
	t.Parallel()
	b := setup(t, func(cfg *config.Config) { cfg.Cache.LoadTimeout = 20 * time.Millisecond })
	_, err := Fetch(b.ctx, b.cache, testKey(), newSlowLoad(newSource("one")).load)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestLoadErrorIsReturnedAsItIsAndNeverKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	down := errors.New("postgres is down")

	_, err := Fetch(b.ctx, b.cache, testKey(), func(context.Context) (note, error) { return note{Text: "half"}, down })
	require.Same(t, down, err)
	require.Zero(t, b.raw.Exists(b.ctx, testKey().Name).Val())
	require.Equal(t, 1, count(b.cache.metrics.loadErrors))

	pg := newSource("one")
	require.Equal(t, "one", b.fetch(t, pg.load))
}

func TestPanicBecomesAnErrorForEveryone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	begun, letGo := make(chan struct{}), make(chan struct{})
	first := b.fetchAside(b.ctx, func(context.Context) (note, error) {
		close(begun)
		<-letGo
		panic("no such column")
	})
	<-begun
	waiting := newWaiter(b.ctx)
	second := b.fetchAside(waiting, nil)
	<-waiting.waiting
	close(letGo)

	var panicked *PanicError
	require.ErrorAs(t, (<-first).err, &panicked)
	require.Equal(t, "no such column", panicked.Value)
	require.Contains(t, string(panicked.Stack), "fetch_test.go")
	require.Same(t, panicked, (<-second).err)
	require.EqualError(t, panicked, "load panicked: no such column")
	require.Equal(t, 1, count(b.cache.metrics.loadErrors))

	pg := newSource("one")
	require.Equal(t, "one", b.fetch(t, pg.load), "the key is not stuck")
}

func TestLoadThatEndsItsGoroutineLeavesNobodyWaiting(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := Fetch(b.ctx, b.cache, testKey(), func(context.Context) (note, error) {
		runtime.Goexit()
		return note{}, nil
	})
	require.ErrorIs(t, err, errNoReturn)
	pg := newSource("one")
	require.Equal(t, "one", b.fetch(t, pg.load))
}

func TestAbsenceIsRememberedBriefly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := newProcess(t, b.redis.url())
	loads := 0
	unknown := fmt.Errorf("model %q: %w", "x", ErrAbsent)
	load := func(context.Context) (*note, error) {
		loads++
		return nil, unknown
	}

	_, err := Fetch(b.ctx, b.cache, testKey(), load)
	require.Same(t, unknown, err, "the load's own error, as it is")
	for _, p := range []*process{b.process, other} {
		got, err := Fetch(b.ctx, p.cache, testKey(), load)
		require.ErrorIs(t, err, ErrAbsent)
		require.Nil(t, got)
	}
	require.Equal(t, 1, loads)
	require.Zero(t, count(b.cache.metrics.loadErrors), "an absence is an answer")

	ttl := b.raw.PTTL(b.ctx, testKey().Name).Val()
	require.Positive(t, ttl)
	require.LessOrEqual(t, ttl, config.Default().Cache.AbsenceTTL)

	b.invalidate(t)
	got, err := Fetch(b.ctx, b.cache, testKey(), func(context.Context) (*note, error) { return &note{Text: "new"}, nil })
	require.NoError(t, err)
	require.Equal(t, "new", got.Text)
}

func TestAbsenceNeverOutlivesItsKey(t *testing.T) {
	t.Parallel()
	b := setup(t)
	key := testKey()
	key.TTL = 900 * time.Millisecond
	_, err := Fetch(b.ctx, b.cache, key, func(context.Context) (note, error) { return note{}, ErrAbsent })
	require.ErrorIs(t, err, ErrAbsent)
	require.LessOrEqual(t, b.raw.PTTL(b.ctx, key.Name).Val(), key.TTL)
}

func TestAbsenceIsNotRememberedWithoutTTL(t *testing.T) {
	t.Parallel()
	b := setup(t, func(cfg *config.Config) { cfg.Cache.AbsenceTTL = 0 })
	_, err := Fetch(b.ctx, b.cache, testKey(), func(context.Context) (note, error) { return note{}, ErrAbsent })
	require.ErrorIs(t, err, ErrAbsent)
	pg := newSource("one")
	require.Equal(t, "one", b.fetch(t, pg.load))
}

func TestTTLBelowASecondIsKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, ttl := range []time.Duration{700 * time.Millisecond, 30 * time.Millisecond, time.Microsecond} {
		key := keyOf("nof0:test:"+ttl.String(), ttl)
		pg := newSource("one")
		_, err := Fetch(b.ctx, b.cache, key, pg.load)
		require.NoError(t, err)
		require.LessOrEqual(t, b.raw.PTTL(b.ctx, key.Name).Val(), max(ttl, time.Millisecond))
		await.True(t, func() bool { return b.raw.Exists(b.ctx, key.Name).Val() == 0 })

		// Nor is it kept for longer in memory.
		b.clock.Advance(ttl)
		_, err = Fetch(b.ctx, b.cache, key, pg.load)
		require.NoError(t, err)
		require.Equal(t, 2, pg.loads())
	}
}

func TestKeyWithoutTTLIsLoadedEveryTime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	pg := newSource("one")
	for _, ttl := range []time.Duration{0, -time.Second} {
		key := keyOf("nof0:test:ttl", ttl)
		_, err := Fetch(b.ctx, b.cache, key, pg.load)
		require.NoError(t, err)
	}
	require.Equal(t, 2, pg.loads())
	require.ElementsMatch(t, []string{versionName(versionOfAll), versionName(testVersion)}, b.raw.Keys(b.ctx, "*").Val())
}

func TestValuesComeBackAsTheyWent(t *testing.T) {
	t.Parallel()
	b := setup(t, noLocal)

	roundTrip(t, b, "nil pointer", (*note)(nil))
	roundTrip(t, b, "pointer", &note{Text: "x"})
	roundTrip(t, b, "zero", note{})
	roundTrip(t, b, "nil slice", []note(nil))
	roundTrip(t, b, "empty slice", []note{})
	roundTrip(t, b, "nil map", map[string]float64(nil))
	roundTrip(t, b, "empty map", map[string]float64{})
	roundTrip(t, b, "nil interface", any(nil))
	roundTrip(t, b, "interface", any("x"))
	roundTrip(t, b, "doubles", []float64{math.MaxFloat64, math.SmallestNonzeroFloat64, 0.1, 1e21, 5e-324, -1.5})
	roundTrip(t, b, "negative zero", []float64{math.Copysign(0, -1)})
	roundTrip(t, b, "markup", "<a href=\"x\">&\u2028</a>")
	roundTrip(t, b, "integer", int64(math.MaxInt64))
	roundTrip(t, b, "duration", struct{ Took time.Duration }{time.Millisecond})
	roundTrip(t, b, "time", time.Date(2025, 10, 26, 1, 2, 3, 456789000, time.UTC))
	roundTrip(t, b, "rendered", jsontext.Value(`{"b":1.50,"a":"\u00e9<>","a":[1e2,-0.0]}`))
	roundTrip(t, b, "rendered within", struct {
		Body jsontext.Value `json:"body"`
		Tag  string         `json:"tag"`
	}{jsontext.Value(`{"n":1.0}`), "x"})
}

func roundTrip[T any](t *testing.T, b *bundle, name string, value T) {
	t.Helper()
	key := keyOf("nof0:test:"+name, time.Minute)
	loads := 0
	load := func(context.Context) (T, error) {
		loads++
		return value, nil
	}
	for range 2 {
		got, err := Fetch(b.ctx, b.cache, key, load)
		require.NoError(t, err, name)
		require.Equal(t, value, got, name)
	}
	require.Equal(t, 1, loads, name)
}

func TestValueThatCannotBeEncodedIsReturned(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 2 {
		got, err := Fetch(b.ctx, b.cache, testKey(), func(context.Context) (float64, error) { return math.Inf(1), nil })
		require.NoError(t, err)
		require.True(t, math.IsInf(got, 1))
	}
	require.Equal(t, 2, count(b.cache.metrics.loads))
	require.Zero(t, b.raw.Exists(b.ctx, testKey().Name).Val())
}

func TestRenamedFieldIsAMiss(t *testing.T) {
	t.Parallel()
	b := setup(t)
	next := newProcess(t, b.redis.url())
	pg := newSource("one")
	b.fetch(t, pg.load)

	type renamed struct {
		Body  string `json:"body"`
		Count int    `json:"count"`
	}
	got, err := Fetch(b.ctx, next.cache, testKey(), func(context.Context) (renamed, error) {
		return renamed{Body: "loaded"}, nil
	})
	require.NoError(t, err)
	require.Equal(t, "loaded", got.Body)
	require.Equal(t, 1, count(next.cache.metrics.foreign))
	require.Equal(t, 1, count(next.cache.metrics.fills), "the old value is overwritten")

	// Two types under one key in one process do not meet either.
	again, err := Fetch(b.ctx, b.cache, testKey(), func(context.Context) (renamed, error) { return renamed{}, nil })
	require.NoError(t, err)
	require.Equal(t, "loaded", again.Body)
}

func TestForeignValueIsAMissAndIsOverwritten(t *testing.T) {
	t.Parallel()
	b := setup(t, noLocal)
	name := testKey().Name
	pg := newSource("one")
	b.fetch(t, pg.load)
	good := b.raw.Get(b.ctx, name).Val()

	put := func(value string) func() {
		return func() { require.NoError(t, b.raw.Set(b.ctx, name, value, time.Minute).Err()) }
	}
	for title, poison := range map[string]func(){
		"empty":           put(""),
		"garbage":         put("\x00\xff\xfegarbage"),
		"other JSON":      put(`{"text":"poison","count":7}`),
		"null":            put("null"),
		"head only":       put(good[:40]),
		"cut off":         put(good[:len(good)-2]),
		"more behind":     put(good + "}"),
		"data of its own": put(strings.Replace(good, `"text":"one"`, `"text":1`, 1)),
		"other schema":    put(strings.Replace(good, `{"v":"`, `{"v":"0000`, 1)),
		"unknown meta":    put(strings.Replace(good, `"ms":`, `"mS":`, 1)),
		"huge":            put(strings.Repeat("x", 5<<20)),
		"without an end":  func() { require.NoError(t, b.raw.Set(b.ctx, name, good, 0).Err()) },
		"list":            func() { b.raw.LPush(b.ctx, name, "a") },
		"hash":            func() { b.raw.HSet(b.ctx, name, "a", "b") },
		"stream": func() {
			b.raw.XAdd(b.ctx, &redis.XAddArgs{Stream: name, Values: map[string]any{"a": "b"}})
		},
		"list of versions": func() { b.raw.Del(b.ctx, versionName(testVersion)); b.raw.LPush(b.ctx, versionName(testVersion), "a") },
		"odd version":      func() { b.raw.Set(b.ctx, versionName(testVersion), "\x00\x00", 0) },
	} {
		t.Run(title, func(t *testing.T) {
			require.NoError(t, b.raw.Del(b.ctx, name).Err())
			poison()
			before, fills := pg.loads(), count(b.cache.metrics.fills)
			require.Equal(t, "one", b.fetch(t, pg.load))
			require.Equal(t, before+1, pg.loads(), "a miss")
			require.Equal(t, fills+1, count(b.cache.metrics.fills))
			require.Equal(t, "one", b.fetch(t, pg.load))
			require.Equal(t, before+1, pg.loads(), "and then a hit")
			require.Positive(t, b.raw.PTTL(b.ctx, name).Val())
		})
	}
	require.Zero(t, count(b.cache.metrics.failures), "Redis did nothing wrong")
}

// fragile panics on what it does not expect.
type fragile struct{ N int }

func (f fragile) MarshalJSON() ([]byte, error) { return []byte(strconv.Itoa(f.N)), nil }

func (f *fragile) UnmarshalJSON(raw []byte) error {
	n, err := strconv.Atoi(string(raw))
	if err != nil {
		panic(err)
	}
	f.N = n
	return nil
}

func TestDecodingThatPanicsIsAMiss(t *testing.T) {
	t.Parallel()
	b := setup(t, noLocal)
	load := func(context.Context) (fragile, error) { return fragile{N: 7}, nil }
	_, err := Fetch(b.ctx, b.cache, testKey(), load)
	require.NoError(t, err)
	good := b.raw.Get(b.ctx, testKey().Name).Val()
	poison := strings.Replace(good, `"data":7`, `"data":"x"`, 1)
	require.NoError(t, b.raw.Set(b.ctx, testKey().Name, poison, time.Minute).Err())
	got, err := Fetch(b.ctx, b.cache, testKey(), load)
	require.NoError(t, err)
	require.Equal(t, 7, got.N)
	require.Equal(t, 2, count(b.cache.metrics.fills))
}

func FuzzEnvelope(f *testing.F) {
	schema := new(schemas).of(reflect.TypeFor[note](), nil)
	good, err := seal(meta{Schema: schema, Key: testKey().Name, Versions: strings.Repeat("0", 2*tokenLen)}, note{Text: "x"})
	require.NoError(f, err)
	f.Add(good)
	f.Add([]byte(`{"v":"`))
	f.Add([]byte(`,"data":}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var e envelope
		if err := e.open(raw); err != nil {
			require.ErrorIs(t, err, errForeign)
			return
		}
		if _, err := decode[note](&e, schema); err != nil {
			require.ErrorIs(t, err, errForeign)
		}
	})
}
