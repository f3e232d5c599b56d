package arena_test

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/atlas/atlastest"
	"nof0/internal/arena"
	"nof0/internal/captures"
	"nof0/internal/cutover/jsonstore"
	"nof0/internal/importer"
	"nof0/internal/season"
	"nof0/internal/testdb"
	"nof0/internal/wire"
	"nof0/internal/wire/wiretest"
	"nof0/repository"
)

const benchmark = "buynhold_btc"

// TestSourcesOfACapture runs one suite against both sources of the same data.
func TestSourcesOfACapture(t *testing.T) {
	t.Parallel()
	data := map[string]string{
		captures.Earlier.Name: captures.Earlier.Dir(t),
		"season":              writeSeason(t, season.Options{Seed: 11, Models: 5, Hours: 60}),
	}
	for name, dir := range data {
		sources := map[string]arena.Source{
			"json": jsonstore.NewSource(jsonstore.SourceOptions{
				Dir: dir, PrimaryProvider: "hyperliquid", Benchmarks: []string{benchmark}, Now: time.Now,
			}),
			"store": storeOf(t, dir),
		}
		for kind, source := range sources {
			t.Run(name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				conform(t, source)
			})
		}
		t.Run(name+"/same answers", func(t *testing.T) {
			t.Parallel()
			requireSameAnswers(t, sources["json"], sources["store"])
		})
	}
}

func writeSeason(t testing.TB, o season.Options) string {
	t.Helper()
	s, err := season.Generate(t.Context(), o)
	require.NoError(t, err)
	dir := t.TempDir()
	_, err = s.Write(t.Context(), dir)
	require.NoError(t, err)
	return dir
}

func storeOf(t *testing.T, dir string) *arena.Store {
	t.Helper()
	store, err := repository.Open(t.Context(), repository.Options{DSN: testdb.New(t, atlastest.Migrator{}), MaxOpen: 5})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	_, err = importer.Import(t.Context(), dir, importer.Options{
		Bounds: wiretest.Bounds(), Now: time.Now,
		Store: store, PrimaryProvider: "hyperliquid", Benchmarks: []string{benchmark},
	})
	require.NoError(t, err)
	return arena.NewStore(store.Repositories, "hyperliquid", time.Now)
}

// conform holds a source to what arena.Source promises, whatever its data.
func conform(t *testing.T, s arena.Source) {
	t.Helper()
	ctx := t.Context()

	prices, err := s.CryptoPrices(ctx)
	require.NoError(t, err)
	require.NotEmpty(t, prices.Prices)
	require.Positive(t, prices.ServerTime)
	for symbol, p := range prices.Prices {
		require.Equal(t, symbol, p.Symbol)
	}

	totals, err := s.AccountTotals(ctx, 0)
	require.NoError(t, err)
	seen := map[[2]any]bool{}
	for _, row := range totals.AccountTotals {
		key := [2]any{row.ModelID, row.SinceInceptionHourlyMarker}
		require.False(t, seen[key], "one row per model and hourly marker: %v", key)
		seen[key] = true
		require.LessOrEqual(t, row.SinceInceptionHourlyMarker, totals.LastHourlyMarkerRead)
	}
	for _, from := range []int64{1, totals.LastHourlyMarkerRead, totals.LastHourlyMarkerRead + 1} {
		part, err := s.AccountTotals(ctx, from)
		require.NoError(t, err)
		require.NotNil(t, part.AccountTotals)
		require.Equal(t, totals.LastHourlyMarkerRead, part.LastHourlyMarkerRead)
		want := slices.DeleteFunc(slices.Clone(totals.AccountTotals), func(r wire.AccountTotal) bool {
			return r.SinceInceptionHourlyMarker < from
		})
		require.Len(t, part.AccountTotals, len(want), "markers from %d on, inclusive", from)
	}

	trades, err := s.Trades(ctx)
	require.NoError(t, err)
	perModel := map[string][]wire.Trade{}
	for _, trade := range trades.Trades {
		perModel[trade.ModelID] = append(perModel[trade.ModelID], trade)
	}
	for model, list := range perModel {
		require.LessOrEqual(t, len(list), arena.RecentTrades, model)
		require.True(t, slices.IsSortedFunc(list, func(a, b wire.Trade) int {
			return cmp.Or(cmp.Compare(b.ExitTime, a.ExitTime), cmp.Compare(b.ID, a.ID))
		}), "trades of %s: newest exit first, ties by id descending", model)
	}

	positions, err := s.Positions(ctx, 0)
	require.NoError(t, err)
	for _, m := range positions.AccountTotals {
		require.NotEqual(t, benchmark, m.ModelID)
		require.NotNil(t, m.Positions, "a competitor without open positions has {}")
		for symbol, p := range m.Positions {
			require.Equal(t, symbol, p.Symbol)
		}
	}
	two, err := s.Positions(ctx, 2)
	require.NoError(t, err)
	require.Len(t, two.AccountTotals, 2)

	board, err := s.Leaderboard(ctx)
	require.NoError(t, err)
	require.Len(t, board.Leaderboard, len(positions.AccountTotals), "every competitor")
	require.True(t, slices.IsSortedFunc(board.Leaderboard, func(a, b wire.LeaderboardRow) int {
		return cmp.Compare(b.ReturnPct.Or(-100), a.ReturnPct.Or(-100))
	}), "by return descending")

	documents, err := s.Analytics(ctx)
	require.NoError(t, err)
	for _, raw := range documents.Analytics {
		doc, err := wire.Decode[wire.AnalyticsDoc](raw)
		require.NoError(t, err)
		one, err := s.AnalyticsOf(ctx, doc.ModelID)
		require.NoError(t, err)
		require.Len(t, one.Analytics, 1)
		require.JSONEq(t, string(raw), string(one.Analytics[0]))
	}
	_, err = s.AnalyticsOf(ctx, "nope")
	require.ErrorIs(t, err, arena.ErrUnknownModel)
	require.NotErrorIs(t, err, arena.ErrUnavailable)

	talks, err := s.Conversations(ctx)
	require.NoError(t, err)
	require.LessOrEqual(t, len(talks.Conversations), arena.RecentConversations)
	require.True(t, slices.IsSortedFunc(talks.Conversations, func(a, b wire.Document) int {
		return cmp.Compare(b.Timestamp(), a.Timestamp())
	}), "newest first")

	inceptions, err := s.SinceInception(ctx)
	require.NoError(t, err)
	require.NotEmpty(t, inceptions.SinceInceptionValues)
}

// requireSameAnswers compares two sources of the same data view by view. The
// leaderboard of a live capture is stale, so it is not among them.
func requireSameAnswers(t *testing.T, a, b arena.Source) {
	t.Helper()
	ctx := t.Context()
	for name, ask := range map[string]func(arena.Source) (any, error){
		"prices":    func(s arena.Source) (any, error) { v, err := s.CryptoPrices(ctx); v.ServerTime = 0; return v, err },
		"totals":    func(s arena.Source) (any, error) { v, err := s.AccountTotals(ctx, 7); v.ServerTime = 0; return v, err },
		"trades":    func(s arena.Source) (any, error) { v, err := s.Trades(ctx); v.ServerTime = 0; return v, err },
		"inception": func(s arena.Source) (any, error) { v, err := s.SinceInception(ctx); v.ServerTime = 0; return v, err },
		"analytics": func(s arena.Source) (any, error) {
			v, err := s.Analytics(ctx)
			return withDocument(t, s, v.Analytics), err
		},
		"models":        func(s arena.Source) (any, error) { v, err := s.Models(ctx); v.ServerTime = 0; return v, err },
		"symbols":       func(s arena.Source) (any, error) { v, err := s.Symbols(ctx); v.ServerTime = 0; return v, err },
		"positions":     func(s arena.Source) (any, error) { v, err := s.Positions(ctx, 0); v.ServerTime = 0; return v, err },
		"conversations": func(s arena.Source) (any, error) { v, err := s.Conversations(ctx); v.ServerTime = 0; return v, err },
	} {
		left, err := ask(a)
		require.NoError(t, err, name)
		right, err := ask(b)
		require.NoError(t, err, name)
		x, err := wire.Marshal(left)
		require.NoError(t, err)
		y, err := wire.Marshal(right)
		require.NoError(t, err)
		require.JSONEq(t, string(x), string(y), name)
	}
}
