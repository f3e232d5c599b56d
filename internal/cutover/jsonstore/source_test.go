package jsonstore

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/internal/arena"
	"nof0/internal/captures"
	"nof0/internal/catalogue"
	"nof0/internal/snapshot"
	"nof0/internal/wire"
	"nof0/repository"
)

var answeredAt = time.UnixMilli(1761452335744)

func newSource(dir string) *Source {
	return NewSource(SourceOptions{
		Dir: dir, PrimaryProvider: "hyperliquid", Benchmarks: []string{"buynhold_btc"},
		Now: func() time.Time { return answeredAt },
	})
}

func sourceOf(t testing.TB, files map[string]string) *Source {
	t.Helper()
	return newSource(directory(t, files))
}

func trade(model, id string, exit float64) string {
	return fmt.Sprintf(`{"id":%q,"model_id":%q,"symbol":"BTC","side":"long","quantity":1,"entry_time":0,"exit_time":%v,`+
		`"entry_price":1,"exit_price":2,"realized_net_pnl":0}`, id, model, exit)
}

func equity(model string, marker int, at float64, positions string) string {
	return fmt.Sprintf(`{"model_id":%q,"timestamp":%v,"dollar_equity":1,"since_inception_hourly_marker":%d,"positions":%s}`,
		model, at, marker, positions)
}

func standing(model, rest string) string {
	return fmt.Sprintf(`{"id":%q,"num_trades":0,"num_wins":0,"num_losses":0,"win_dollars":0,"lose_dollars":0,"sharpe":0%s}`, model, rest)
}

func position(symbol string) string {
	return fmt.Sprintf(`{%q:{"symbol":%q,"entry_price":1,"quantity":1}}`, symbol, symbol)
}

func envelope1(member string, rows ...string) string {
	return `{"` + member + `":[` + strings.Join(rows, ",") + `]}`
}

// views asks for every view and renders the answers.
func views(s *Source) map[string]func() (any, error) {
	ctx := context.Background()
	return map[string]func() (any, error){
		"prices":        func() (any, error) { return s.CryptoPrices(ctx) },
		"totals":        func() (any, error) { return s.AccountTotals(ctx, 0) },
		"trades":        func() (any, error) { return s.Trades(ctx) },
		"inception":     func() (any, error) { return s.SinceInception(ctx) },
		"leaderboard":   func() (any, error) { return s.Leaderboard(ctx) },
		"analytics":     func() (any, error) { return s.Analytics(ctx) },
		"analytics of":  func() (any, error) { return s.AnalyticsOf(ctx, "m") },
		"positions":     func() (any, error) { return s.Positions(ctx, 0) },
		"conversations": func() (any, error) { return s.Conversations(ctx) },
	}
}

func render(t testing.TB, payload any, err error) string {
	t.Helper()
	require.NoError(t, err)
	body, err := wire.Marshal(payload)
	require.NoError(t, err)
	return string(body)
}

func ids[T any](rows []T, id func(T) string) []string {
	list := make([]string, len(rows))
	for i, r := range rows {
		list[i] = id(r)
	}
	return list
}

func TestWhatIsMissingIsUnavailable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "file", "")
	for name, place := range map[string]string{
		"empty directory": dir, "no directory": filepath.Join(dir, "nothing"), "a file": filepath.Join(dir, "file"),
	} {
		for view, ask := range views(newSource(place)) {
			_, err := ask()
			require.ErrorIs(t, err, arena.ErrUnavailable, "%s: %s", name, view)
			require.NotErrorIs(t, err, arena.ErrUnknownModel, "%s: %s", name, view)
		}
	}
}

func TestEmptyFilesAreEmptyAnswers(t *testing.T) {
	t.Parallel()
	s := sourceOf(t, map[string]string{
		"crypto-prices.json": `{"prices":{}}`, "account-totals.json": envelope1("accountTotals"), "trades.json": envelope1("trades"),
		"since-inception-values.json": envelope1("sinceInceptionValues"), "leaderboard.json": envelope1("leaderboard"),
		"analytics.json": envelope1("analytics"), "positions.json": envelope1("accountTotals"), "conversations.json": envelope1("conversations"),
	})
	for view, want := range map[string]string{
		"prices": `{"prices":{},"serverTime":1761452335744}`, "totals": `{"accountTotals":[],"lastHourlyMarkerRead":-1,"serverTime":1761452335744}`,
		"trades": `{"trades":[],"serverTime":1761452335744}`, "inception": `{"sinceInceptionValues":[],"serverTime":1761452335744}`,
		"leaderboard": `{"leaderboard":[],"serverTime":1761452335744}`, "analytics": `{"analytics":[],"serverTime":1761452335744}`,
		"positions": `{"accountTotals":[],"serverTime":1761452335744}`, "conversations": `{"conversations":[],"serverTime":1761452335744}`,
	} {
		payload, err := views(s)[view]()
		require.Equal(t, want, render(t, payload, err), view)
	}
	_, err := s.AnalyticsOf(t.Context(), "m")
	require.ErrorIs(t, err, arena.ErrUnknownModel)
	require.NotErrorIs(t, err, arena.ErrUnavailable)
}

// TestARowAtFaultTakesNoOtherDown serves files with a row that cannot be read
// between others, and is told of it once per version of the file.
func TestARowAtFaultTakesNoOtherDown(t *testing.T) {
	t.Parallel()
	const at = `,"timestamp":1}`
	for _, c := range []struct{ file, view, body, bad, sound string }{
		{"crypto-prices.json", "prices", `{"prices":{%s}}`, `"ETH":{"symbol":"ETH","price":0` + at, `"BTC":{"symbol":"BTC","price":1` + at},
		{"crypto-prices.json", "prices", `{"prices":{%s}}`, `"ETH":{"symbol":"BTC","price":2` + at, `"BTC":{"symbol":"BTC","price":1` + at},
		{"account-totals.json", "totals", `{"accountTotals":[%s]}`, equity("m", -1, 1, "{}"), equity("m", 1, 1, "{}")},
		{"account-totals.json", "totals", `{"accountTotals":[%s]}`, `"N/A"`, equity("m", 1, 1, `"N/A"`)},
		{"trades.json", "trades", `{"trades":[%s]}`, trade("m", " a", 1), trade("m", "a", 1)},
		{"trades.json", "trades", `{"trades":[%s]}`, `{"id":"a","id":"b"}`, trade("m", "a", 1)},
		{"since-inception-values.json", "inception", `{"sinceInceptionValues":[%s]}`, "{}", `{"model_id":"m","nav_since_inception":1,"inception_date":1}`},
		{"leaderboard.json", "leaderboard", `{"leaderboard":[%s]}`, `{"id":"m"}`, `{"id":"n","num_trades":1,"num_wins":0,"num_losses":1}`},
		{"analytics.json", "analytics", `{"analytics":[%s]}`, "null", `{"model_id":"m"}`},
		{"analytics-m.json", "analytics", `{"analytics":[%s]}`, `{"model_id":"n"}`, `{"model_id":"m"}`},
		{"positions.json", "positions", `{"accountTotals":[%s]}`, `{"model_id":"m","positions":[]}`, `{"model_id":"n","positions":{}}`},
		{"conversations.json", "conversations", `{"conversations":[%s]}`, `{"messages":1}`, `{"id":"d","model_id":"m","timestamp":1}`},
	} {
		want, err := views(sourceOf(t, map[string]string{c.file: fmt.Sprintf(c.body, c.sound)}))[c.view]()
		sound := render(t, want, err)
		for _, rows := range []string{c.bad + "," + c.sound, c.sound + "," + c.bad} {
			dir := directory(t, map[string]string{c.file: fmt.Sprintf(c.body, rows)})
			told := make(map[string][]snapshot.RowFault)
			s := NewSource(SourceOptions{
				Dir: dir, PrimaryProvider: "hyperliquid", Now: func() time.Time { return answeredAt },
				Faulty: func(file string, faults []snapshot.RowFault) { told[file] = append(told[file], faults...) },
			})
			for range 3 {
				got, err := views(s)[c.view]()
				require.Equal(t, sound, render(t, got, err), "%s: %s", c.file, rows)
			}
			require.Len(t, told[c.file], 1, "%s: %s", c.file, rows)
			kind, _, _ := snapshot.KindOf(c.file)
			require.Equal(t, told[c.file], s.Faults(kind))

			// A write leaves the row where it is, and takes down nothing either.
			if c.view == "trades" {
				w := newWriter(t, dir)
				require.Equal(t, []repository.Outcome{repository.Inserted},
					outcomes(t, w, arena.IngestTrades, arena.Domains(), fillItem(t, "m", "m_new", 1, 100)))
				body, err := os.ReadFile(filepath.Join(dir, c.file))
				require.NoError(t, err)
				require.Contains(t, string(body), c.bad)
				require.Contains(t, string(body), `"m_new"`)
			}
		}
	}
}

// TestPositionsWhereTheirFileStatesNothing takes open positions from the newest
// account totals, and never from beside a damaged file.
func TestPositionsWhereTheirFileStatesNothing(t *testing.T) {
	t.Parallel()
	totals := envelope1("accountTotals", equity("a", 2, 1, `{"E":{"symbol":"ETH","entry_price":1,"quantity":1},"S":{"wait_for_fill":true,"quantity":0}}`),
		equity("a", 1, 1, `{"BTC":{"symbol":"BTC","entry_price":1,"quantity":1}}`), equity("b", 1, 1, `"N/A"`))
	want := `{"accountTotals":[{"model_id":"a","positions":{"E":{"symbol":"ETH","entry_price":1,"quantity":1},"S":{"wait_for_fill":true,"quantity":0}}},` +
		`{"model_id":"b","positions":{}}],"serverTime":1761452335744}`
	for _, nothing := range []string{`{"message":"gone","positions":[]}`, `{"accountTotals":[]}`, `null`, `<html>`, `{"error":{"status":502}}`} {
		payload, err := sourceOf(t, map[string]string{"account-totals.json": totals, "positions.json": nothing}).Positions(t.Context(), 0)
		require.Equal(t, want, render(t, payload, err), nothing)
	}
	for _, damaged := range []string{`{"accountTotals":[`, "", `{"data":{"accountTotals":[]}}`} {
		_, err := sourceOf(t, map[string]string{"account-totals.json": totals, "positions.json": damaged}).Positions(t.Context(), 0)
		require.ErrorIs(t, err, arena.ErrUnavailable, damaged)
	}
}

// TestAStatementThatCannotBeReadIsNamed serves equity rows whole that carry something
// else than positions, and names those that would state what is open.
func TestAStatementThatCannotBeReadIsNamed(t *testing.T) {
	t.Parallel()
	const sound = `{"ETH":{"symbol":"ETH","entry_price":1,"quantity":1}}`
	for _, c := range []struct {
		positions string // of positions.json; "" is none
		rows      []string
		want      []string // row and path
	}{
		{"", []string{equity("a", 1, 1, `"N/A"`), equity("b", 1, 1, sound)}, []string{"0 /positions"}},
		{"", []string{equity("b", 1, 1, sound), equity("a", 1, 2, `{"BTC":"N/A","ETH":{"symbol":"ETH","entry_price":1,"quantity":1}}`)}, []string{"1 /positions/BTC"}},
		{"", []string{equity("a", 1, 2, sound), equity("a", 1, 1, `"N/A"`)}, nil},
		{"", []string{equity("a", 1, 1, `7`), equity("a", 1, 3, `{"X":[]}`), equity("b", 1, 1, `{"Y":{"symbol":"Y","entry_price":-1,"quantity":1}}`)}, []string{"1 /positions/X", "2 /positions/Y/entry_price"}},
		{`{"accountTotals":[]}`, []string{equity("a", 1, 1, `true`)}, []string{"0 /positions"}},
		{`{"accountTotals":[{"model_id":"a","positions":{}}]}`, []string{equity("a", 1, 1, `"N/A"`)}, nil},
	} {
		files := map[string]string{"account-totals.json": envelope1("accountTotals", c.rows...)}
		if c.positions != "" {
			files["positions.json"] = c.positions
		}
		var named []string
		told := map[string]int{}
		s := NewSource(SourceOptions{
			Dir: directory(t, files), PrimaryProvider: "hyperliquid", Now: func() time.Time { return answeredAt },
			Faulty: func(file string, faults []snapshot.RowFault) { told[file] = len(faults) },
		})
		_, err := s.Positions(t.Context(), 0)
		require.NoError(t, err)
		for _, fault := range s.Faults(snapshot.Positions) {
			require.Equal(t, "account-totals.json", fault.File)
			named = append(named, fmt.Sprint(fault.Row, " ", fault.Faults[0].Path))
		}
		require.Equal(t, c.want, named, c.rows)
		require.Equal(t, len(c.want), told["positions in account-totals.json"], "%v", told)
		require.Empty(t, s.Faults(snapshot.AccountTotals), "%v: its rows are served", c.rows)
	}
}

func TestPricesAreThoseOfThePrimaryProvider(t *testing.T) {
	t.Parallel()
	s := sourceOf(t, map[string]string{"crypto-prices.json": `{"prices":{
		"A":{"symbol":"A","price":1,"timestamp":1},"B":{"symbol":"B","price":1.50,"timestamp":1,"provider":"hyperliquid"},
		"C":{"symbol":"C","price":1,"timestamp":1,"provider":"elsewhere"}}}`})
	payload, err := s.CryptoPrices(t.Context())
	require.Equal(t, `{"prices":{"A":{"symbol":"A","price":1,"timestamp":1},`+
		`"B":{"provider":"hyperliquid","symbol":"B","price":1.5,"timestamp":1}},"serverTime":1761452335744}`, render(t, payload, err))
}

func TestAccountTotalsAreOneRowPerModelAndHour(t *testing.T) {
	t.Parallel()
	s := sourceOf(t, map[string]string{"account-totals.json": envelope1("accountTotals",
		equity("b", 1, 30, "{}"), equity("a", 1, 20, "{}"), equity("a", 1, 25, "{}"), equity("a", 0, 10, "{}"),
		equity("b", 0, 11, "{}"), equity("a", 1, 15, "{}"), equity("buynhold_btc", 2, 40, "{}"))})
	rows := func(from int64) []string {
		got, err := s.AccountTotals(t.Context(), from)
		require.NoError(t, err)
		require.Equal(t, int64(2), got.LastHourlyMarkerRead, "of the season, whatever was asked")
		require.NotNil(t, got.AccountTotals)
		return ids(got.AccountTotals, func(r wire.AccountTotal) string {
			return fmt.Sprintf("%d %s %v", r.SinceInceptionHourlyMarker, r.ModelID, r.Timestamp)
		})
	}
	all := []string{"0 a 10", "0 b 11", "1 a 25", "1 b 30", "2 buynhold_btc 40"}
	require.Equal(t, all, rows(0))
	require.Equal(t, all[2:], rows(1), "inclusive")
	require.Equal(t, all, rows(math.MinInt64))
	require.Empty(t, rows(3))
	require.Empty(t, rows(math.MaxInt64))
}

func TestTradesAreTheNewestHundredPerModel(t *testing.T) {
	t.Parallel()
	var rows []string
	for i := range 130 {
		rows = append(rows, trade("b", fmt.Sprintf("b_%03d", i), float64(i*7%130)))
	}
	rows = append(rows, trade("a", "a_1", 5), trade("a", "a_3", 5), trade("a", "a_2", 5), trade("a", "a_0", 6))
	got, err := sourceOf(t, map[string]string{"trades.json": envelope1("trades", rows...)}).Trades(t.Context())
	require.NoError(t, err)
	require.Len(t, got.Trades, 104)
	id := func(tr wire.Trade) string { return tr.ID }
	require.Equal(t, []string{"a_0", "a_3", "a_2", "a_1"}, ids(got.Trades[:4], id))
	for i, tr := range got.Trades[4:] {
		require.InDelta(t, 129-i, tr.ExitTime, 0)
	}
}

func TestSinceInceptionIsInTheOrderOfTheFileAndBenchmarksLast(t *testing.T) {
	t.Parallel()
	row := `{"model_id":%q,"nav_since_inception":1,"inception_date":1}`
	got, err := sourceOf(t, map[string]string{
		"since-inception-values.json": envelope1("sinceInceptionValues",
			fmt.Sprintf(row, "b"), fmt.Sprintf(row, "buynhold_btc"), fmt.Sprintf(row, "a")),
		"trades.json": "{", // what cannot be read is the fault of another view
	}).SinceInception(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"b", "a", "buynhold_btc"}, ids(got.SinceInceptionValues, func(r wire.SinceInception) string { return r.ModelID }))
}

func TestLeaderboardIsByReturn(t *testing.T) {
	t.Parallel()
	got, err := sourceOf(t, map[string]string{"leaderboard.json": envelope1("leaderboard",
		standing("none-b", ""), standing("low", `,"return_pct":-5`), standing("tie-b", `,"return_pct":1`), standing("none-a", `,"return_pct":null`),
		standing("buynhold_btc", `,"return_pct":99`), standing("zero", `,"return_pct":0`), standing("tie-a", `,"return_pct":1`),
		standing("top", `,"return_pct":7`))}).Leaderboard(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"top", "tie-b", "tie-a", "zero", "low", "none-b", "none-a"},
		ids(got.Leaderboard, func(r wire.LeaderboardRow) string { return r.ID }))
}

func TestAnalyticsOfSingleFilesOnlyFillGaps(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"analytics.json":              envelope1("analytics", `{"model_id":"c","from":"all"}`, `{"model_id":"a","from":"all"}`, `{"model_id":"buynhold_btc"}`),
		"analytics-a.json":            envelope1("analytics", `{"model_id":"a","from":"single","updated_at":9}`),
		"analytics-b.json":            envelope1("analytics", `{"model_id":"b","from":"single"}`),
		"analytics-buynhold_btc.json": envelope1("analytics", `{"model_id":"buynhold_btc"}`),
	}
	s := sourceOf(t, files)
	payload, err := s.Analytics(t.Context())
	require.Equal(t, `{"analytics":[{"model_id":"c","from":"all"},{"model_id":"a","from":"all"},{"model_id":"b","from":"single"}],`+
		`"serverTime":1761452335744}`, render(t, payload, err))
	for model, want := range map[string]string{"a": "all", "b": "single", "c": "all"} {
		payload, err := s.AnalyticsOf(t.Context(), model)
		require.Equal(t, fmt.Sprintf(`{"analytics":[{"model_id":%q,"from":%q}],"serverTime":1761452335744}`, model, want), render(t, payload, err))
	}
	payload, err = s.AnalyticsOf(t.Context(), "buynhold_btc")
	require.Contains(t, render(t, payload, err), "buynhold_btc", "what a benchmark has is listed nowhere, and answered where asked for")
	for _, unknown := range []string{"", "d", "A", "../a"} {
		_, err := s.AnalyticsOf(t.Context(), unknown)
		require.ErrorIs(t, err, arena.ErrUnknownModel, unknown)
	}
	delete(files, "analytics.json")
	payload, err = sourceOf(t, files).Analytics(t.Context())
	require.Contains(t, render(t, payload, err), `{"model_id":"a","from":"single","updated_at":9},{"model_id":"b"`)
}

func TestPositionsListEveryCompetitor(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"positions.json": envelope1("accountTotals",
			`{"model_id":"stated","positions":`+position("BTC")+`,"note":1.0}`, `{"model_id":"buynhold_btc","positions":`+position("BTC")+`}`),
		"account-totals.json":         envelope1("accountTotals", equity("equity", 0, 1, position("ETH"))),
		"trades.json":                 envelope1("trades", trade("trader", "a", 1)),
		"since-inception-values.json": envelope1("sinceInceptionValues", `{"model_id":"inception","nav_since_inception":1,"inception_date":1}`),
		"leaderboard.json":            envelope1("leaderboard", standing("board", "")),
		"analytics.json":              envelope1("analytics", `{"model_id":"analysed"}`),
		"analytics-single.json":       envelope1("analytics", `{"model_id":"single"}`),
		"conversations.json":          envelope1("conversations", `{"model_id":"talker","messages":[]}`, `{"id":"d","model_id":"decider","timestamp":1}`),
	}
	s := sourceOf(t, files)
	got, err := s.Positions(t.Context(), 0)
	require.NoError(t, err)
	model := func(m wire.ModelPositions) string { return m.ModelID }
	all := []string{"stated", "inception", "equity", "analysed", "single", "trader", "board", "talker", "decider"}
	require.Equal(t, all, ids(got.AccountTotals, model))
	body := render(t, got, nil)
	require.Contains(t, body, `{"model_id":"equity","positions":{}}`, "positions.json is the statement")
	require.Contains(t, body, `{"model_id":"stated","positions":{"BTC":{"symbol":"BTC","entry_price":1,"quantity":1}},"note":1}`)
	for limit, want := range map[int][]string{-1: all, 1: all[:1], 3: all[:3], 9: all, 10: all} {
		got, err := s.Positions(t.Context(), limit)
		require.NoError(t, err)
		require.Equal(t, want, ids(got.AccountTotals, model), limit)
	}
}

func TestPositionsWithoutAStatementAreThoseOfTheNewestEquityRow(t *testing.T) {
	t.Parallel()
	s := sourceOf(t, map[string]string{"account-totals.json": envelope1("accountTotals",
		equity("a", 0, 10, position("BTC")), equity("a", 1, 30, position("ETH")), equity("a", 1, 20, position("SOL")),
		equity("b", 0, 10, position("BTC")), equity("b", 1, 11, "null"), equity("buynhold_btc", 0, 1, position("BTC")))})
	payload, err := s.Positions(t.Context(), 0)
	require.Equal(t, `{"accountTotals":[{"model_id":"a","positions":{"ETH":{"symbol":"ETH","entry_price":1,"quantity":1}}},`+
		`{"model_id":"b","positions":{}}],"serverTime":1761452335744}`, render(t, payload, err))
}

func TestADamagedFileBesideThePositionsIsUnavailable(t *testing.T) {
	t.Parallel()
	// Without it, a competitor could be left out unnoticed.
	for _, other := range []string{"account-totals.json", "trades.json", "leaderboard.json", "analytics-m.json", "conversations.json"} {
		s := sourceOf(t, map[string]string{"positions.json": envelope1("accountTotals"), other: "{"})
		_, err := s.Positions(t.Context(), 0)
		require.ErrorIs(t, err, arena.ErrUnavailable, other)
	}
	s := sourceOf(t, map[string]string{"positions.json": "{", "account-totals.json": envelope1("accountTotals")})
	_, err := s.Positions(t.Context(), 0)
	require.ErrorIs(t, err, arena.ErrUnavailable, "damaged is not absent")
}

func TestConversationsAreTheNewestHundred(t *testing.T) {
	t.Parallel()
	var docs []string
	for i := range 130 {
		docs = append(docs, fmt.Sprintf(`{"id":"d_%03d","model_id":"m","timestamp":%d}`, i, i*7%130))
	}
	docs = append(docs, `{"id":"tie_a","model_id":"m","timestamp":129}`, `{"id":"tie_b","model_id":"m","timestamp":129}`,
		`{"model_id":"m","messages":[{"role":"assistant","content":"later","timestamp":500.5},{"role":"user","content":"first","timestamp":1}]}`,
		`{"model_id":"m","messages":[]}`)
	got, err := sourceOf(t, map[string]string{"conversations.json": envelope1("conversations", docs...)}).Conversations(t.Context())
	require.NoError(t, err)
	require.Len(t, got.Conversations, arena.RecentConversations)
	thread := got.Conversations[0].Thread
	require.NotNil(t, thread)
	require.Equal(t, []string{"first", "later"}, ids(thread.Messages, func(m wire.Message) string { return m.Content }))
	require.Equal(t, wire.Some(500.5), thread.Timestamp)
	require.Equal(t, wire.Some("first"), thread.UserPrompt)
	require.Equal(t, wire.Some("later"), thread.CotTraceSummary)
	require.Equal(t, "tie_b", got.Conversations[1].Decision.ID)
	require.Equal(t, "tie_a", got.Conversations[2].Decision.ID)
	for i, d := range got.Conversations[4:] {
		require.InDelta(t, 128-i, d.Timestamp(), 0)
	}
}

func TestBothCapturesAnswerEveryView(t *testing.T) {
	t.Parallel()
	for _, capture := range captures.Both() {
		for view, ask := range views(newSource(capture.Dir(t))) {
			payload, err := ask()
			missing := capture.Name == captures.Later.Name && (view == "totals" || view == "positions")
			switch {
			case missing:
				require.ErrorIs(t, err, arena.ErrUnavailable, view)
			case view == "analytics of":
				require.ErrorIs(t, err, arena.ErrUnknownModel)
			default:
				require.Greater(t, len(render(t, payload, err)), 100, view)
			}
		}
	}
}

func TestAReplacedFileIsSeenByTheNextCall(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newSource(dir)
	for i := range 200 { // within a few ticks of the file system's clock
		id := fmt.Sprintf("t_%03d", i)
		tr, err := wire.Decode[wire.Trade]([]byte(trade("m", id, 1)))
		require.NoError(t, err)
		require.NoError(t, write(dir, snapshot.Trades, wire.Trades{Trades: []wire.Trade{tr}}))
		got, err := s.Trades(t.Context())
		require.NoError(t, err)
		require.Equal(t, id, got.Trades[0].ID)
	}
	require.NoError(t, os.Remove(filepath.Join(dir, "trades.json")))
	_, err := s.Trades(t.Context())
	require.ErrorIs(t, err, arena.ErrUnavailable, "and so is that it is gone")
}

func TestAChangeWithinOneTickIsSeen(t *testing.T) {
	t.Parallel()
	dir := directory(t, map[string]string{"trades.json": envelope1("trades", trade("m", "a", 1))})
	path := filepath.Join(dir, "trades.json")
	require.NoError(t, os.Chtimes(path, answeredAt, answeredAt))
	seen := ""
	now := answeredAt
	s := NewSource(SourceOptions{Dir: dir, PrimaryProvider: "hyperliquid", Now: func() time.Time { return now }})
	id := func() string {
		version := s.Version(catalogue.ViewTrades)
		require.NotEqual(t, seen, version)
		seen = version
		got, err := s.Trades(t.Context())
		require.NoError(t, err)
		return got.Trades[0].ID
	}
	require.Equal(t, "a", id())
	// The same inode, size and time: it was written to in place.
	put(t, dir, "trades.json", envelope1("trades", trade("m", "b", 1)))
	require.NoError(t, os.Chtimes(path, answeredAt, answeredAt))
	now = now.Add(recheck)
	require.Equal(t, "b", id())
	put(t, dir, "trades.json", envelope1("trades", trade("m", "c", 1)))
	require.NoError(t, os.Chtimes(path, answeredAt, answeredAt))
	now = now.Add(tick)
	require.Equal(t, "c", id(), "the last change within the tick is seen after it")
}

func TestAnUnchangedFileIsReadOnce(t *testing.T) {
	t.Parallel()
	old := answeredAt.Add(-time.Hour)
	dir := directory(t, map[string]string{"trades.json": envelope1("trades", trade("m", "a", 1))})
	path := filepath.Join(dir, "trades.json")
	require.NoError(t, os.Chtimes(path, old, old))
	s := newSource(dir)
	_, err := s.Trades(t.Context())
	require.NoError(t, err)
	put(t, dir, "trades.json", strings.Repeat(" ", len(envelope1("trades", trade("m", "a", 1)))))
	require.NoError(t, os.Chtimes(path, old, old)) // as if nothing had happened
	_, err = s.Trades(t.Context())
	require.NoError(t, err)
}

func TestAnswersMayBeChangedByWhoAsked(t *testing.T) {
	t.Parallel()
	s := sourceOf(t, map[string]string{"trades.json": envelope1("trades", trade("m", "a", 1), trade("m", "b", 2))})
	first, err := s.Trades(t.Context())
	require.NoError(t, err)
	first.Trades[0], first.Trades[1] = wire.Trade{}, wire.Trade{}
	again, err := s.Trades(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"b", "a"}, ids(again.Trades, func(tr wire.Trade) string { return tr.ID }))
}

func TestConcurrentReadersWhileFilesAreReplaced(t *testing.T) {
	t.Parallel()
	dir := directory(t, map[string]string{
		"crypto-prices.json": `{"prices":{}}`, "account-totals.json": envelope1("accountTotals", equity("m", 0, 1, position("BTC"))),
		"trades.json": envelope1("trades"), "since-inception-values.json": envelope1("sinceInceptionValues"),
		"leaderboard.json": envelope1("leaderboard"), "analytics.json": envelope1("analytics", `{"model_id":"m"}`),
		"conversations.json": envelope1("conversations"),
	})
	s := newSource(dir)
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				for view, ask := range views(s) {
					if _, err := ask(); err != nil {
						t.Errorf("%s: %v", view, err)
						return
					}
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	row, err := wire.Decode[wire.AccountTotal]([]byte(equity("m", 0, 1, position("BTC"))))
	require.NoError(t, err)
	for n := range 100 {
		rows := make([]wire.AccountTotal, 1+n%5)
		for i := range rows {
			rows[i] = row
		}
		if err := write(dir, snapshot.AccountTotals, wire.AccountTotals{AccountTotals: rows}); err != nil {
			t.Error(err)
		}
		if err := write(dir, snapshot.Trades, wire.Trades{Trades: []wire.Trade{}, ServerTime: int64(n)}); err != nil {
			t.Error(err)
		}
	}
	close(done)
	readers.Wait()
}
