package season

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/internal/analytics"
	"nof0/internal/captures"
	"nof0/internal/wire"
)

type raws = map[string]jsontext.Value

func readObject(t *testing.T, path ...string) raws {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(path...))
	require.NoError(t, err)
	return object(t, raw)
}

func object(t *testing.T, raw jsontext.Value) raws {
	t.Helper()
	var o raws
	require.NoError(t, json.Unmarshal(raw, &o))
	return o
}

func list(t *testing.T, raw jsontext.Value) []jsontext.Value {
	t.Helper()
	var l []jsontext.Value
	require.NoError(t, json.Unmarshal(raw, &l))
	return l
}

func writeSeason(t *testing.T, o Options) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "new", "season")
	began := time.Now()
	s := generate(t, o)
	generated := time.Since(began)
	w, err := s.Write(t.Context(), dir)
	require.NoError(t, err)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var size int64
	for _, e := range entries {
		info, err := e.Info()
		require.NoError(t, err)
		size += info.Size()
	}
	require.Equal(t, Written{Files: len(entries), Bytes: size}, w, "and nothing is left behind")
	t.Logf("generated in %v; %d files, %d bytes", generated.Round(time.Millisecond), w.Files, w.Bytes)
	return dir
}

func TestFilesOfACapture(t *testing.T) {
	t.Parallel()
	dir := writeSeason(t, Options{Seed: 1, Models: len(captures.Complete) + 2, Hours: DefaultHours})
	var names []string
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	var captured []string
	entries, err = os.ReadDir(captures.Earlier.Dir(t))
	require.NoError(t, err)
	for _, e := range entries {
		captured = append(captured, e.Name())
	}
	assert.Equal(t, captured, names)
}

func TestEveryRowIsAccepted(t *testing.T) {
	t.Parallel()
	dir := writeSeason(t, Options{Seed: 3})
	accept := func(file, member string, decode func(jsontext.Value) error) {
		rows := list(t, readObject(t, dir, file)[member])
		require.NotEmpty(t, rows, file)
		for _, row := range rows {
			require.NoError(t, decode(row), file)
		}
	}
	accept("trades.json", "trades", func(v jsontext.Value) error { _, err := wire.Decode[wire.Trade](v); return err })
	accept("account-totals.json", "accountTotals", func(v jsontext.Value) error { _, err := wire.Decode[wire.AccountTotal](v); return err })
	accept("positions.json", "accountTotals", func(v jsontext.Value) error { _, err := wire.DecodeModelPositions(v); return err })
	accept("conversations.json", "conversations", func(v jsontext.Value) error { _, err := wire.Decode[wire.Decision](v); return err })
	accept("leaderboard.json", "leaderboard", func(v jsontext.Value) error { _, err := wire.Decode[wire.LeaderboardRow](v); return err })
	accept("since-inception-values.json", "sinceInceptionValues", func(v jsontext.Value) error { _, err := wire.Decode[wire.SinceInception](v); return err })
	accept("analytics.json", "analytics", func(v jsontext.Value) error { _, err := wire.Decode[wire.AnalyticsDoc](v); return err })
	for _, p := range object(t, readObject(t, dir, "crypto-prices.json")["prices"]) {
		_, err := wire.Decode[wire.Price](p)
		require.NoError(t, err)
	}
}

func payload[T any](t *testing.T, dir, file string) T {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, file))
	require.NoError(t, err)
	var v T
	require.NoError(t, wire.Unmarshal(raw, &v))
	return v
}

func TestFilesAgreeWithEachOther(t *testing.T) {
	t.Parallel()
	o := Options{Seed: 4, Hours: DefaultHours}
	dir := writeSeason(t, o)
	facts := generate(t, o).Facts()

	totals := payload[wire.AccountTotals](t, dir, "account-totals.json")
	require.Len(t, totals.AccountTotals, DefaultModels*DefaultHours)
	assert.Equal(t, int64(199), totals.LastHourlyMarkerRead)
	newest := map[string]wire.AccountTotal{}
	for _, row := range totals.AccountTotals {
		newest[row.ModelID] = row
	}

	prices := payload[wire.CryptoPrices](t, dir, "crypto-prices.json")
	positions := payload[wire.Positions](t, dir, "positions.json")
	require.Len(t, positions.AccountTotals, 6)
	for _, m := range positions.AccountTotals {
		row := newest[m.ModelID]
		stated, err := row.ModelPositions()
		require.NoError(t, err)
		assert.Equal(t, stated.Positions, m.Positions, m.ModelID)
		for symbol, p := range m.Positions {
			assert.Equal(t, wire.Some(prices.Prices[symbol].Price), p.CurrentPrice)
		}
	}

	board := payload[wire.Leaderboard](t, dir, "leaderboard.json")
	trades := payload[wire.Trades](t, dir, "trades.json")
	assert.Len(t, trades.Trades, len(facts.Trades), "200 hours are not capped")
	perModel := map[string]int64{}
	for i, tr := range trades.Trades {
		perModel[tr.ModelID]++
		if i > 0 && trades.Trades[i-1].ModelID == tr.ModelID {
			assert.LessOrEqual(t, byExit(tr, trades.Trades[i-1]), 0, "newest exit first")
		}
	}
	require.Len(t, board.Leaderboard, 6)
	for _, row := range board.Leaderboard {
		assert.Equal(t, perModel[row.ID], row.NumTrades)
		assert.Equal(t, wire.Some(newest[row.ID].DollarEquity), row.Equity)
		single := payload[wire.Analytics](t, dir, "analytics-"+row.ID+".json")
		require.Len(t, single.Analytics, 1)
		assert.Contains(t, payload[wire.Analytics](t, dir, "analytics.json").Analytics, single.Analytics[0])
		var doc analytics.Document
		require.NoError(t, wire.Unmarshal(single.Analytics[0], &doc))
		assert.Equal(t, row.NumTrades, doc.OverallTradesOverview.TotalTrades)
	}

	conversations := payload[wire.Conversations](t, dir, "conversations.json")
	require.Len(t, conversations.Conversations, recentConversations)
	for i, doc := range conversations.Conversations {
		assert.Equal(t, facts.Decisions[len(facts.Decisions)-1-i], *doc.Decision)
		assert.Less(t, doc.Decision.InsertedAt.Or(0)*1000, float64(conversations.ServerTime))
	}

	inception := payload[wire.SinceInceptionValues](t, dir, "since-inception-values.json")
	assert.Len(t, inception.SinceInceptionValues, 7)
	served := prices.ServerTime
	for _, at := range []int64{
		totals.ServerTime, trades.ServerTime, positions.ServerTime, board.ServerTime, conversations.ServerTime, inception.ServerTime,
	} {
		assert.Equal(t, served, at)
	}
	assert.Greater(t, float64(served), totals.AccountTotals[len(totals.AccountTotals)-1].Timestamp*1000)
	assert.Greater(t, served, prices.Prices["BTC"].Timestamp)
}

func TestLongSeasonIsCappedToTheNewest(t *testing.T) {
	t.Parallel()
	s := generate(t, Options{Seed: 6, Models: 3, Hours: 900, DecisionEvery: time.Hour})
	facts := s.Facts()
	ofModel := map[string][]wire.Trade{}
	for _, tr := range facts.Trades {
		ofModel[tr.ModelID] = append(ofModel[tr.ModelID], tr)
	}
	got := map[string][]wire.Trade{}
	for _, tr := range newestTrades(facts.Trades) {
		got[tr.ModelID] = append(got[tr.ModelID], tr)
	}
	for _, doc := range s.Analytics() {
		all := ofModel[doc.ModelID]
		require.Greater(t, len(all), recentTrades)
		newest := slices.Clone(all[len(all)-recentTrades:])
		slices.Reverse(newest)
		assert.Equal(t, newest, got[doc.ModelID])
		assert.Equal(t, int64(len(all)), doc.OverallTradesOverview.TotalTrades, "metrics know what the file no longer shows")
	}
}

func TestWriteReplacesAnEarlierSeason(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, seed := range []uint64{1, 2} {
		s := generate(t, Options{Seed: seed, Models: 2, Hours: 5})
		_, err := s.Write(t.Context(), dir)
		require.NoError(t, err)
		raw, err := os.ReadFile(filepath.Join(dir, "account-totals.json"))
		require.NoError(t, err)
		assert.Equal(t, captureBytes(t, s)["account-totals.json"], string(raw))
	}
}

func TestWriteReportsWhatFailed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "trades.json"), 0o755))
	_, err := generate(t, Options{Models: 2, Hours: 2}).Write(t.Context(), dir)
	require.ErrorContains(t, err, "error writing "+filepath.Join(dir, "trades.json"))
	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	require.NoError(t, err)
	assert.Empty(t, left)
}

func BenchmarkGenerate(b *testing.B) {
	for b.Loop() {
		if _, err := Generate(b.Context(), Options{Seed: 1, Models: DefaultModels, Hours: DefaultHours}); err != nil {
			b.Fatal(err)
		}
	}
}
