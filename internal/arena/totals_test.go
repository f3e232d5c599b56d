package arena_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/cachelayer"
	"nof0/config"
	"nof0/internal/arena"
	"nof0/internal/catalogue"
	"nof0/internal/season"
	"nof0/internal/testdb"
)

// TestLargeSeasonIsStreamed holds that a document that is streamed from its
// segments is the one that is put together in memory.
func TestLargeSeasonIsStreamed(t *testing.T) {
	t.Parallel()
	store := storeOf(t, writeSeason(t, season.Options{Seed: 11, Models: 5, Hours: 60}))
	whole, parts := serviceOf(t, store, 0), serviceOf(t, store, 1)
	for _, from := range []int64{0, 1, 24, 30, 59, 60} {
		req := arena.Request{View: catalogue.ViewAccountTotals, FromMarker: from}
		want, err := whole.Answer(t.Context(), req)
		require.NoError(t, err)
		require.Nil(t, want.Stream)

		got, err := parts.Answer(t.Context(), req)
		require.NoError(t, err)
		require.Equal(t, want.ETag, got.ETag)
		require.Nil(t, got.Body)
		var identity, packed bytes.Buffer
		require.NoError(t, got.Stream.Identity(t.Context(), &identity))
		require.JSONEq(t, string(want.Body), identity.String())
		require.NoError(t, got.Stream.Gzip(t.Context(), &packed))
		r, err := gzip.NewReader(&packed)
		require.NoError(t, err)
		plain, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, identity.String(), string(plain))
	}
}

// TestTheRunningHourMayChangeMeanwhile holds that a snapshot that comes while
// the season is being sent fails nobody.
func TestTheRunningHourMayChangeMeanwhile(t *testing.T) {
	t.Parallel()
	b := setupIntake(t)
	snapshot := func(at string) string {
		return `{"model_id":"m","timestamp":` + at + `,"dollar_equity":1,"since_inception_hourly_marker":0}`
	}
	b.send(t, arena.IngestEquity, snapshot("1761452335"))
	s := serviceOf(t, arena.NewStore(b.store.Repositories, "hyperliquid", time.Now), 1)
	answer, err := s.Answer(t.Context(), arena.Request{View: catalogue.ViewAccountTotals})
	require.NoError(t, err)
	b.send(t, arena.IngestEquity, snapshot("1761452336"))
	var sent bytes.Buffer
	require.NoError(t, answer.Stream.Identity(t.Context(), &sent))
	require.Contains(t, sent.String(), "1761452335")
}

// serviceOf answers from a store, through a Redis of its own. Documents above a
// size are streamed.
func serviceOf(t *testing.T, store *arena.Store, largeBody int) *arena.Service {
	t.Helper()
	cfg := config.Default()
	cfg.Cache.StaleAfter = 0 // a busy machine takes long, and tests wait
	client, err := cachelayer.Open(testdb.Redis(t), cfg.Redis, cachelayer.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	cache, err := cachelayer.New(client, cfg.Cache, cachelayer.Options{})
	require.NoError(t, err)
	t.Cleanup(cache.Close)
	now := time.UnixMilli(1761500000000)
	s, err := arena.NewService(arena.ServiceOptions{
		Store: store,
		Cache: cache, TTLs: cfg.Cache, LargeBody: largeBody,
		Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return now },
	})
	require.NoError(t, err)
	return s
}
