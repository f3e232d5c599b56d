package cachelayer

import (
	"context"
	"log/slog"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"nof0/config"
	"nof0/internal/await"
	"nof0/internal/catalogue"
)

// clock is a time that stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2025, 10, 26, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// steeredRand has true ids and a Float64 that the test sets; 0 never refreshes.
type steeredRand struct {
	systemRand
	float atomic.Uint64 // in millionths
}

func (r *steeredRand) Float64() float64      { return float64(r.float.Load()) / 1e6 }
func (r *steeredRand) set(millionths uint64) { r.float.Store(millionths) }

// process is what one process of nof0 has: a client and a cache of its own.
type process struct {
	key    Key // the test key, prepared
	client *Client
	cache  *Cache
	clock  *clock
	rand   *steeredRand

	registry *prometheus.Registry
}

// testConfig has timeouts that a busy machine keeps.
func testConfig() config.Config {
	cfg := config.Default()
	cfg.Redis.DialTimeout = 5 * time.Second
	cfg.Redis.ReadTimeout = 5 * time.Second
	cfg.Redis.WriteTimeout = 5 * time.Second
	cfg.Redis.PoolTimeout = 5 * time.Second
	cfg.Redis.BreakerOpen = 20 * time.Millisecond
	cfg.Redis.SlowAfter = 0
	return cfg
}

// impatient shortens the timeouts, for the tests in which Redis does not answer.
func impatient(cfg *config.Config) {
	cfg.Redis.DialTimeout = 50 * time.Millisecond
	cfg.Redis.ReadTimeout = 50 * time.Millisecond
	cfg.Redis.WriteTimeout = 50 * time.Millisecond
	cfg.Redis.PoolTimeout = 50 * time.Millisecond
}

// noLocal switches the local level off, so that every read goes to Redis.
func noLocal(cfg *config.Config) { cfg.Cache.LocalTTL = 0 }

// newProcess opens a cache on the Redis at url.
func newProcess(t *testing.T, url string, change ...func(*config.Config)) *process {
	t.Helper()
	cfg := testConfig()
	for _, c := range change {
		c(&cfg)
	}
	p := &process{clock: newClock(), rand: &steeredRand{}, registry: prometheus.NewPedanticRegistry()}
	opts := Options{
		Registerer: p.registry,
		Logger:     slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
		Now:        p.clock.Now,
		Rand:       p.rand,
	}
	var err error
	p.client, err = Open(url, cfg.Redis, opts)
	require.NoError(t, err)
	p.cache, err = New(p.client, cfg.Cache, opts)
	require.NoError(t, err)
	p.key = p.cache.Prepared(testKey())
	t.Cleanup(func() {
		// A flight must not log after the test.
		await.True(t, func() bool { return p.underWay() == 0 })
		p.cache.Close()
		require.NoError(t, p.client.Close())
	})
	return p
}

// underWay counts the flights that can be joined.
func (p *process) underWay() int {
	p.cache.flights.mu.Lock()
	defer p.cache.flights.mu.Unlock()
	return len(p.cache.flights.under)
}

// count reads a counter of the test family.
func count(c *prometheus.CounterVec, more ...string) int {
	return int(testutil.ToFloat64(c.WithLabelValues(append([]string{"test"}, more...)...)))
}

// bundle is a Redis and one process on it.
type bundle struct {
	*process
	redis *redisServer
	raw   *redis.Client
	ctx   context.Context
}

func setup(t *testing.T, change ...func(*config.Config)) *bundle {
	t.Helper()
	s := startRedis(t)
	return &bundle{process: newProcess(t, s.url(), change...), redis: s, raw: s.raw, ctx: t.Context()}
}

// testVersion is that of what the notes of the tests are made from.
const testVersion catalogue.Version = "test"

// testKey is a key that lives for a minute.
func testKey() Key { return keyOf("nof0:test:{a}", time.Minute) }

// keyOf is a key of the tests by another name.
func keyOf(name string, ttl time.Duration) Key {
	return Key{Name: name, Family: "test", TTL: ttl, Versions: []catalogue.Version{testVersion}}
}

// invalidate makes the version anew.
func (p *process) invalidate(t *testing.T) {
	t.Helper()
	require.NoError(t, p.cache.Invalidate(t.Context(), testVersion))
}

// held is what the process has of a key in its memory.
func (p *process) held(key Key) *entry {
	s, _ := p.cache.versions.get(key.Versions)
	return p.cache.local.get(key.Name, reflect.TypeFor[note](), s.tokens, p.cache.opts.Now())
}

// note is a value as the services have them.
type note struct {
	Text  string `json:"text"`
	Count int    `json:"count"`
}

// source is a Postgres with one note in it, and a count of how often it was
// read.
type source struct {
	mu    sync.Mutex
	note  note
	reads int
}

func newSource(text string) *source { return &source{note: note{Text: text}} }

func (s *source) load(context.Context) (note, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	return s.note, nil
}

func (s *source) write(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note.Text = text
}

func (s *source) loads() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads
}

// fetch reads the test key and fails the test on an error.
func (p *process) fetch(t *testing.T, load func(context.Context) (note, error)) string {
	t.Helper()
	got, err := Fetch(t.Context(), p.cache, p.key, load)
	require.NoError(t, err)
	return got.Text
}

// slowLoad is a load that reads the source when it begins and returns when it
// is let go, as a query does that took its snapshot before a commit.
type slowLoad struct {
	source *source
	begun  chan struct{}
	letGo  chan struct{}
	once   sync.Once
}

func newSlowLoad(s *source) *slowLoad {
	return &slowLoad{source: s, begun: make(chan struct{}), letGo: make(chan struct{})}
}

func (l *slowLoad) load(ctx context.Context) (note, error) {
	got, err := l.source.load(ctx)
	l.once.Do(func() { close(l.begun) })
	select {
	case <-l.letGo:
		return got, err
	case <-ctx.Done():
		return note{}, ctx.Err()
	}
}

// answer is what a Fetch in another goroutine returned.
type answer struct {
	note note
	err  error
}

// fetchAside runs a Fetch of the test key in a goroutine of its own.
func (p *process) fetchAside(ctx context.Context, load func(context.Context) (note, error)) <-chan answer {
	out := make(chan answer, 1)
	go func() {
		got, err := Fetch(ctx, p.cache, testKey(), load)
		out <- answer{got, err}
	}()
	return out
}

// waiter is a context that tells when someone begins to wait for its end, which
// Fetch does once it has joined a flight.
type waiter struct {
	context.Context
	waiting chan struct{}
	once    *sync.Once
}

func newWaiter(ctx context.Context) waiter {
	return waiter{ctx, make(chan struct{}), &sync.Once{}}
}

func (w waiter) Done() <-chan struct{} {
	w.once.Do(func() { close(w.waiting) })
	return w.Context.Done()
}
