package cutover

import (
	"context"
	"errors"
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

	"nof0/atlas/atlastest"
	"nof0/cachelayer"
	"nof0/config"
	"nof0/internal/arena"
	"nof0/internal/catalogue"
	"nof0/internal/cutover/jsonstore"
	"nof0/internal/importer"
	"nof0/internal/season"
	"nof0/internal/testdb"
	"nof0/internal/wire/wiretest"
	"nof0/repository"
)

// moving are modes that move while they are asked for.
type moving struct{ modes atomic.Pointer[arena.Modes] }

func (m *moving) of(arena.Domain) arena.Modes { return *m.modes.Load() }

func (m *moving) to(read arena.ReadMode) {
	m.modes.Store(&arena.Modes{Read: read, Write: arena.WriteBoth})
}

// tellingTrades is a directory whose rows all say whose they are.
func tellingTrades(t *testing.T, dir, whose string, count int) {
	t.Helper()
	rows := make([]string, count)
	for i := range rows {
		rows[i] = fmt.Sprintf(`{"id":"m_%s_%02d","whose":%q,"model_id":"m","symbol":"SOL","side":"short","quantity":-1,"entry_oid":7,`+
			`"entry_time":100,"exit_time":%d,"entry_price":200,"exit_price":190.5,"realized_net_pnl":-1.25}`, whose, i, whose, 200+i)
	}
	body := []byte(`{"trades":[` + strings.Join(rows, ",") + `],"serverTime":1761452335744}`)
	tmp := filepath.Join(dir, ".trades")
	require.NoError(t, os.WriteFile(tmp, body, 0o600))
	require.NoError(t, os.Rename(tmp, filepath.Join(dir, "trades.json")))
}

type bundle struct {
	dir      string
	answers  *answers
	switches *moving
	offered  atomic.Int64
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{dir: t.TempDir(), switches: &moving{}}
	b.switches.to(arena.ReadJSON)
	tellingTrades(t, b.dir, "store", 40)
	store, err := repository.Open(t.Context(), repository.Options{DSN: testdb.New(t, atlastest.Migrator{}), MaxOpen: 10})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	_, err = importer.Import(t.Context(), b.dir, importer.Options{
		Bounds: wiretest.Bounds(), Now: time.Now, Store: store, PrimaryProvider: "hyperliquid",
	})
	require.NoError(t, err)
	tellingTrades(t, b.dir, "json", 40)
	b.answers = over(t, b.dir, arena.NewStore(store.Repositories, "hyperliquid", time.Now))
	b.answers.modes = b.switches.of
	b.answers.offer = func(context.Context, arena.Domain, arena.Request) { b.offered.Add(1) }
	return b
}

// over answers from a directory and a store.
func over(t testing.TB, dir string, store *arena.Store) *answers {
	t.Helper()
	cfg := config.Default()
	cfg.Cache.StaleAfter = 0 // a busy machine takes long, and tests wait
	client, err := cachelayer.Open("", cfg.Redis, cachelayer.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	cache, err := cachelayer.New(client, cfg.Cache, cachelayer.Options{})
	require.NoError(t, err)
	t.Cleanup(cache.Close)
	service, err := arena.NewService(arena.ServiceOptions{
		Store: store, Cache: cache, TTLs: cfg.Cache, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	require.NoError(t, err)
	return &answers{
		service: service, now: time.Now,
		files: jsonstore.NewSource(jsonstore.SourceOptions{Dir: dir, PrimaryProvider: "hyperliquid", Now: time.Now}),
	}
}

// TestNoAnswerMixesSources asks while the switch moves all the time: every row
// of an answer is of the source that it names.
func TestNoAnswerMixesSources(t *testing.T) {
	t.Parallel()
	b := setup(t)
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
				answer, err := b.answers.Answer(t.Context(), arena.Request{View: catalogue.ViewTrades})
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
	b := setup(t)
	ask := func() *arena.Answer {
		t.Helper()
		answer, err := b.answers.Answer(t.Context(), arena.Request{View: catalogue.ViewTrades})
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
	_, err := b.answers.Answer(t.Context(), arena.Request{View: catalogue.ViewTrades})
	require.ErrorIs(t, err, arena.ErrUnavailable)
}

// TestWhatFilesCannotHold asks for each view that the directory cannot hold, while its
// domain is read from there and from the store.
func TestWhatFilesCannotHold(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, v := range catalogue.Views() {
		if !v.NotInFiles {
			continue
		}
		req := arena.Request{View: v.Name, Model: "m", Symbol: "SOL"}
		for _, mode := range []arena.ReadMode{arena.ReadJSON, arena.ReadShadow} {
			b.switches.to(mode)
			_, err := b.answers.Answer(t.Context(), req)
			absent, ok := errors.AsType[*arena.NotInFilesError](err)
			require.True(t, ok, "%s: %v", v.Name, err)
			require.Equal(t, v.Domain, absent.Domain)
		}
		b.switches.to(arena.ReadStore)
		_, err := b.answers.Answer(t.Context(), req)
		_, ok := errors.AsType[*arena.NotInFilesError](err)
		require.False(t, ok, "%s: the store is asked", v.Name)
	}
}

// TestTheShadowIsOfferedWhatItCompares holds that only answers of domains in
// shadow are.
func TestTheShadowIsOfferedWhatItCompares(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for read, want := range map[arena.ReadMode]int64{arena.ReadJSON: 0, arena.ReadStore: 0, arena.ReadShadow: 1} {
		b.switches.to(read)
		b.offered.Store(0)
		answer, err := b.answers.Answer(t.Context(), arena.Request{View: catalogue.ViewTrades})
		require.NoError(t, err)
		require.Equal(t, read == arena.ReadStore, answer.Origin == "store")
		require.Equal(t, want, b.offered.Load(), read)
	}
	b.switches.to(arena.ReadShadow)
	b.offered.Store(0)
	_, err := b.answers.Answer(t.Context(), arena.Request{View: catalogue.ViewAnalyticsOf, Model: "nobody"})
	require.Error(t, err)
	require.Zero(t, b.offered.Load(), "there is nothing to compare with")
}

// BenchmarkFilesUnchanged measures an answer of files that are what they were.
func BenchmarkFilesUnchanged(b *testing.B) {
	made, err := season.Generate(b.Context(), season.Options{Seed: 1, Models: season.DefaultModels, Hours: season.DefaultHours})
	require.NoError(b, err)
	dir := b.TempDir()
	_, err = made.Write(b.Context(), dir)
	require.NoError(b, err)
	switches := &moving{}
	switches.to(arena.ReadJSON)
	from := over(b, dir, nil)
	from.modes = switches.of
	for _, view := range []catalogue.ViewName{catalogue.ViewTrades, catalogue.ViewAnalytics, catalogue.ViewPositions, catalogue.ViewAccountTotals} {
		b.Run(string(view), func(b *testing.B) {
			for b.Loop() {
				if _, err := from.Answer(b.Context(), arena.Request{View: view}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
