package importer_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/atlas/atlastest"
	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/cutover/jsonstore"
	"nof0/internal/export"
	"nof0/internal/importer"
	"nof0/internal/testdb"
	"nof0/internal/wire"
	"nof0/internal/wire/wiretest"
	"nof0/repository"
)

const benchmark = "hodl"

// directory writes the files of a capture.
func directory(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, body := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".json"), []byte(body), 0o600))
	}
	return dir
}

// many writes the rows of a file, one for each model.
func many(member, row string, at int, models ...string) string {
	rows := make([]string, len(models))
	for i, model := range models {
		rows[i] = strings.ReplaceAll(row, "MODEL", model)
	}
	return fmt.Sprintf(`{%q:[%s],"serverTime":%d000}`, member, strings.Join(rows, ","), at)
}

const (
	inceptionRow = `{"model_id":"MODEL","nav_since_inception":10000,"inception_date":1761000000}`
	positionsRow = `{"model_id":"MODEL","positions":{}}`
	metricsRow   = `{"model_id":"MODEL","updated_at":1761000001}`
	boardRow     = `{"id":"MODEL","equity":9000,"return_pct":-10,"num_trades":0,"num_wins":0,"num_losses":0,"win_dollars":0,"lose_dollars":0,"sharpe":0}`
)

func open(t *testing.T, dsn string) *repository.Store {
	t.Helper()
	store, err := repository.Open(t.Context(), repository.Options{DSN: dsn, MaxOpen: 2})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return store
}

func take(t *testing.T, store *repository.Store, dir string) {
	t.Helper()
	report, err := importer.Import(t.Context(), dir, importer.Options{
		Store: store, PrimaryProvider: "hyperliquid", Benchmarks: []string{benchmark}, Bounds: wiretest.Bounds(), Now: time.Now,
	})
	require.NoError(t, err)
	require.Zero(t, report.Rejected(), "%+v", report)
}

// lists are the models in the order of each list of a source. The curves are of
// the store alone.
func lists(t *testing.T, s arena.Source) map[string][]string {
	t.Helper()
	of := map[string][]string{}
	positions, err := s.Positions(t.Context(), 0)
	require.NoError(t, err)
	for _, row := range positions.AccountTotals {
		of["positions"] = append(of["positions"], row.ModelID)
	}
	first, err := s.Positions(t.Context(), 2)
	require.NoError(t, err)
	for _, row := range first.AccountTotals {
		of["first positions"] = append(of["first positions"], row.ModelID)
	}
	inceptions, err := s.SinceInception(t.Context())
	require.NoError(t, err)
	for _, row := range inceptions.SinceInceptionValues {
		of["inceptions"] = append(of["inceptions"], row.ModelID)
	}
	board, err := s.Leaderboard(t.Context())
	require.NoError(t, err)
	for _, row := range board.Leaderboard {
		of["leaderboard"] = append(of["leaderboard"], row.ID)
	}
	metrics, err := s.Analytics(t.Context())
	require.NoError(t, err)
	for _, raw := range metrics.Analytics {
		doc, err := wire.Decode[wire.AnalyticsDoc](raw)
		require.NoError(t, err)
		of["analytics"] = append(of["analytics"], doc.ModelID)
	}
	if store, ok := s.(*arena.Store); ok {
		curves, err := store.EquityCurves(t.Context(), "", arena.Series{})
		require.NoError(t, err)
		for _, curve := range curves.Equity {
			of["curves"] = append(of["curves"], curve.ModelID)
		}
	}
	return of
}

func newStore(s *repository.Store) *arena.Store {
	return arena.NewStore(s.Repositories, "hyperliquid", time.Now)
}

// TestModelsAreListedAsTheyWereCaptured imports three captures, which mention
// other models in other orders, in every order, and expects one order of all
// lists; also of an export, and of what it is imported into.
func TestModelsAreListedAsTheyWereCaptured(t *testing.T) {
	t.Parallel()
	captures := []string{
		// The newest has them by name, and knows one more.
		directory(t, map[string]string{
			"since-inception-values": many("sinceInceptionValues", inceptionRow, 1761000300, "Zeta", "ant", "bee", benchmark, "newest", "zeta"),
			"leaderboard":            many("leaderboard", boardRow, 1761000300, "Zeta", "ant", "bee", "newest", "zeta"),
		}),
		// The oldest knows two.
		directory(t, map[string]string{"leaderboard": many("leaderboard", boardRow, 1761000100, "zeta", "bee")}),
		// The benchmark is amid the others, two are in the positions alone.
		directory(t, map[string]string{
			"since-inception-values": many("sinceInceptionValues", inceptionRow, 1761000200, "zeta", benchmark, "ant"),
			"positions":              many("accountTotals", positionsRow, 1761000200, "über", "zeta", "Zeta", "ant"),
			"analytics":              many("analytics", metricsRow, 1761000200, "ant", "zeta", "über"),
		}),
	}
	competitors := []string{"zeta", "bee", "über", "Zeta", "ant", "newest"}
	inception := []string{"zeta", "bee", "Zeta", "ant", "newest", benchmark}
	want := map[string][]string{
		"positions": competitors, "first positions": competitors[:2], "inceptions": inception,
		"leaderboard": {"zeta", "bee", "Zeta", "ant", "newest", "über"}, // the last has no return
		"analytics":   competitors, "curves": append(competitors[:6:6], benchmark),
	}
	for i, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0, 2, 0, 1}} {
		var dsn string
		if i == 3 {
			dsn = testdb.Collated(t, atlastest.Migrator{}, "und")
		} else {
			dsn = testdb.New(t, atlastest.Migrator{})
		}
		store := open(t, dsn)
		for _, at := range order {
			take(t, store, captures[at])
		}
		require.Equal(t, want, lists(t, newStore(store)), "in the order %v", order)
		if i != 3 {
			continue
		}
		dir := filepath.Join(t.TempDir(), "export")
		_, err := export.Write(t.Context(), dir, export.Options{Store: store, PrimaryProvider: "hyperliquid", Now: time.Now})
		require.NoError(t, err)
		files := jsonstore.NewSource(jsonstore.SourceOptions{
			Dir: dir, PrimaryProvider: "hyperliquid", Benchmarks: []string{benchmark}, Now: time.Now,
		})
		exported := lists(t, files)
		require.Equal(t, want["positions"], exported["positions"])
		require.Equal(t, want["inceptions"], exported["inceptions"])
		require.Equal(t, want["leaderboard"], exported["leaderboard"])
		other := open(t, testdb.New(t, atlastest.Migrator{}))
		take(t, other, dir)
		require.Equal(t, want, lists(t, newStore(other)), "imported elsewhere")
		take(t, store, dir)
		require.Equal(t, want, lists(t, newStore(store)), "its own export again")
	}
}

// TestACaptureThatChangesTheOrderAloneIsAnnounced imports what holds nothing new
// but an earlier mention of models: views have to be made again.
func TestACaptureThatChangesTheOrderAloneIsAnnounced(t *testing.T) {
	t.Parallel()
	capture := func(at int, models ...string) string {
		return directory(t, map[string]string{"analytics": many("analytics", metricsRow, at, models...)})
	}
	store := open(t, testdb.New(t, atlastest.Migrator{}))
	events := func() int {
		waiting, _, err := store.Outbox.Lag(t.Context())
		require.NoError(t, err)
		return int(waiting)
	}
	take(t, store, capture(1761000200, "b", "a"))
	require.Equal(t, 1, events())
	take(t, store, capture(1761000200, "b", "a"))
	require.Equal(t, 1, events(), "nothing has changed")
	take(t, store, capture(1761000300, "a", "b"))
	require.Equal(t, []string{"b", "a"}, lists(t, newStore(store))["analytics"])
	require.Equal(t, 1, events(), "a later mention changes nothing")
	take(t, store, capture(1761000100, "a", "b"))
	require.Equal(t, []string{"a", "b"}, lists(t, newStore(store))["analytics"])
	require.Equal(t, 2, events())
}

// TestModelsThatWereRegisteredStandAmongThoseCaptured registers models, in the
// order of a batch, before and after captures.
func TestModelsThatWereRegisteredStandAmongThoseCaptured(t *testing.T) {
	t.Parallel()
	store := open(t, testdb.New(t, atlastest.Migrator{}))
	put := func(kind string, ids ...string) {
		rows := make([]entities.Model, len(ids))
		for i, id := range ids {
			rows[i] = entities.Model{ID: id, DisplayName: id + kind, Kind: kind}
		}
		require.NoError(t, store.InTx(t.Context(), func(ctx context.Context, tx repository.Repositories) error {
			_, err := tx.Models.Put(ctx, rows)
			return err
		}))
	}
	all := func() (ids []string) {
		models, err := store.Models.All(t.Context())
		require.NoError(t, err)
		for _, m := range models {
			ids = append(ids, m.ID)
		}
		return ids
	}
	put(entities.ModelCompetitor, "w", "c", "m")
	put(entities.ModelBenchmark, "b", "a")
	put(entities.ModelCompetitor, "k", "d")
	require.Equal(t, []string{"w", "c", "m", "k", "d", "b", "a"}, all())
	take(t, store, directory(t, map[string]string{"positions": many("accountTotals", positionsRow, 1761000000, "old", "d", "a")}))
	require.Equal(t, []string{"old", "d", "w", "c", "m", "k", "a", "b"}, all())
	put(entities.ModelCompetitor, "a", "m", "c", "new") // others of them, and in another order
	require.Equal(t, []string{"old", "d", "a", "w", "c", "m", "k", "new", "b"}, all())

	// The JSON store was there before, and some of its models have been registered
	// by writes that came first; its trades are taken over without the inceptions.
	dir := directory(t, map[string]string{
		"since-inception-values": many("sinceInceptionValues", inceptionRow, 1761000000, "k", "y", "w"),
		"trades": many("trades", `{"id":"MODEL_1","model_id":"MODEL","symbol":"BTC","side":"long","quantity":1,
			"entry_time":1761000000,"exit_time":1761000100,"entry_price":1,"exit_price":2,"realized_net_pnl":1}`, 1761000200, "w", "y", "k"),
	})
	require.NoError(t, store.InTx(t.Context(), func(ctx context.Context, tx repository.Repositories) error {
		report, err := importer.ImportInto(ctx, tx, dir, importer.Options{
			PrimaryProvider: "hyperliquid", Bounds: wiretest.Bounds(), Now: time.Now,
			Domains: []arena.Domain{arena.DomainTrades}, CapturedAt: time.Now(),
		})
		require.Zero(t, report.Rejected())
		return err
	}))
	require.Equal(t, []string{"k", "y", "w", "old", "d", "a", "c", "m", "new", "b"}, all())
}
