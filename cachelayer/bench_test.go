package cachelayer

import (
	"context"
	"log/slog"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"
)

// rows is a decoded value of a season: about 5 MB of JSON.
func rows() []map[string]float64 {
	out := make([]map[string]float64, 20_000)
	for i := range out {
		row := make(map[string]float64, 10)
		for j := range 10 {
			row["column_"+strconv.Itoa(j)] = float64(i*j) / 7
		}
		out[i] = row
	}
	return out
}

func benchmarkFetch[T any](b *testing.B, value T, localTTL time.Duration, between func(*clock)) {
	b.Helper()
	_, err := exec.LookPath("redis-server")
	require.NoError(b, err)
	dir := b.TempDir()
	socket := dir + "/redis.sock"
	cmd := exec.Command("redis-server", "--port", "0", "--unixsocket", socket, "--dir", dir, "--save", "")
	require.NoError(b, cmd.Start())
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	cfg := testConfig()
	cfg.Cache.LocalTTL = localTTL
	now := newClock()
	opts := Options{Now: now.Now, Logger: slog.New(slog.DiscardHandler)}
	client, err := Open("unix://"+socket, cfg.Redis, opts)
	require.NoError(b, err)
	for client.Ping(b.Context()) != nil {
		time.Sleep(time.Millisecond)
	}
	cache, err := New(client, cfg.Cache, opts)
	require.NoError(b, err)
	load := func(context.Context) (T, error) { return value, nil }
	key := testKey()
	key.TTL = time.Hour
	_, err = Fetch(b.Context(), cache, key, load)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Fetch(b.Context(), cache, key, load); err != nil {
			b.Fatal(err)
		}
		between(now)
	}
	cache.Close()
	require.NoError(b, client.Close())
}

func BenchmarkFetch(b *testing.B) {
	still := func(*clock) {}
	nextSecond := func(c *clock) { c.Advance(time.Second) }
	rendered := jsontext.Value(`"` + strings.Repeat("x", 5<<20) + `"`)

	b.Run("memory", func(b *testing.B) { benchmarkFetch(b, rows(), time.Second, still) })
	b.Run("unchanged in Redis", func(b *testing.B) { benchmarkFetch(b, rows(), time.Second, nextSecond) })
	b.Run("Redis/small", func(b *testing.B) { benchmarkFetch(b, note{Text: "x"}, 0, still) })
	b.Run("Redis/5MB decoded", func(b *testing.B) { benchmarkFetch(b, rows(), 0, still) })
	b.Run("Redis/5MB rendered", func(b *testing.B) { benchmarkFetch(b, rendered, 0, still) })
}
