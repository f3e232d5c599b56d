package cachelayer

import (
	"context"
	"fmt"
	"slices"
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
	"nof0/internal/catalogue"
)

// projections is the writer of a process.
func (p *process) projections(change ...func(*config.Config)) *Projections {
	cfg := testConfig()
	// A claim outlasts any pause of a busy machine, unless the test says else.
	cfg.Cache.Short = time.Hour
	for _, c := range change {
		c(&cfg)
	}
	return NewProjections(p.client, cfg.Cache)
}

func ok[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func docs(texts ...string) []jsontext.Value {
	values := make([]jsontext.Value, len(texts))
	for i, text := range texts {
		values[i] = jsontext.Value(strconv.Quote(text))
	}
	return values
}

func TestProjectionsAreReplacedWhole(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.projections()
	k := p.keys
	cfg := config.Default().Cache
	for _, c := range []struct {
		key         Key
		first, last Value
		read        func(name string) any
		want        any
		ttl         time.Duration
	}{
		{
			key:   ok(k.Projection(catalogue.ProjectionPositions, "m")),
			first: Hash(map[string]jsontext.Value{"BTC": jsontext.Value(`{"q":1}`), "ETH": jsontext.Value(`{"q":2}`)}),
			last:  Hash(map[string]jsontext.Value{"BTC": jsontext.Value(`{"q":3}`)}),
			read:  func(name string) any { return b.raw.HGetAll(b.ctx, name).Val() },
			want:  map[string]string{"BTC": `{"q":3}`},
			ttl:   cfg.Medium / 2,
		},
		{
			key:   ok(k.Projection(catalogue.ProjectionTrades, "m")),
			first: List(docs("2", "1")),
			last:  List(docs("3", "2", "1")),
			read:  func(name string) any { return b.raw.LRange(b.ctx, name, 0, -1).Val() },
			want:  []string{`"3"`, `"2"`, `"1"`},
			ttl:   cfg.Medium,
		},
		{
			key:   ok(k.Projection(catalogue.ProjectionLeaderboard)),
			first: SortedSet(map[string]float64{"a": 1, "b": 2}),
			last:  SortedSet(map[string]float64{"a": -12.345678901234567, "c": 1e-9}),
			read:  func(name string) any { return b.raw.ZRangeWithScores(b.ctx, name, 0, -1).Val() },
			want:  []redis.Z{{Score: -12.345678901234567, Member: "a"}, {Score: 1e-9, Member: "c"}},
			ttl:   cfg.Medium,
		},
		{
			key:   ok(k.Projection(catalogue.ProjectionSinceInception, "m")),
			first: Points([]Point{{1, 2}}),
			last:  Points([]Point{{1761436800.123456, 10000}, {2, 1e-7}}),
			read:  func(name string) any { return b.raw.LRange(b.ctx, name, 0, -1).Val() },
			want:  []string{"[1761436800.123456,10000]", "[2,1e-7]"},
			ttl:   cfg.Long,
		},
		{
			key:   ok(k.Projection(catalogue.ProjectionConversations, "m")),
			first: List(docs("x")),
			last:  List(docs("y", "ünïcödé")),
			read:  func(name string) any { return b.raw.LRange(b.ctx, name, 0, -1).Val() },
			want:  []string{`"y"`, `"ünïcödé"`},
			ttl:   cfg.Long,
		},
		{
			key:   ok(k.Projection(catalogue.ProjectionDecision, "m")),
			first: String(jsontext.Value("1")),
			last:  String(jsontext.Value("2")),
			read:  func(name string) any { return b.raw.Get(b.ctx, name).Val() },
			want:  "2",
			ttl:   cfg.Medium,
		},
		{
			key:   ok(k.Projection(catalogue.ProjectionTrader, "t")),
			first: Hash(map[string]jsontext.Value{"pause_until": jsontext.Value("1"), "cooldown": jsontext.Value("{}")}),
			last:  Hash(map[string]jsontext.Value{"cooldown": jsontext.Value(`{"BTC":1}`)}),
			read:  func(name string) any { return b.raw.HGetAll(b.ctx, name).Val() },
			want:  map[string]string{"cooldown": `{"BTC":1}`},
			ttl:   cfg.Medium,
		},
		{
			key:   ok(k.Projection(catalogue.ProjectionAsset, "h", "BTC")),
			first: String(jsontext.Value("1")),
			last:  String(jsontext.Value("2")),
			read:  func(name string) any { return b.raw.Get(b.ctx, name).Val() },
			want:  "2",
			ttl:   cfg.Long,
		},
		{
			key:   ok(k.Projection(catalogue.ProjectionContext, "h", "BTC")),
			first: String(jsontext.Value("1")),
			last:  String(jsontext.Value("2")),
			read:  func(name string) any { return b.raw.Get(b.ctx, name).Val() },
			want:  "2",
			ttl:   cfg.Medium,
		},
		{
			key:   ok(k.Projection(catalogue.ProjectionPrice, "BTC")),
			first: String(jsontext.Value("1")),
			last:  String(jsontext.Value("2")),
			read:  func(name string) any { return b.raw.Get(b.ctx, name).Val() },
			want:  "2",
			ttl:   time.Hour, // Short, as the test has it
		},
		{
			key:   ok(k.Projection(catalogue.ProjectionProviderPrice, "h", "BTC")),
			first: String(jsontext.Value("1")),
			last:  String(jsontext.Value("2")),
			read:  func(name string) any { return b.raw.Get(b.ctx, name).Val() },
			want:  "2",
			ttl:   time.Hour,
		},
	} {
		rewrite := func(v Value) {
			t.Helper()
			require.NoError(t, p.Rewrite(b.ctx, []Key{c.key}, func(_ context.Context, batch *Batch) error { return batch.Put(c.key, v) }), c.key.Name)
		}
		// Under the key may be anything.
		if strings.HasPrefix(b.raw.Type(b.ctx, c.key.Name).Val(), "none") {
			require.NoError(t, b.raw.SAdd(b.ctx, c.key.Name, "poison").Err())
		}
		rewrite(c.first)
		for range 2 { // told twice
			rewrite(c.last)
			require.Equal(t, c.want, c.read(c.key.Name), c.key.Name)
		}
		ttl := b.raw.PTTL(b.ctx, c.key.Name).Val()
		require.LessOrEqual(t, ttl, c.ttl, c.key.Name)
		require.Greater(t, ttl, c.ttl/2, c.key.Name)
		rewrite(Value{})
		require.Zero(t, b.raw.Exists(b.ctx, c.key.Name).Val(), c.key.Name)
	}
	key := ok(k.Projection(catalogue.ProjectionPositions, "m"))
	require.NoError(t, p.Rewrite(b.ctx, []Key{key}, func(_ context.Context, b *Batch) error { return b.Put(key, Hash(nil)) }))
	require.Zero(t, b.raw.Exists(b.ctx, "nof0:positions:{m}").Val(), "no positions, no key")
}

func TestTheLockOfAProjectionIsInItsSlot(t *testing.T) {
	t.Parallel()
	for name, lock := range map[string]string{
		"nof0:positions:{m}":          "nof0:lock:positions:{m}",
		"nof0:season-2:positions:{m}": "nof0:lock:season-2:positions:{m}",
		"nof0:leaderboard":            "nof0:lock:{nof0:leaderboard}",
	} {
		require.Equal(t, lock, lockName(name))
	}
}

// One reads, another reads later and writes, then the first writes.
func TestAnOlderReadingIsDropped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.projections()
	key := ok(p.keys.Projection(catalogue.ProjectionDecision, "m"))
	read := func() string { return b.raw.Get(b.ctx, key.Name).Val() }
	put := func(text string) func(context.Context, *Batch) error {
		return func(_ context.Context, batch *Batch) error { return batch.Put(key, String(jsontext.Value(text))) }
	}
	require.NoError(t, p.Rewrite(b.ctx, []Key{key}, func(ctx context.Context, batch *Batch) error {
		require.NoError(t, p.Rewrite(ctx, []Key{key}, put(`"later"`)))
		return put(`"older"`)(ctx, batch)
	}))
	require.Equal(t, `"later"`, read())

	// The later one has not written yet, or never will.
	_, err := p.claim(b.ctx, []Key{key})
	require.NoError(t, err)
	require.NoError(t, p.Rewrite(b.ctx, []Key{key}, func(ctx context.Context, batch *Batch) error {
		_, err := p.claim(ctx, []Key{key})
		require.NoError(t, err)
		return put(`"older"`)(ctx, batch)
	}))
	require.Equal(t, `"older"`, read())

	// The record of the claims is lost: whether it is the older one, nobody
	// knows.
	times := 0
	require.NoError(t, p.Rewrite(b.ctx, []Key{key}, func(ctx context.Context, batch *Batch) error {
		if times++; times == 1 {
			require.NoError(t, p.Rewrite(ctx, []Key{key}, put(`"later"`)))
			require.NoError(t, b.raw.Del(ctx, lockName(key.Name)).Err())
		}
		return put(strconv.Quote(fmt.Sprint("reading ", times)))(ctx, batch)
	}))
	require.Equal(t, `"reading 2"`, read())

	err = p.Rewrite(b.ctx, []Key{key}, func(ctx context.Context, batch *Batch) error {
		require.NoError(t, b.raw.Del(ctx, lockName(key.Name)).Err())
		return put(`"never"`)(ctx, batch)
	})
	require.ErrorIs(t, err, ErrUnavailable)
}

// Writers that all write what they read, of a source that only rises, never
// leave less than the last of them read.
func TestRewritesAtOnceEndInTheNewest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.projections()
	key := ok(p.keys.Projection(catalogue.ProjectionDecision, "m"))
	var mu sync.Mutex
	source := 0
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for range 20 {
				mu.Lock()
				source++
				mu.Unlock()
				err := p.Rewrite(b.ctx, []Key{key}, func(_ context.Context, batch *Batch) error {
					mu.Lock()
					defer mu.Unlock()
					return batch.Put(key, String(jsontext.Value(strconv.Itoa(source))))
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	require.Equal(t, "320", b.raw.Get(b.ctx, key.Name).Val())
}

func TestLargeListsPassInParts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.projections()
	key := ok(p.keys.Projection(catalogue.ProjectionConversations, "m"))
	large := docs(slices.Repeat([]string{strings.Repeat("x", maxPart/3)}, 10)...)
	for i := range large {
		large[i] = jsontext.Value(fmt.Sprintf(`[%d,%s]`, i, large[i]))
	}
	want := make([]string, len(large))
	for i := range large {
		want[i] = string(large[i])
	}
	for _, list := range [][]jsontext.Value{docs("small"), large, large} {
		require.NoError(t, p.Rewrite(b.ctx, []Key{key}, func(_ context.Context, batch *Batch) error {
			return batch.Put(key, List(list))
		}))
	}
	require.Equal(t, want, b.raw.LRange(b.ctx, key.Name, 0, -1).Val())
	require.Positive(t, b.raw.PTTL(b.ctx, key.Name).Val())
	require.ElementsMatch(t, []string{key.Name, lockName(key.Name)}, b.raw.Keys(b.ctx, "*").Val(), "no part is left behind")

	// An older reading leaves nothing behind either.
	require.NoError(t, p.Rewrite(b.ctx, []Key{key}, func(ctx context.Context, batch *Batch) error {
		require.NoError(t, p.Rewrite(ctx, []Key{key}, func(_ context.Context, batch *Batch) error {
			return batch.Put(key, List(docs("later")))
		}))
		return batch.Put(key, List(large))
	}))
	require.Equal(t, []string{`"later"`}, b.raw.LRange(b.ctx, key.Name, 0, -1).Val())
	require.ElementsMatch(t, []string{key.Name, lockName(key.Name)}, b.raw.Keys(b.ctx, "*").Val())

	many := make([]Point, 20_000)
	for i := range many {
		many[i] = Point{float64(i), 1}
	}
	series := ok(p.keys.Projection(catalogue.ProjectionSinceInception, "m"))
	require.NoError(t, p.Rewrite(b.ctx, []Key{series}, func(_ context.Context, batch *Batch) error {
		return batch.Put(series, Points(many))
	}))
	require.Equal(t, int64(len(many)), b.raw.LLen(b.ctx, series.Name).Val())
	require.Equal(t, "[19999,1]", b.raw.LIndex(b.ctx, series.Name, -1).Val())
}

func TestAppendSinceInception(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.projections()
	key := ok(p.keys.Projection(catalogue.ProjectionSinceInception, "m"))
	beside := ok(p.keys.Projection(catalogue.ProjectionDecision, "m"))
	truth := []Point{{10, 1}}
	wholes, others := 0, 0
	// tell tells the newest n points.
	tell := func(n int) {
		t.Helper()
		others = 0
		require.NoError(t, p.Rewrite(b.ctx, []Key{key, beside}, func(_ context.Context, batch *Batch) error {
			if batch.Claimed(beside) {
				others++
				require.NoError(t, batch.Put(beside, String(jsontext.Value("1"))))
			}
			if batch.Whole() {
				wholes++
				return batch.Put(key, Points(truth))
			}
			return batch.Put(key, Append(truth[len(truth)-n:]))
		}))
		require.Equal(t, 1, others, "what is written is not built again")
		var want []string
		for _, point := range truth {
			want = append(want, string(point.element()))
		}
		require.Equal(t, want, b.raw.LRange(b.ctx, key.Name, 0, -1).Val())
	}
	truth = append(truth, Point{20, 1})
	tell(2)
	require.Equal(t, 1, wholes, "there was nothing to append to")
	truth[1] = Point{21, 2} // the same hour
	tell(2)
	tell(2)
	truth = append(truth, Point{70, 3}) // the next hour
	tell(2)
	tell(2)
	tell(3)
	truth[1], truth[2] = Point{22, 2}, Point{80, 4} // an hour ends
	truth = append(truth, Point{130, 5}, Point{190, 6}, Point{250, 7})
	tell(6)
	truth[5] = Point{251, 7}
	tell(2)
	require.Equal(t, 1, wholes)

	truth = append(truth, Point{310, 8}, Point{370, 9}) // two hours, of which one is told
	tell(2)
	require.Equal(t, 2, wholes)
	truth[3] = Point{191, 6} // a late snapshot of an hour before
	tell(5)
	require.Equal(t, 3, wholes)
	require.NoError(t, b.raw.Del(b.ctx, key.Name).Err())
	tell(2)
	require.Equal(t, 4, wholes)
	require.NoError(t, b.raw.Set(b.ctx, key.Name, "poison", 0).Err())
	tell(2)
	require.Equal(t, 5, wholes)
}

func TestProjectionsRefuse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.projections()
	key := ok(p.keys.Projection(catalogue.ProjectionDecision, "m"))
	other := ok(p.keys.Projection(catalogue.ProjectionDecision, "other"))
	err := p.Rewrite(b.ctx, []Key{key}, func(_ context.Context, batch *Batch) error { return batch.Put(other, Value{}) })
	require.ErrorContains(t, err, "not claimed")
	err = p.Rewrite(b.ctx, []Key{key}, func(_ context.Context, batch *Batch) error { return batch.Put(key, List(docs("1"))) })
	require.ErrorContains(t, err, "is a string and no list")
}

func TestProjectionsWithoutRedis(t *testing.T) {
	t.Parallel()
	none := newProcess(t, "")
	p := none.projections()
	require.NoError(t, p.Rewrite(t.Context(), []Key{ok(p.keys.Projection(catalogue.ProjectionLeaderboard))}, func(context.Context, *Batch) error {
		t.Error("nobody reads what nobody keeps")
		return nil
	}))
	require.NoError(t, p.PublishTrades(t.Context(), []TradeEvent{{ID: 1}}))
	g := NewGuard(none.client, config.Default().Cache)
	require.NoError(t, g.SetAllIngested(t.Context(), map[TradeRef]string{{"m", "1"}: "d"}))
	known, err := g.Ingested(t.Context(), TradeRef{"m", "1"})
	require.NoError(t, err)
	require.Empty(t, known)

	gone := setup(t, impatient)
	gone.redis.Kill()
	p = gone.projections()
	err = p.Rewrite(gone.ctx, []Key{ok(p.keys.Projection(catalogue.ProjectionLeaderboard))}, func(context.Context, *Batch) error { return nil })
	require.ErrorIs(t, err, ErrUnavailable)

	// An outage of many commands is one line of a log.
	var many []Key
	for _, model := range []string{"m", "n", "o", "p", "q"} {
		many = append(many, ok(p.keys.Projection(catalogue.ProjectionDecision, model)), ok(p.keys.Projection(catalogue.ProjectionPositions, model)))
	}
	err = p.Rewrite(gone.ctx, many, func(context.Context, *Batch) error { return nil })
	require.ErrorIs(t, err, ErrUnavailable)
	require.LessOrEqual(t, strings.Count(err.Error(), "\n"), 1, err)
	require.ErrorIs(t, p.PublishTrades(gone.ctx, []TradeEvent{{ID: 1}}), ErrUnavailable)
	g = NewGuard(gone.client, config.Default().Cache)
	require.ErrorIs(t, g.SetAllIngested(gone.ctx, map[TradeRef]string{{"m", "1"}: "d"}), ErrUnavailable)
	_, err = g.Ingested(gone.ctx, TradeRef{"m", "1"})
	require.ErrorIs(t, err, ErrUnavailable)
}

// A Redis that answers and takes nothing is as good as away.
func TestProjectionsOnReadOnlyAndFullRedis(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.projections()
	key := ok(p.keys.Projection(catalogue.ProjectionDecision, "m"))
	put := func(_ context.Context, batch *Batch) error { return batch.Put(key, String(jsontext.Value("1"))) }
	require.NoError(t, b.raw.ReplicaOf(b.ctx, "127.0.0.1", "1").Err())
	require.ErrorIs(t, p.Rewrite(b.ctx, []Key{key}, put), ErrUnavailable)
	require.ErrorIs(t, p.PublishTrades(b.ctx, []TradeEvent{{ID: 1}}), ErrUnavailable)
	require.NoError(t, b.raw.ReplicaOf(b.ctx, "NO", "ONE").Err())
	require.NoError(t, b.raw.ConfigSet(b.ctx, "maxmemory", "1").Err())
	require.ErrorIs(t, p.Rewrite(b.ctx, []Key{key}, put), ErrUnavailable)
	require.ErrorIs(t, p.PublishTrades(b.ctx, []TradeEvent{{ID: 1}}), ErrUnavailable)
	require.NoError(t, b.raw.ConfigSet(b.ctx, "maxmemory", "0").Err())
	require.NoError(t, p.Rewrite(b.ctx, []Key{key}, put))
	require.Equal(t, "1", b.raw.Get(b.ctx, key.Name).Val())
}

// Redis forgets scripts when it restarts.
func TestProjectionsAfterARestart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.projections()
	key := ok(p.keys.Projection(catalogue.ProjectionDecision, "m"))
	put := func(_ context.Context, batch *Batch) error { return batch.Put(key, String(jsontext.Value("1"))) }
	require.NoError(t, p.Rewrite(b.ctx, []Key{key}, put))
	b.redis.Kill()
	b.redis.Restart()
	await.True(t, func() bool { return p.Rewrite(b.ctx, []Key{key}, put) == nil })
	require.Equal(t, "1", b.raw.Get(b.ctx, key.Name).Val())
}

func TestTradesStream(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.projections()
	stream := p.keys.TradesStream().Name
	require.NoError(t, b.raw.Set(b.ctx, stream, "poison", 0).Err())
	var events []TradeEvent
	for i := range 1200 {
		events = append(events, TradeEvent{ID: int64(i), Sequence: 7, Model: "m", Competition: "s2", Payload: []byte(`{"id":"` + strings.Repeat("x", 500) + `"}`)})
	}
	require.NoError(t, p.PublishTrades(b.ctx, events))
	entries := b.raw.XRange(b.ctx, stream, "-", "+").Val()
	require.Len(t, entries, len(events))
	for i, entry := range entries {
		require.Equal(t, map[string]any{
			"event_id": strconv.Itoa(i), "sequence": "7", "model_id": "m", "competition_id": "s2", "payload": string(events[i].Payload),
		}, entry.Values)
	}
	require.Equal(t, time.Duration(-1), b.raw.PTTL(b.ctx, stream).Val())
	for range 12 {
		require.NoError(t, p.PublishTrades(b.ctx, events))
	}
	require.InDelta(t, TradesStreamLength, b.raw.XLen(b.ctx, stream).Val(), 200)
}

func TestGuard(t *testing.T) {
	t.Parallel()
	b := setup(t)
	g := NewGuard(b.client, config.Default().Cache)
	require.NoError(t, g.SetAllIngested(b.ctx, map[TradeRef]string{{"m", "m_1"}: "digest 1"}))
	require.NoError(t, g.SetAllIngested(b.ctx, map[TradeRef]string{{"m", "m_2"}: "digest 2", {"n", "n_1"}: "digest 3"}))
	require.NoError(t, b.raw.HSet(b.ctx, "nof0:ingest:trade:{m}:m_4", "poison", 1).Err())
	known, err := g.Ingested(b.ctx, TradeRef{"m", "m_1"}, TradeRef{"m", "m_2"}, TradeRef{"m", "m_3"}, TradeRef{"m", "m_4"}, TradeRef{"n", "n_1"})
	require.NoError(t, err)
	require.Equal(t, map[TradeRef]string{{"m", "m_1"}: "digest 1", {"m", "m_2"}: "digest 2", {"n", "n_1"}: "digest 3"}, known)
	require.Greater(t, b.raw.PTTL(b.ctx, "nof0:ingest:trade:{m}:m_1").Val(), 23*time.Hour)
	require.ErrorIs(t, g.SetAllIngested(b.ctx, map[TradeRef]string{{"", "1"}: "d"}), ErrBadID)
	_, err = g.Ingested(b.ctx, TradeRef{"m", "{"})
	require.ErrorIs(t, err, ErrBadID)
}

func TestProjectionsInACluster(t *testing.T) {
	t.Parallel()
	nodes := startCluster(t, 2)
	one := newProcess(t, nodes[0].url()+","+nodes[1].addr)
	p := one.projections()
	g := NewGuard(one.client, config.Default().Cache)
	var keys []Key
	var trades []TradeEvent
	digests := map[TradeRef]string{}
	for i := range 20 {
		model := "m" + strconv.Itoa(i)
		keys = append(keys, ok(p.keys.Projection(catalogue.ProjectionConversations, model)), ok(p.keys.Projection(catalogue.ProjectionDecision, model)), ok(p.keys.Projection(catalogue.ProjectionSinceInception, model)))
		trades = append(trades, TradeEvent{ID: int64(i), Model: model, Payload: []byte("{}")})
		digests[TradeRef{model, "1"}], digests[TradeRef{model, "2"}] = "a", "b"
	}
	keys = append(keys, ok(p.keys.Projection(catalogue.ProjectionLeaderboard)))
	large := docs(slices.Repeat([]string{strings.Repeat("x", maxPart/4)}, 5)...)
	for range 2 {
		require.NoError(t, p.Rewrite(t.Context(), keys, func(_ context.Context, batch *Batch) error {
			for i := range 20 {
				model := "m" + strconv.Itoa(i)
				list := docs("a", "b")
				if i == 0 {
					list = large
				}
				if batch.Whole() {
					require.NoError(t, batch.Put(ok(p.keys.Projection(catalogue.ProjectionSinceInception, model)), Points([]Point{{1, 1}, {2, 1}})))
					continue
				}
				require.NoError(t, batch.Put(ok(p.keys.Projection(catalogue.ProjectionConversations, model)), List(list)))
				require.NoError(t, batch.Put(ok(p.keys.Projection(catalogue.ProjectionDecision, model)), String(jsontext.Value("1"))))
				require.NoError(t, batch.Put(ok(p.keys.Projection(catalogue.ProjectionSinceInception, model)), Append([]Point{{1, 1}, {2, 1}})))
			}
			if batch.Whole() {
				return nil
			}
			return batch.Put(ok(p.keys.Projection(catalogue.ProjectionLeaderboard)), SortedSet(map[string]float64{"m0": 1}))
		}))
	}
	require.NoError(t, p.PublishTrades(t.Context(), trades))
	require.NoError(t, g.SetAllIngested(t.Context(), digests))
	var refs []TradeRef
	for ref := range digests {
		refs = append(refs, ref)
	}
	known, err := g.Ingested(t.Context(), refs...)
	require.NoError(t, err)
	require.Equal(t, digests, known)
	projected := 0
	for _, node := range nodes {
		projected += len(node.raw.Keys(t.Context(), "nof0:[cds]*").Val())
		require.Positive(t, node.raw.DBSize(t.Context()).Val())
	}
	require.Equal(t, 60, projected)
}
