package relay

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"nof0/cachelayer"
	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/await"
	"nof0/internal/catalogue"
	"nof0/internal/testdb"
	"nof0/internal/wire"
	"nof0/repository"
)

// season writes something of everything, one writer per model and one of
// prices, and returns the ids of the trade events by model.
func (b *bundle) season(t testing.TB, from, to int) map[string][]string {
	t.Helper()
	var (
		mu     sync.Mutex
		trades = map[string][]string{}
		group  sync.WaitGroup
	)
	for m, model := range b.models {
		group.Go(func() {
			for i := from; i < to; i++ {
				b.position(t, model, "BTC", 7, float64(i+1))
				ids := b.trade(t, model, i)
				b.equity(t, model, 7*i, 10_000+float64(i*(m+1)))
				b.decision(t, model, i)
				mu.Lock()
				for _, id := range ids {
					trades[model] = append(trades[model], strconv.FormatInt(id, 10))
				}
				mu.Unlock()
			}
		})
	}
	group.Go(func() {
		for i := from; i < to; i++ {
			b.price(t, "BTC", i+1, 100+float64(i))
		}
	})
	group.Wait()
	return trades
}

func TestTwoRelaysAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one, two := b.startProcess(t), b.startProcess(t)
	early, other := read(t, one.hub, 0), read(t, two.hub, -1)
	const n = 25
	trades := b.season(t, 0, n)
	b.relayed(t)

	ids, times := b.streamed(t)
	require.Equal(t, trades, ids)
	for id, count := range times {
		require.Equal(t, 1, count, id)
	}
	last := int64(n * (4*len(b.models) + 1))
	for _, r := range []*reader{early, other, read(t, one.hub, 0), read(t, two.hub, 0)} {
		r.requireSequence(t, 1, last)
	}
	b.requireWhole(t)
	total := 0.0
	for _, p := range []*process{one, two} {
		require.Zero(t, testutil.ToFloat64(p.relay.metrics.failures))
		for _, eventType := range []string{arena.EventTrade, arena.EventPosition, arena.EventEquity, arena.EventDecision, arena.EventPrices} {
			total += testutil.ToFloat64(p.relay.metrics.relayed.WithLabelValues(eventType))
		}
		await.True(t, func() bool {
			return testutil.ToFloat64(p.relay.metrics.waiting) == 0 && testutil.ToFloat64(p.relay.metrics.lag) == 0
		})
	}
	require.InDelta(t, last, total, 0)
}

func TestProjections(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.startProcess(t)
	b.position(t, "ant", "BTC", 1, 2)
	b.position(t, "ant", "ETH", 2, -3)
	b.position(t, "bee", "BTC", 3, 1)
	for i := range 105 {
		b.trade(t, "ant", i)
	}
	for minute := range 200 {
		if minute%25 == 0 {
			b.equity(t, "ant", minute, 10_000+float64(minute))
		}
	}
	b.equity(t, "bee", 10, 9_000)
	b.decision(t, "ant", 1)
	b.decision(t, "ant", 2)
	b.relayed(t)

	require.JSONEq(t, `{"current_price":100,"entry_oid":2,"entry_price":100,"quantity":-3,"symbol":"ETH"}`,
		b.raw.HGet(b.ctx, "nof0:positions:{ant}", "ETH").Val())
	trades := b.raw.LRange(b.ctx, "nof0:trades:recent:{ant}", 0, -1).Val()
	require.Len(t, trades, arena.RecentTrades)
	require.Contains(t, trades[0], `"ant_00104"`)
	require.Contains(t, trades[99], `"ant_00005"`)
	require.Equal(t, []redis.Z{{Score: -9.999999999999998, Member: "bee"}, {Score: 1.750000000000007, Member: "ant"}},
		b.raw.ZRangeWithScores(b.ctx, "nof0:leaderboard", 0, -1).Val(), "cow has no return")
	at := func(minute int) string {
		return strconv.FormatInt(begin.Add(time.Duration(minute)*time.Minute).Unix(), 10)
	}
	require.Equal(t, []string{
		"[" + at(50) + ",10050]", "[" + at(100) + ",10100]", "[" + at(175) + ",10175]",
	}, b.raw.LRange(b.ctx, "nof0:since_inception:{ant}", 0, -1).Val(), "one per hourly marker")
	require.Contains(t, b.raw.Get(b.ctx, "nof0:decision:last:{ant}").Val(), `"ant_2.5"`)
	require.Equal(t, b.raw.Get(b.ctx, "nof0:decision:last:{ant}").Val(), b.raw.LIndex(b.ctx, "nof0:conversations:{ant}", 0).Val())
	require.Equal(t, int64(2), b.raw.LLen(b.ctx, "nof0:conversations:{ant}").Val())

	// Late snapshots: of the hour before the newest, of a newest hour, and of
	// one long ago.
	b.equity(t, "ant", 119, 1)
	b.relayed(t)
	b.requireWhole(t)
	b.equity(t, "ant", 179, 2)
	b.equity(t, "ant", 200, 3)
	b.relayed(t)
	b.requireWhole(t)
	b.equity(t, "ant", 59, 4)
	b.relayed(t)
	b.requireWhole(t)
	require.Equal(t, []string{
		"[" + at(59) + ",4]", "[" + at(119) + ",1]", "[" + at(179) + ",2]", "[" + at(200) + ",3]",
	}, b.raw.LRange(b.ctx, "nof0:since_inception:{ant}", 0, -1).Val())
}

// Of trades that were published before, those that have changed are published anew.
func TestCorrectedTrades(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.startProcess(t)
	for i := range 3 {
		b.trade(t, "ant", i)
	}
	b.relayed(t)
	correct := func(id string, change func(next *entities.Trade) *entities.Trade) {
		b.write(t, "ant", func(ctx context.Context, tx repository.Repositories) ([]entities.OutboxEvent, error) {
			found, err := tx.Trades.Find(ctx, []entities.Trade{{ModelID: "ant", ID: id}})
			if err != nil {
				return nil, err
			}
			next := *found[0]
			return []entities.OutboxEvent{event("ant", arena.EventCorrection, map[string]string{"kind": entities.CorrectTrade})},
				tx.Trades.Replace(ctx, found[0], change(&next))
		})
		b.relayed(t)
	}
	list := func() string { return strings.Join(b.raw.LRange(b.ctx, "nof0:trades:recent:{ant}", 0, -1).Val(), "\n") }
	for _, pnl := range []float64{12345.5, -54321.25} {
		correct("ant_00001", func(next *entities.Trade) *entities.Trade { next.RealizedNetPnl = pnl; return next })
		require.Contains(t, list(), fmt.Sprint(pnl))
		require.Equal(t, 3, strings.Count(list(), `"ant_0000`))
	}
	correct("ant_00001", func(*entities.Trade) *entities.Trade { return nil })
	require.NotContains(t, list(), "ant_00001")
	require.Equal(t, 2, strings.Count(list(), `"ant_0000`))
	b.requireWhole(t)
}

func TestPrices(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.startProcess(t)
	for i, model := range b.models {
		b.position(t, model, "BTC", int64(i), -2)
	}
	b.position(t, "ant", "ETH", 9, 1)
	load := func(price float64) func(context.Context) (float64, error) {
		return func(context.Context) (float64, error) { return price, nil }
	}
	got, err := cachelayer.Fetch(b.ctx, p.cache, p.view(t, catalogue.ViewCryptoPrices, "", ""), load(1))
	require.NoError(t, err)
	require.InDelta(t, 1, got, 0)

	b.price(t, "BTC", 60, 130)
	b.relayed(t)
	for _, model := range b.models {
		require.JSONEq(t, `{"current_price":130,"unrealized_pnl":-60,"entry_oid":`+strconv.Itoa(slices.Index(b.models, model))+
			`,"entry_price":100,"quantity":-2,"symbol":"BTC"}`, b.raw.HGet(b.ctx, "nof0:positions:{"+model+"}", "BTC").Val())
	}
	require.JSONEq(t, `{"current_price":100,"entry_oid":9,"entry_price":100,"quantity":1,"symbol":"ETH"}`,
		b.raw.HGet(b.ctx, "nof0:positions:{ant}", "ETH").Val(), "no price of its own")
	want := fmt.Sprintf(`{"symbol":"BTC","price":130,"timestamp":%d}`, begin.Add(time.Minute).UnixMilli())
	require.JSONEq(t, want, b.raw.Get(b.ctx, "nof0:price:latest:{BTC}").Val())
	require.JSONEq(t, want, b.raw.Get(b.ctx, "nof0:price:latest:hyperliquid:{BTC}").Val())
	got, err = cachelayer.Fetch(b.ctx, p.cache, p.view(t, catalogue.ViewCryptoPrices, "", ""), load(2))
	require.NoError(t, err)
	require.InDelta(t, 2, got, 0, "the view was dropped")

	// A price of another venue, with its market, and one that is older than what
	// the positions state.
	b.write(t, "", func(ctx context.Context, tx repository.Repositories) ([]entities.OutboxEvent, error) {
		old := begin.Add(-time.Hour)
		if err := tx.Prices.RaiseLatest(ctx, []entities.PriceLatest{
			{Provider: "other", Symbol: "BTC", ObservedAt: begin.Add(time.Hour), Price: 7, Extra: entities.JSON(`{"provider":"other"}`)},
			{Provider: provider, Symbol: "ETH", ObservedAt: old, Price: 8},
		}); err != nil {
			return nil, err
		}
		funding := 0.25
		err := tx.Markets.RaiseContexts(ctx, []entities.MarketAssetCtx{{
			Provider: "other", Symbol: "BTC", ObservedAt: old, Funding: &funding, Extra: entities.JSON(`{"venue":"x"}`),
		}})
		return []entities.OutboxEvent{event("", arena.EventPrices, map[string]any{"prices": []wire.Price{
			{Provider: wire.Some("other"), Symbol: "BTC", Price: 7}, {Symbol: "ETH", Price: 8},
		}})}, err
	})
	b.relayed(t)
	require.JSONEq(t, want, b.raw.Get(b.ctx, "nof0:price:latest:{BTC}").Val(), "the primary provider's")
	require.Contains(t, b.raw.Get(b.ctx, "nof0:price:latest:other:{BTC}").Val(), `"price":7`)
	require.Contains(t, b.raw.Get(b.ctx, "nof0:price:latest:{ETH}").Val(), `"price":8`)
	require.JSONEq(t, fmt.Sprintf(`{"provider":"other","symbol":"BTC","timestamp":%d,"funding":0.25,"venue":"x"}`, begin.Add(-time.Hour).UnixMilli()),
		b.raw.Get(b.ctx, "nof0:market:ctx:other:{BTC}").Val())
	require.NotContains(t, b.raw.HGet(b.ctx, "nof0:positions:{ant}", "ETH").Val(), "unrealized_pnl")
	require.NoError(t, b.raw.Del(b.ctx, "nof0:crypto_prices").Err()) // a view, and no projection
	b.requireWhole(t)
}

func TestStates(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.startProcess(t)
	pause, leverage := begin, 40.0
	b.write(t, "", func(ctx context.Context, tx repository.Repositories) ([]entities.OutboxEvent, error) {
		_, err := tx.Traders.Put(ctx, []entities.TraderState{{TraderID: "t1", PauseUntil: &pause, Cooldown: entities.JSON(`{"BTC": 1}`), Extra: entities.JSON(`{"mood":"calm"}`)}})
		if err != nil {
			return nil, err
		}
		_, err = tx.Markets.PutAssets(ctx, []entities.MarketAsset{{Provider: provider, Symbol: "BTC", MaxLeverage: &leverage}})
		return []entities.OutboxEvent{
			event("", arena.EventTraderState, map[string]any{"trader_id": "t1"}),
			event("", arena.EventMarketAssets, map[string]any{"symbol": "BTC"}),
			event("", arena.EventSymbol, map[string]any{"symbol": "BTC"}),
		}, err
	})
	b.write(t, "bee", func(ctx context.Context, tx repository.Repositories) ([]entities.OutboxEvent, error) {
		topic := "risk"
		_, err := tx.Conversations.Append(ctx, entities.Conversation{ID: "thread/bee/risk", ModelID: "bee", Kind: entities.ConversationThread, Topic: &topic},
			[]entities.ConversationMessage{{Time: begin.Add(time.Hour), Role: entities.RoleAssistant, ContentDigest: "x", Content: "less"}})
		return []entities.OutboxEvent{event("bee", arena.EventConversation, map[string]any{}), event("bee", "of a later version", 1)}, err
	})
	b.decision(t, "bee", 1)
	b.relayed(t)
	require.Equal(t, map[string]string{"pause_until": strconv.FormatInt(pause.Unix(), 10), "cooldown": `{"BTC":1}`, "mood": `"calm"`},
		b.raw.HGetAll(b.ctx, "nof0:trader:{t1}:state").Val())
	require.JSONEq(t, `{"provider":"hyperliquid","symbol":"BTC","max_leverage":40}`, b.raw.Get(b.ctx, "nof0:market:asset:hyperliquid:{BTC}").Val())
	documents := b.raw.LRange(b.ctx, "nof0:conversations:{bee}", 0, -1).Val()
	require.Len(t, documents, 2)
	require.Contains(t, documents[0], `"less"`, "the newest first")
	b.requireWhole(t)
}

// An import leaves one event for everything.
func TestImport(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.newProcess(t)
	stop := p.start(t)
	b.season(t, 0, 3)
	b.relayed(t)
	stop()

	// What an import brings has no events of its own.
	b.season(t, 3, 12)
	events, err := b.store.Outbox.Claim(b.ctx, append([]string{""}, b.models...), 1000)
	require.NoError(t, err)
	require.NoError(t, b.store.Outbox.MarkRelayed(b.ctx, events, time.Now()))
	views := []cachelayer.Key{p.keys.EquitySegment(entities.FirstCompetition, 0), p.view(t, catalogue.ViewPositions, "", "2")}
	for _, v := range catalogue.Views() {
		views = append(views, p.view(t, v.Name, "cow", ""))
		if v.Name != catalogue.ViewAnalyticsOf {
			views = append(views, p.view(t, v.Name, "", "part"))
		}
	}
	fetch := func(text string) {
		for _, key := range views {
			got, err := cachelayer.Fetch(b.ctx, p.cache, key, func(context.Context) (string, error) { return text, nil })
			require.NoError(t, err)
			require.Equal(t, text, got, key.Name)
		}
	}
	fetch("before")
	b.write(t, "", func(context.Context, repository.Repositories) ([]entities.OutboxEvent, error) {
		return []entities.OutboxEvent{event("", arena.EventImport, map[string]any{"kinds": 1})}, nil
	})
	p.start(t)
	b.relayed(t)
	fetch("after")
	var names []string
	for _, key := range views {
		names = append(names, key.Name)
	}
	require.Positive(t, b.raw.XLen(b.ctx, "nof0:trades:stream").Val(), "the stream stays")
	require.NoError(t, b.raw.Del(b.ctx, names...).Err())
	b.requireWhole(t)
}

// The process ends after the delivery and before the commit.
func TestCrashBetweenDeliveryAndCommit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.newProcess(t)
	p.relay.o.Tries = 1000
	var crashes atomic.Int64
	told := map[int64]int{}
	var mu sync.Mutex
	p.relay.delivered = func(events []entities.OutboxEvent) error {
		mu.Lock()
		defer mu.Unlock()
		for _, e := range events {
			told[e.ID]++
		}
		if crashes.Add(1)%2 == 1 {
			return errCrash
		}
		return nil
	}
	trades := b.season(t, 0, 6)
	p.start(t)
	b.relayed(t)
	require.GreaterOrEqual(t, crashes.Load(), int64(2))

	ids, times := b.streamed(t)
	require.Equal(t, trades, ids, "in order of the first time")
	mu.Lock()
	defer mu.Unlock()
	repeats := 0
	for text, count := range times {
		id, err := strconv.ParseInt(text, 10, 64)
		require.NoError(t, err)
		require.Equal(t, told[id], count, "with its own id each time")
		repeats += count - 1
	}
	require.Positive(t, repeats)
	b.requireWhole(t)
	read(t, p.hub, 0).requireSequence(t, 1, 6*(4*3+1))
}

func TestRedisKilledUnderLoad(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 2 {
		b.startProcess(t, impatient)
	}
	follower := read(t, b.startProcess(t, impatient).hub, 0)
	b.season(t, 0, 5)
	b.relayed(t)
	b.redis.Kill()
	trades := b.season(t, 5, 20) // acknowledged, all of them
	var early, late map[string][]string
	var group sync.WaitGroup
	group.Go(func() { late = b.season(t, 20, 25) })
	b.redis.Restart()
	group.Wait()
	b.relayed(t)
	early = trades

	ids, _ := b.streamed(t)
	for _, model := range b.models {
		require.Equal(t, append(early[model], late[model]...), ids[model], model)
	}
	follower.requireSequence(t, 1, 25*(4*3+1))
	// What happened before the restart is told anew as it changes.
	b.season(t, 25, 26)
	b.relayed(t)
	b.requireWhole(t)
}

// TestTheStreamGoesOnWithoutRedis holds that subscribers wait for Postgres alone, and that
// what they have seen is delivered to Redis once it is back, in order.
func TestTheStreamGoesOnWithoutRedis(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]struct{ begins, ends func(b *bundle) }{
		"killed": {func(b *bundle) { b.redis.Kill() }, func(b *bundle) { b.redis.Restart() }},
		"hung":   {func(b *bundle) { b.redis.Pause() }, func(b *bundle) { b.redis.Resume() }},
		"read-only": {
			func(b *bundle) { require.NoError(t, b.raw.ReplicaOf(b.ctx, "127.0.0.1", "1").Err()) },
			func(b *bundle) { require.NoError(t, b.raw.ReplicaOf(b.ctx, "NO", "ONE").Err()) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.startProcess(t, impatient)
			follower := read(t, b.startProcess(t, impatient).hub, 0)
			trades := b.season(t, 0, 3)
			b.relayed(t)
			away.begins(b)
			if name == "killed" {
				trades = map[string][]string{} // Redis has forgotten them
			}
			for model, ids := range b.season(t, 3, 10) {
				trades[model] = append(trades[model], ids...)
			}
			follower.requireSequence(t, 1, 10*(4*3+1))
			away.ends(b)
			for model, ids := range b.season(t, 10, 12) {
				trades[model] = append(trades[model], ids...)
			}
			b.relayed(t)
			follower.requireSequence(t, 1, 12*(4*3+1))
			ids, _ := b.streamed(t)
			require.Equal(t, trades, ids)
		})
	}
}

func TestRedisPausedUnderLoad(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 2 {
		b.startProcess(t, impatient)
	}
	trades := b.season(t, 0, 5)
	b.relayed(t)
	var more map[string][]string
	var group sync.WaitGroup
	b.redis.Pause()
	group.Go(func() { more = b.season(t, 5, 20) })
	group.Wait()
	b.redis.Resume()
	b.relayed(t)
	for model := range more {
		trades[model] = append(trades[model], more[model]...)
	}
	ids, _ := b.streamed(t)
	require.Equal(t, trades, ids)
	b.requireWhole(t)
}

// A row that cannot be read keeps its projection from being told, and nothing
// else.
func TestPoisonedProjection(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.startProcess(t)
	b.trade(t, "ant", 1)
	b.relayed(t)
	require.Equal(t, int64(1), b.raw.Exists(b.ctx, "nof0:trades:recent:{ant}").Val())
	b.write(t, "ant", func(ctx context.Context, tx repository.Repositories) ([]entities.OutboxEvent, error) {
		trade := tradeOf("ant", 2)
		trade.Extra = entities.JSON(`{"quantity": "a lot"}`)
		_, err := tx.Trades.Insert(ctx, []entities.Trade{trade})
		return []entities.OutboxEvent{event("ant", arena.EventTrade, trade.ID)}, err
	})
	b.trade(t, "ant", 3)
	b.trade(t, "bee", 1)
	b.position(t, "ant", "BTC", 1, 1)
	b.write(t, "ant", func(context.Context, repository.Repositories) ([]entities.OutboxEvent, error) {
		return []entities.OutboxEvent{event("ant", arena.EventEquity, "no object")}, nil
	})
	b.relayed(t)
	require.Zero(t, b.raw.Exists(b.ctx, "nof0:trades:recent:{ant}").Val(), "nothing rather than something old")
	require.Equal(t, int64(1), b.raw.Exists(b.ctx, "nof0:trades:recent:{bee}", "nof0:positions:{cow}").Val())
	require.Equal(t, int64(1), b.raw.Exists(b.ctx, "nof0:positions:{ant}").Val())
	ids, _ := b.streamed(t)
	require.Len(t, ids["ant"], 3)
	require.Positive(t, testutil.ToFloat64(p.relay.metrics.abandoned.WithLabelValues("recent_trades")))
	require.Positive(t, testutil.ToFloat64(p.relay.metrics.abandoned.WithLabelValues("event")))
	require.ErrorContains(t, p.relay.Warm(b.ctx), "1 projections could not be built")
	require.Equal(t, int64(1), b.raw.Exists(b.ctx, "nof0:trades:recent:{bee}").Val())
}

// The database drops every connection, again and again.
func TestPostgresConnectionsLost(t *testing.T) {
	t.Parallel()
	b := setup(t)
	trades := b.season(t, 0, 15)
	// A pooler would give it a connection that it has ended before.
	admin, err := pgx.Connect(b.ctx, testdb.Direct(t, b.dsn))
	require.NoError(t, err)
	defer admin.Close(b.ctx)
	p := b.newProcess(t)
	follower := read(t, p.hub, 0)
	p.start(t)
	b.startProcess(t)
	for range 20 {
		_, err := admin.Exec(b.ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename = current_user`)
		require.NoError(t, err)
	}
	b.relayed(t)
	ids, _ := b.streamed(t)
	require.Equal(t, trades, ids)
	follower.requireSequence(t, 1, 15*(4*3+1))
	b.requireWhole(t)
}

func TestAfterCommit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.newProcess(t)
	// It is kicked and not yet due.
	p.relay.o.Interval = time.Hour
	p.start(t)
	fetch := func(text string) string {
		got, err := cachelayer.Fetch(b.ctx, p.cache, p.view(t, catalogue.ViewTrades, "", ""), func(context.Context) (string, error) { return text, nil })
		require.NoError(t, err)
		return got
	}
	require.Equal(t, "before", fetch("before"))
	require.Equal(t, "before", fetch("after"))
	events := []entities.OutboxEvent{event("ant", arena.EventTrade, jsontext.Value("{}"))}
	b.write(t, "ant", func(context.Context, repository.Repositories) ([]entities.OutboxEvent, error) { return events, nil })
	gone, cancel := context.WithCancel(b.ctx)
	cancel()
	p.relay.AfterCommit(gone, events)
	require.Equal(t, "after", fetch("after"))
	b.relayed(t)
}

// Nobody is kept from committing by a Redis that hangs.
func TestAfterCommitWithoutRedis(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.newProcess(t, impatient)
	b.redis.Pause()
	for range 20 {
		p.relay.AfterCommit(b.ctx, []entities.OutboxEvent{event("ant", arena.EventTrade, 1), event("", arena.EventImport, 1)})
	}
	b.redis.Resume()
}

func TestWithoutRedis(t *testing.T) {
	t.Parallel()
	b := setup(t)
	client, err := cachelayer.Open("", testConfig().Redis, cachelayer.Options{})
	require.NoError(t, err)
	hub := NewHub(HubOptions{Outbox: b.store.Outbox})
	relay := New(Options{
		Store: b.store, Projections: cachelayer.NewProjections(client, testConfig().Cache), PrimaryProvider: provider,
		TTLs: testConfig().Cache, Relayed: hub.Wake,
	})
	p := &process{relay: relay, hub: hub}
	p.start(t)
	r := read(t, hub, 0)
	b.season(t, 0, 2)
	relay.Kick()
	r.requireSequence(t, 1, 2*(4*3+1))
	hub.Close()
}

func TestPrune(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.newProcess(t)
	stop := p.start(t)
	b.season(t, 0, 3)
	b.relayed(t)
	stop()
	b.trade(t, "ant", 100)
	require.NoError(t, b.store.InTx(b.ctx, func(ctx context.Context, tx repository.Repositories) error {
		_, err := tx.Idempotency.Begin(ctx, entities.IdempotencyKey{TokenID: "t", Key: "k", RequestDigest: "d"})
		return err
	}))
	pruned, err := Prune(b.ctx, b.store, time.Now())
	require.NoError(t, err)
	require.Equal(t, Pruned{}, pruned)
	pruned, err = Prune(b.ctx, b.store, time.Now().Add(Keep+time.Minute))
	require.NoError(t, err)
	require.Equal(t, Pruned{Events: 3*(4*3+1) - 1, Keys: 1}, pruned)

	_, err = p.hub.Subscribe(b.ctx, at(0))
	require.ErrorIs(t, err, arena.ErrGone)
	_, err = p.hub.Subscribe(b.ctx, at(3*(4*3+1)-2))
	require.ErrorIs(t, err, arena.ErrGone)
	_, err = p.hub.Subscribe(b.ctx, at(3*(4*3+1)+1))
	require.ErrorIs(t, err, arena.ErrGone, "a sequence that was never given")
	whole := read(t, p.hub, 3*(4*3+1)-1)
	p.start(t)
	whole.requireSequence(t, 3*(4*3+1), 3*(4*3+1)+1)
}
