package cachelayer

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"nof0/config"
	"nof0/internal/await"
)

func TestOpenRefusesDelaysWithoutABound(t *testing.T) {
	t.Parallel()
	_, err := Open("redis://127.0.0.1:1", config.Redis{}, Options{})
	require.ErrorIs(t, err, ErrBadConfig)
	for _, name := range []string{"dial_timeout", "read_timeout", "write_timeout", "pool_timeout", "breaker_failures", "breaker_open"} {
		require.ErrorContains(t, err, name)
	}
	_, err = New(&Client{}, config.Cache{}, Options{})
	require.ErrorIs(t, err, ErrBadConfig)
	_, err = Open("redis://127.0.0.1:1?read_timeout=never", config.Default().Redis, Options{})
	require.ErrorIs(t, err, config.ErrRedisURL)
}

func TestURLDoesNotLoosenTheTimeouts(t *testing.T) {
	t.Parallel()
	cfg := config.Default().Redis
	cfg.MaxRetries = 0
	const loose = "read_timeout=1h&dial_timeout=1h&write_timeout=1h&max_retries=9&pool_size=9"
	for _, url := range []string{"redis://h:1?" + loose, "redis://h:1,h:2?" + loose, "redis://h:1?master_name=m&" + loose} {
		addr, err := config.ParseRedisURL(url, "")
		require.NoError(t, err)
		var options any = addr.Node
		switch {
		case addr.Cluster != nil:
			options = addr.Cluster
		case addr.Sentinel != nil:
			options = addr.Sentinel
		}
		tune(options, cfg, nil, nil)
		for name, want := range map[string]any{
			"ReadTimeout": cfg.ReadTimeout, "DialTimeout": cfg.DialTimeout, "WriteTimeout": cfg.WriteTimeout, "PoolSize": cfg.PoolSize,
			"MaxRetries": -1, // go-redis reads 0 as three
		} {
			require.Equal(t, want, reflect.ValueOf(options).Elem().FieldByName(name).Interface(), "%s of %T", name, options)
		}
	}
}

func TestOneNodeHasItsDatabase(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	p := newProcess(t, s.url()+"/3")
	pg := newSource("one")
	p.fetch(t, pg.load)
	require.Zero(t, s.raw.DBSize(t.Context()).Val())
	require.Contains(t, s.raw.Info(t.Context(), "keyspace").Val(), "db3:keys=3")
}

func TestMetricsAreRegisteredOnce(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	reg := prometheus.NewPedanticRegistry()
	cfg := testConfig()
	cfg.Redis.BreakerOpen = time.Hour
	client, err := Open(s.url(), cfg.Redis, Options{Registerer: reg})
	require.NoError(t, err)
	defer client.Close()
	cache, err := New(client, cfg.Cache, Options{Registerer: reg})
	require.NoError(t, err)
	defer cache.Close()
	require.Panics(t, func() { _, _ = New(client, cfg.Cache, Options{Registerer: reg}) })
	require.Panics(t, func() { _, _ = Open(s.url(), cfg.Redis, Options{Registerer: reg}) })

	pg := newSource("one")
	for range 3 {
		_, err := Fetch(t.Context(), cache, testKey(), pg.load)
		require.NoError(t, err)
	}
	require.Equal(t, 1, count(cache.metrics.misses))
	require.Equal(t, 2, count(cache.metrics.hits, levelLocal))
	problems, err := testutil.GatherAndLint(reg)
	require.NoError(t, err)
	require.Empty(t, problems)

	require.Zero(t, breakerGauge(t, reg))
	s.Kill()
	await.True(t, func() bool { return errors.Is(client.Ping(t.Context()), ErrUnavailable) && breakerGauge(t, reg) == 2 })
}

func breakerGauge(t *testing.T, reg *prometheus.Registry) float64 {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() == "nof0_redis_breaker_state" {
			return family.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatal("no breaker gauge")
	return 0
}

func TestOptionsHaveDefaults(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	cfg := testConfig()
	client, err := Open(s.url(), cfg.Redis, Options{})
	require.NoError(t, err)
	defer client.Close()
	cache, err := New(client, cfg.Cache, Options{})
	require.NoError(t, err)
	defer cache.Close()
	pg := newSource("one")
	for range 3 {
		got, err := Fetch(t.Context(), cache, testKey(), pg.load)
		require.NoError(t, err)
		require.Equal(t, "one", got.Text)
	}
	require.Equal(t, 1, pg.loads())
	one, other := cache.newToken(), cache.newToken()
	require.NotEqual(t, one, other)
	require.Len(t, one, tokenLen)
}
