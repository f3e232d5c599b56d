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
	"nof0/internal/testdb"
)

// TestLargeSeasonIsStreamed holds that a document that is streamed from its
// segments is the one that is put together in memory.
func TestLargeSeasonIsStreamed(t *testing.T) {
	t.Parallel()
	store := storeOf(t, writeSeason(t))
	now := time.Now()
	service := func(largeBody int) *arena.Service { // each with a Redis of its own
		cfg := config.Default()
		cache := func(url string) *cachelayer.Cache {
			client, err := cachelayer.Open(url, cfg.Redis, cachelayer.Options{})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, client.Close()) })
			c, err := cachelayer.New(client, cfg.Cache, cachelayer.Options{})
			require.NoError(t, err)
			t.Cleanup(c.Close)
			return c
		}
		s, err := arena.NewService(arena.ServiceOptions{
			Store: store, Switches: fixedModes{Read: arena.ReadStore, Write: arena.WriteStore},
			Cache: cache(testdb.Redis(t)), Local: cache(""), TTLs: cfg.Cache, LargeBody: largeBody,
			Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return now },
		})
		require.NoError(t, err)
		return s
	}
	whole, parts := service(0), service(1)
	for _, from := range []int64{0, 1, 24, 30, 59, 60} {
		req := arena.Request{View: arena.ViewAccountTotals, FromMarker: from}
		want, err := whole.Answer(t.Context(), req)
		require.NoError(t, err)
		require.Nil(t, want.Stream)

		got, err := parts.Answer(t.Context(), req)
		require.NoError(t, err)
		require.Equal(t, want.ETag, got.ETag)
		if from == 60 { // past the end there is nothing to stream
			require.JSONEq(t, string(want.Body), string(got.Body))
			continue
		}
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

// fixedModes are those of every domain.
type fixedModes arena.Modes

func (m fixedModes) Modes(arena.Domain) arena.Modes { return arena.Modes(m) }
