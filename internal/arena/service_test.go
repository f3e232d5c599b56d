package arena_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/cachelayer"
	"nof0/config"
	"nof0/internal/arena"
	"nof0/internal/cutover/jsonstore"
	"nof0/internal/importer"
	"nof0/internal/season"
	"nof0/internal/wire/wiretest"
)

// moving are modes that move while they are asked for.
type moving struct{ modes atomic.Pointer[arena.Modes] }

func (m *moving) Modes(arena.Domain) arena.Modes { return *m.modes.Load() }

func (m *moving) to(read arena.ReadMode) {
	m.modes.Store(&arena.Modes{Read: read, Write: arena.WriteBoth})
}

// offers counts what a shadow is offered.
type offers struct{ n atomic.Int64 }

func (o *offers) Offer(context.Context, arena.Domain, arena.Request) { o.n.Add(1) }

// tellingTrades is a directory whose rows all say whose they are.
func tellingTrades(t *testing.T, dir, whose string, count int) {
	t.Helper()
	rows := make([]string, count)
	for i := range rows {
		rows[i] = strings.Replace(trade(fmt.Sprintf("m_%s_%02d", whose, i), 7, "-1", 200+i), `"model_id"`, fmt.Sprintf(`"whose":%q,"model_id"`, whose), 1)
	}
	body := []byte(`{"trades":[` + strings.Join(rows, ",") + `],"serverTime":1761452335744}`)
	tmp := filepath.Join(dir, ".trades")
	require.NoError(t, os.WriteFile(tmp, body, 0o600))
	require.NoError(t, os.Rename(tmp, filepath.Join(dir, "trades.json")))
}

type serviceBundle struct {
	*intakeBundle

	dir      string
	service  *arena.Service
	switches *moving
	shadow   *offers
}

func setupService(t *testing.T) *serviceBundle {
	t.Helper()
	b := &serviceBundle{intakeBundle: setupIntake(t), dir: t.TempDir(), switches: &moving{}, shadow: &offers{}}
	b.switches.to(arena.ReadJSON)
	tellingTrades(t, b.dir, "store", 40)
	_, err := importer.Import(t.Context(), b.dir, importer.Options{
		Bounds: wiretest.Bounds(), Now: time.Now, Store: b.store, PrimaryProvider: "hyperliquid",
	})
	require.NoError(t, err)
	tellingTrades(t, b.dir, "json", 40)

	cfg := config.Default()
	client, err := cachelayer.Open("", cfg.Redis, cachelayer.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	cache, err := cachelayer.New(client, cfg.Cache, cachelayer.Options{})
	require.NoError(t, err)
	t.Cleanup(cache.Close)
	b.service, err = arena.NewService(arena.ServiceOptions{
		JSON:  jsonstore.NewSource(jsonstore.SourceOptions{Dir: b.dir, PrimaryProvider: "hyperliquid", Now: time.Now}),
		Store: arena.NewStore(b.store.Repositories, "hyperliquid", time.Now), Switches: b.switches, Shadow: b.shadow,
		Cache: cache, TTLs: cfg.Cache, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	require.NoError(t, err)
	return b
}

// TestNoAnswerMixesSources asks while the switch moves all the time: every row
// of an answer is of the source that it names.
func TestNoAnswerMixesSources(t *testing.T) {
	t.Parallel()
	b := setupService(t)
	stop := make(chan struct{})
	var flipping, asking sync.WaitGroup
	flipping.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				b.switches.to([]arena.ReadMode{arena.ReadJSON, arena.ReadShadow, arena.ReadStore}[i%3])
			}
		}
	})
	var by sync.Map
	for range 8 {
		asking.Go(func() {
			for range 300 {
				answer, err := b.service.Answer(t.Context(), arena.Request{View: arena.ViewTrades})
				if err != nil {
					t.Error(err)
					return
				}
				n, _ := by.LoadOrStore(answer.Origin, new(atomic.Int64))
				n.(*atomic.Int64).Add(1)
				if own := strings.Count(string(answer.Body), `"whose":"`+answer.Origin+`"`); own != 40 ||
					strings.Count(string(answer.Body), `"whose":`) != 40 {
					t.Errorf("%d of 40 rows are of %s: %.500s", own, answer.Origin, answer.Body)
					return
				}
			}
		})
	}
	asking.Wait()
	close(stop)
	flipping.Wait()
	for _, origin := range []string{"json", "store"} {
		n, ok := by.Load(origin)
		require.True(t, ok, origin)
		require.Positive(t, n.(*atomic.Int64).Load())
	}
}

// TestChangedFilesAreSeenAtOnce holds that an answer of the files is kept for as
// long as they are what they were, and no longer.
func TestChangedFilesAreSeenAtOnce(t *testing.T) {
	t.Parallel()
	b := setupService(t)
	ask := func() *arena.Answer {
		t.Helper()
		answer, err := b.service.Answer(t.Context(), arena.Request{View: arena.ViewTrades})
		require.NoError(t, err)
		return answer
	}
	for i := range 50 {
		tellingTrades(t, b.dir, "json", 1+i%2) // of one size every other time
		require.Equal(t, 1+i%2, strings.Count(string(ask().Body), `"whose":"json"`))
	}
	// Older than anything that could still change unseen.
	old := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(filepath.Join(b.dir, "trades.json"), old, old))
	first := ask()
	require.Same(t, &first.Body[0], &ask().Body[0], "what has not changed is not rendered again")

	require.NoError(t, os.Remove(filepath.Join(b.dir, "trades.json")))
	_, err := b.service.Answer(t.Context(), arena.Request{View: arena.ViewTrades})
	require.ErrorIs(t, err, arena.ErrUnavailable)
}

// TestTheShadowIsOfferedWhatItCompares holds that only answers of domains in
// shadow are.
func TestTheShadowIsOfferedWhatItCompares(t *testing.T) {
	t.Parallel()
	b := setupService(t)
	for read, want := range map[arena.ReadMode]int64{arena.ReadJSON: 0, arena.ReadStore: 0, arena.ReadShadow: 1} {
		b.switches.to(read)
		b.shadow.n.Store(0)
		answer, err := b.service.Answer(t.Context(), arena.Request{View: arena.ViewTrades})
		require.NoError(t, err)
		require.Equal(t, read == arena.ReadStore, answer.Origin == "store")
		require.Equal(t, want, b.shadow.n.Load(), read)
	}
	b.switches.to(arena.ReadShadow)
	b.shadow.n.Store(0)
	_, err := b.service.Answer(t.Context(), arena.Request{View: arena.ViewAnalyticsOf, Model: "nobody"})
	require.Error(t, err)
	require.Zero(t, b.shadow.n.Load(), "there is nothing to compare with")
}

// BenchmarkFilesUnchanged measures an answer of files that are what they were.
func BenchmarkFilesUnchanged(b *testing.B) {
	dir := writeSeason(b, season.Options{Seed: 1, Models: season.DefaultModels, Hours: season.DefaultHours})
	cfg := config.Default()
	client, err := cachelayer.Open("", cfg.Redis, cachelayer.Options{})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, client.Close()) })
	cache, err := cachelayer.New(client, cfg.Cache, cachelayer.Options{})
	require.NoError(b, err)
	b.Cleanup(cache.Close)
	switches := &moving{}
	switches.to(arena.ReadJSON)
	service, err := arena.NewService(arena.ServiceOptions{
		JSON:     jsonstore.NewSource(jsonstore.SourceOptions{Dir: dir, PrimaryProvider: "hyperliquid", Now: time.Now}),
		Switches: switches, Cache: cache, TTLs: cfg.Cache, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	require.NoError(b, err)
	for _, view := range []arena.View{arena.ViewTrades, arena.ViewAnalytics, arena.ViewPositions, arena.ViewAccountTotals} {
		b.Run(string(view), func(b *testing.B) {
			for b.Loop() {
				if _, err := service.Answer(b.Context(), arena.Request{View: view}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
