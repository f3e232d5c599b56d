package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"nof0/atlas/atlastest"
	"nof0/cachelayer"
	"nof0/config"
	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/await"
	"nof0/internal/catalogue"
	"nof0/internal/mapping"
	"nof0/internal/testdb"
	"nof0/internal/wire"
	"nof0/repository"
)

const provider = "hyperliquid"

// begin is when the season of the tests starts.
var begin = time.Date(2025, time.October, 18, 22, 0, 0, 0, time.UTC)

// bundle is a database, a Redis, and models that trade.
type bundle struct {
	ctx   context.Context
	store *repository.Store
	dsn   string
	redis *testdb.RedisServer
	// raw looks at Redis past everything that is tested.
	raw    *redis.Client
	models []string
	turns  sync.Map // by model, so that its newest events are those of the last write
}

func setup(t testing.TB) *bundle {
	t.Helper()
	b := &bundle{ctx: t.Context(), dsn: testdb.New(t, atlastest.Migrator{}), redis: testdb.NewRedis(t), models: []string{"ant", "bee", "cow"}}
	b.store = openStore(t, b.dsn)
	options, err := redis.ParseURL(b.redis.URL())
	require.NoError(t, err)
	options.DialerRetries, options.MaxRetries = 1, -1
	b.raw = redis.NewClient(options)
	t.Cleanup(func() { _ = b.raw.Close() })

	nav := 10_000.0
	for _, id := range b.models {
		_, err := b.store.Models.Register(b.ctx, []entities.Model{{ID: id, DisplayName: id, Kind: entities.ModelCompetitor}})
		require.NoError(t, err)
		_, err = b.store.Accounts.Register(b.ctx, []entities.Account{{ModelID: id, Provider: provider, InceptionAt: &begin, InceptionNAV: &nav}})
		require.NoError(t, err)
	}
	return b
}

func openStore(t testing.TB, dsn string) *repository.Store {
	t.Helper()
	s, err := repository.Open(context.Background(), repository.Options{
		DSN: dsn, MaxOpen: 12, MaxIdle: 12, ConnectTimeout: 10 * time.Second, StatementTimeout: time.Minute,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func testConfig() config.Config {
	cfg := config.Default()
	cfg.Redis.DialTimeout = 5 * time.Second
	cfg.Redis.ReadTimeout = 5 * time.Second
	cfg.Redis.WriteTimeout = 5 * time.Second
	cfg.Redis.PoolTimeout = 5 * time.Second
	cfg.Redis.BreakerOpen = 20 * time.Millisecond
	cfg.Redis.SlowAfter = 0
	// What is projected stays for the time of a test.
	cfg.Cache.Short, cfg.Cache.Medium, cfg.Cache.Long = time.Hour, time.Hour, time.Hour
	return cfg
}

// impatient shortens the timeouts, for the tests in which Redis does not answer.
func impatient(cfg *config.Config) {
	cfg.Redis.DialTimeout = 100 * time.Millisecond
	cfg.Redis.ReadTimeout = 100 * time.Millisecond
	cfg.Redis.WriteTimeout = 100 * time.Millisecond
	cfg.Redis.PoolTimeout = 100 * time.Millisecond
}

// process is what one process of nof0 has.
type process struct {
	relay *Relay
	hub   *Hub
	cache *cachelayer.Cache
	keys  cachelayer.Keys
}

// newProcess makes a process whose relay and hub are not running.
func (b *bundle) newProcess(t testing.TB, change ...func(*config.Config)) *process {
	t.Helper()
	cfg := testConfig()
	for _, c := range change {
		c(&cfg)
	}
	logger := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	store := openStore(t, b.dsn)
	client, err := cachelayer.Open(b.redis.URL(), cfg.Redis, cachelayer.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	cache, err := cachelayer.New(client, cfg.Cache, cachelayer.Options{})
	require.NoError(t, err)
	t.Cleanup(cache.Close)
	p := &process{cache: cache, keys: cachelayer.NewKeys(cfg.Cache)}
	p.hub = NewHub(HubOptions{Outbox: store.Outbox, Logger: logger, Interval: 10 * time.Millisecond})
	t.Cleanup(p.hub.Close)
	p.relay = New(Options{
		Store: store, Projections: cachelayer.NewProjections(client, cfg.Cache), PrimaryProvider: provider,
		TTLs: cfg.Cache, Cache: cache, Relayed: p.hub.Wake, Registerer: prometheus.NewPedanticRegistry(), Logger: logger,
		Interval: 10 * time.Millisecond, BatchSize: 7, LagInterval: 10 * time.Millisecond, MaxBackoff: 100 * time.Millisecond,
	})
	return p
}

// view is the key of a view.
func (p *process) view(t *testing.T, name catalogue.ViewName, model, part string) cachelayer.Key {
	t.Helper()
	v := catalogue.ViewOf(name)
	key, err := p.keys.View(&v, model, part, entities.FirstCompetition)
	require.NoError(t, err)
	return key
}

// start runs the process until the test ends, or stop is called.
func (p *process) start(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { p.relay.Run(ctx) })
	group.Go(func() { p.hub.Run(ctx) })
	stop = sync.OnceFunc(func() {
		cancel()
		group.Wait()
	})
	t.Cleanup(stop)
	return stop
}

func (b *bundle) startProcess(t *testing.T, change ...func(*config.Config)) *process {
	t.Helper()
	p := b.newProcess(t, change...)
	p.start(t)
	return p
}

// write stores facts of a model and their events in one transaction, and
// returns the ids of the events.
func (b *bundle) write(t testing.TB, model string, facts func(ctx context.Context, tx repository.Repositories) ([]entities.OutboxEvent, error)) []int64 {
	t.Helper()
	turn, _ := b.turns.LoadOrStore(model, new(sync.Mutex))
	turn.(*sync.Mutex).Lock()
	defer turn.(*sync.Mutex).Unlock()
	var events []entities.OutboxEvent
	err := b.store.InTx(b.ctx, func(ctx context.Context, tx repository.Repositories) error {
		if model != "" {
			if _, err := tx.Accounts.Lock(ctx, []string{model}); err != nil {
				return err
			}
		}
		var err error
		if events, err = facts(ctx, tx); err != nil {
			return err
		}
		return tx.Outbox.Append(ctx, events)
	})
	if err != nil {
		t.Error(err)
		return make([]int64, len(events))
	}
	for { // tests end connections
		if ids, err := b.newest(model, len(events)); err == nil || b.ctx.Err() != nil {
			return ids
		}
	}
}

// newest returns the ids of the n newest events of a model, the oldest first.
func (b *bundle) newest(model string, n int) (ids []int64, err error) {
	conn, err := pgx.Connect(b.ctx, b.dsn)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(b.ctx))
	rows, err := conn.Query(b.ctx, `SELECT id FROM outbox_events WHERE model_id = $1 ORDER BY id DESC LIMIT $2`, model, n)
	if err != nil {
		return nil, err
	}
	ids, err = pgx.CollectRows(rows, pgx.RowTo[int64])
	slices.Reverse(ids)
	return ids, err
}

func event(model, eventType string, payload any) entities.OutboxEvent {
	raw, err := wire.Marshal(payload)
	if err != nil {
		panic(err)
	}
	return entities.OutboxEvent{Aggregate: eventType, ModelID: model, Type: eventType, Payload: entities.JSON(raw)}
}

func tradeOf(model string, n int) entities.Trade {
	return entities.Trade{
		ModelID: model, ID: fmt.Sprintf("%s_%05d", model, n), Provider: provider, Symbol: "BTC", Side: "long", Quantity: 1,
		EntryTime: begin, EntryPrice: 100, ExitTime: begin.Add(time.Duration(n) * time.Second), ExitPrice: 101, RealizedNetPnl: 1,
	}
}

func (b *bundle) trade(t testing.TB, model string, n int) []int64 {
	t.Helper()
	return b.write(t, model, func(ctx context.Context, tx repository.Repositories) ([]entities.OutboxEvent, error) {
		trade := tradeOf(model, n)
		if _, err := tx.Trades.Insert(ctx, []entities.Trade{trade}); err != nil {
			return nil, err
		}
		payload, err := mapping.TradePayload(trade)
		return []entities.OutboxEvent{event(model, arena.EventTrade, payload)}, err
	})
}

func (b *bundle) equity(t testing.TB, model string, minute int, dollars float64) []int64 {
	t.Helper()
	return b.write(t, model, func(ctx context.Context, tx repository.Repositories) ([]entities.OutboxEvent, error) {
		row := entities.AccountEquitySnapshot{
			ModelID: model, ObservedAt: begin.Add(time.Duration(minute) * time.Minute),
			SinceInceptionHourlyMarker: int64(minute / 60), DollarEquity: dollars,
		}
		if _, err := tx.Equity.Insert(ctx, []entities.AccountEquitySnapshot{row}); err != nil {
			return nil, err
		}
		payload, err := mapping.EquityPayload(row)
		return []entities.OutboxEvent{event(model, arena.EventEquity, payload)}, err
	})
}

func (b *bundle) decision(t testing.TB, model string, n int) []int64 {
	t.Helper()
	return b.write(t, model, func(ctx context.Context, tx repository.Repositories) ([]entities.OutboxEvent, error) {
		prompt := "What now?"
		row := entities.DecisionCycle{
			ModelID: model, ID: fmt.Sprintf("%s_%d.5", model, n), ExecutedAt: begin.Add(time.Duration(n) * time.Minute),
			UserPrompt: &prompt, Decisions: entities.JSON(`{"BTC": {"signal": "hold"}}`), Success: true,
		}
		if _, err := tx.Decisions.Insert(ctx, []entities.DecisionCycle{row}); err != nil {
			return nil, err
		}
		payload, err := mapping.DecisionPayload(row)
		return []entities.OutboxEvent{event(model, arena.EventDecision, payload)}, err
	})
}

func (b *bundle) position(t testing.TB, model, symbol string, oid int64, quantity float64) []int64 {
	t.Helper()
	return b.write(t, model, func(ctx context.Context, tx repository.Repositories) ([]entities.OutboxEvent, error) {
		payload := wire.Position{Symbol: symbol, EntryOid: wire.Some(oid), EntryPrice: 100, Quantity: quantity, CurrentPrice: wire.Some(100.0)}
		row := mapping.Position(model, provider, payload)
		row.StatedAt = begin
		_, err := tx.Trading.Adjust(ctx, []repository.Opening{{Position: row}})
		return []entities.OutboxEvent{event(model, arena.EventPosition, map[string]any{"model_id": model})}, err
	})
}

func (b *bundle) price(t testing.TB, symbol string, second int, price float64) []int64 {
	t.Helper()
	return b.write(t, "", func(ctx context.Context, tx repository.Repositories) ([]entities.OutboxEvent, error) {
		at := begin.Add(time.Duration(second) * time.Second)
		err := tx.Prices.RaiseLatest(ctx, []entities.PriceLatest{{Provider: provider, Symbol: symbol, ObservedAt: at, Price: price}})
		payload := wire.Price{Symbol: symbol, Price: price, Timestamp: at.UnixMilli()}
		return []entities.OutboxEvent{event("", arena.EventPrices, map[string]any{"prices": []wire.Price{payload}})}, err
	})
}

// relayed waits until nothing waits any more.
func (b *bundle) relayed(t testing.TB) {
	t.Helper()
	await.True(t, func() bool {
		waiting, _, err := b.store.Outbox.Lag(context.Background())
		return err == nil && waiting == 0
	})
}

// streamed returns the ids of the events in the stream of trades, by model, in
// the order in which they were first told, and how often each was told.
func (b *bundle) streamed(t testing.TB) (ids map[string][]string, times map[string]int) {
	t.Helper()
	entries, err := b.raw.XRange(b.ctx, "nof0:trades:stream", "-", "+").Result()
	require.NoError(t, err)
	ids, times = map[string][]string{}, map[string]int{}
	for _, entry := range entries {
		model, id := entry.Values["model_id"].(string), entry.Values["event_id"].(string)
		if times[id]++; times[id] == 1 {
			ids[model] = append(ids[model], id)
		}
	}
	return ids, times
}

// projected reads every projection in Redis.
func (b *bundle) projected(t testing.TB) map[string]any {
	t.Helper()
	names, err := b.raw.Keys(b.ctx, "nof0:*").Result()
	require.NoError(t, err)
	all := map[string]any{}
	for _, name := range names {
		rest := strings.TrimPrefix(name, "nof0:")
		if strings.HasPrefix(rest, "lock:") || strings.HasPrefix(rest, "version:") || rest == "trades:stream" {
			continue
		}
		switch kind := b.raw.Type(b.ctx, name).Val(); kind {
		case "string":
			all[name] = b.raw.Get(b.ctx, name).Val()
		case "list":
			all[name] = b.raw.LRange(b.ctx, name, 0, -1).Val()
		case "hash":
			all[name] = b.raw.HGetAll(b.ctx, name).Val()
		case "zset":
			all[name] = b.raw.ZRangeWithScores(b.ctx, name, 0, -1).Val()
		default:
			t.Errorf("%s is a %s", name, kind)
		}
		require.Positive(t, b.raw.PTTL(b.ctx, name).Val(), "%s lives for ever", name)
	}
	return all
}

// requireWhole checks that the projections are those that a new Redis would be
// warmed with.
func (b *bundle) requireWhole(t *testing.T) {
	t.Helper()
	have := b.projected(t)
	require.NotEmpty(t, have)
	fresh := &bundle{ctx: b.ctx, store: b.store, dsn: b.dsn, redis: testdb.NewRedis(t)}
	options, err := redis.ParseURL(fresh.redis.URL())
	require.NoError(t, err)
	fresh.raw = redis.NewClient(options)
	defer fresh.raw.Close()
	require.NoError(t, fresh.newProcess(t).relay.Warm(b.ctx))
	want := fresh.projected(t)
	require.Equal(t, keysOf(want), keysOf(have))
	for name := range want {
		require.Equal(t, want[name], have[name], name)
	}
}

func keysOf(m map[string]any) map[string]bool {
	set := map[string]bool{}
	for k := range maps.Keys(m) {
		set[k] = true
	}
	return set
}

// reader collects what a subscription brings.
type reader struct {
	mu     sync.Mutex
	events []arena.Event
	done   chan struct{}
	sub    arena.Subscription
}

func read(t testing.TB, h *Hub, after int64) *reader {
	t.Helper()
	sub, err := h.Subscribe(context.Background(), arena.Position{Sequence: after})
	require.NoError(t, err)
	r := &reader{done: make(chan struct{}), sub: sub}
	go func() {
		defer close(r.done)
		for e := range sub.Events() {
			r.mu.Lock()
			r.events = append(r.events, e)
			r.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		sub.Close()
		<-r.done
	})
	return r
}

func (r *reader) all() []arena.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clip(r.events)
}

// requireSequence waits until a reader has everything from first to last and
// checks that it got each once, in order, and each model's in the order of their
// ids.
func (r *reader) requireSequence(t testing.TB, first, last int64) {
	t.Helper()
	await.True(t, func() bool {
		events := r.all()
		return len(events) > 0 && events[len(events)-1].Sequence >= last
	})
	events := r.all()
	newest := map[string]int64{}
	for i, e := range events {
		require.Equal(t, first+int64(i), e.Sequence)
		require.Greater(t, e.ID, newest[e.Model])
		newest[e.Model] = e.ID
	}
	require.Equal(t, last, events[len(events)-1].Sequence)
}

var errCrash = errors.New("crash")
