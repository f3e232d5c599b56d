package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"nof0/config"
	"nof0/internal/arena"
	"nof0/internal/await"
	"nof0/internal/captures"
	"nof0/internal/season"
	"nof0/internal/wire"
)

// admin asks the admin surface of the system.
func admin(t *testing.T, method, url string) (status int, runs []wire.ParityRun) {
	t.Helper()
	res := request(t, adminToken, method, url, "")
	var answer wire.ParityRuns
	if res.StatusCode == http.StatusOK {
		require.NoError(t, json.Unmarshal(res.body, &answer), "%.200s", res.body)
	}
	return res.StatusCode, answer.Runs
}

func requireVerdicts(t *testing.T, runs []wire.ParityRun, want string) {
	t.Helper()
	require.NotEmpty(t, runs)
	for _, run := range runs {
		require.Equal(t, want, run.Verdict, "%s: %+v", run.Domain, run.Findings)
	}
}

// TestAChangeBehindTheCacheIsFound holds that a comparison asks no cache.
func TestAChangeBehindTheCacheIsFound(t *testing.T) {
	t.Parallel()
	b := setup(t, withJSON(madeUp(t, season.Options{Seed: 4, Models: 3, Hours: 20})))
	b.load(t, b.cfg.JSONDir)
	b.set(t, arena.DomainTrades, arena.Modes{Read: arena.ReadStore, Write: arena.WriteBoth})
	await.True(t, func() bool {
		return get(t, b.url+"/api/trades").Header.Get("X-Data-Source") == "store"
	})
	_, err := b.app.Warm(t.Context())
	require.NoError(t, err)
	status, runs := admin(t, http.MethodPost, b.url+"/admin/parity")
	require.Equal(t, http.StatusOK, status)
	requireVerdicts(t, runs, wire.VerdictEqual)

	before := get(t, b.url+"/api/trades")
	b.exec(t, `UPDATE trades SET exit_price = 12345.5 WHERE model_id || ' ' || id = (SELECT min(model_id || ' ' || id) FROM trades)`)
	require.Equal(t, before.Header.Get("ETag"), get(t, b.url+"/api/trades").Header.Get("ETag"), "the cache does not know")
	_, runs = admin(t, http.MethodPost, b.url+"/admin/parity?domain=trades")
	require.Len(t, runs, 1)
	require.Len(t, runs[0].Findings, 1)
	require.Equal(t, "/exit_price", runs[0].Findings[0].Field)

	_, kept := admin(t, http.MethodGet, b.url+"/admin/parity?domain=trades&limit=1")
	require.Equal(t, runs, kept)
	require.Contains(t, string(get(t, b.url+"/metrics").body), `nof0_parity_verdict{domain="trades",verdict="different"} 1`)
}

func TestParityWithoutAJSONStore(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *config.Config) { c.AdminToken = adminToken })
	status, _ := admin(t, http.MethodPost, b.url+"/admin/parity")
	require.Equal(t, http.StatusServiceUnavailable, status)
	status, runs := admin(t, http.MethodGet, b.url+"/admin/parity")
	require.Equal(t, http.StatusOK, status)
	require.Empty(t, runs)
}

// TestAPlayedSeasonIsEqual plays the season that the JSON store holds.
func TestAPlayedSeasonIsEqual(t *testing.T) {
	t.Parallel()
	s, err := season.Generate(t.Context(), season.Options{Seed: 9, Models: 3, Hours: 30})
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "season")
	_, err = s.Write(t.Context(), dir)
	require.NoError(t, err)
	b := setup(t, withJSON(dir))
	for _, d := range arena.Domains() { // the files stay as they are
		b.set(t, d, arena.Modes{Read: arena.ReadStore, Write: arena.WriteStore})
	}
	played, err := season.Play(t.Context(), s.Plan(season.PlanOptions{Analytics: true}).Events(), season.PlayOptions{
		URL: b.url, Token: ingestToken, Client: http.DefaultClient,
	})
	require.NoError(t, err)
	require.Zero(t, played.Rejected)
	status, runs := admin(t, http.MethodPost, b.url+"/admin/parity")
	require.Equal(t, http.StatusOK, status)
	for _, run := range runs {
		t.Logf("%s: %s %+v", run.Domain, run.Verdict, run.Counts)
	}
	requireVerdicts(t, runs, wire.VerdictEqual)
}

// TestACaptureWithLiveBenchmarksIsServedWhole serves directories in which the rows of the
// benchmark have the shape of the live site: by the JSON store, and from Postgres after
// every domain has moved.
func TestACaptureWithLiveBenchmarksIsServedWhole(t *testing.T) {
	t.Parallel()
	for name, dir := range map[string]func(t *testing.T) string{
		"season":  func(t *testing.T) string { return madeUp(t, season.Options{Seed: 11, Models: 4, Hours: 30}) },
		"capture": func(t *testing.T) string { return captures.Earlier.Copy(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := dir(t)
			require.Positive(t, captures.LiveBenchmark(t, dir, season.Benchmark))
			b := setup(t, withJSON(dir))
			files := readDir(t, dir)
			requireSameResponsesOf(t, b.url, "", "json", files, name == "season")
			b.load(t, dir)
			status, runs := admin(t, http.MethodPost, b.url+"/admin/parity")
			require.Equal(t, http.StatusOK, status)
			requireVerdicts(t, runs, wire.VerdictEqual)
			for _, d := range arena.Domains() {
				b.set(t, d, arena.Modes{Read: arena.ReadStore, Write: arena.WriteStore})
			}
			_, other := start(t, b.cfg) // which knows the switches from the start
			requireSameResponses(t, other, files, name == "season")
		})
	}
}

// TestAJSONDirectoryHasOneCompetition serves a directory in which rows of three stand:
// those of the default alone, whichever that is, and the others are named and kept.
func TestAJSONDirectoryHasOneCompetition(t *testing.T) {
	t.Parallel()
	dir := emptyJSON(t)
	file := func(name, member string, rows ...string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), fmt.Appendf(nil, `{%q:[%s],"serverTime":1761452335744}`, member, strings.Join(rows, ",")), 0o600))
	}
	total := func(names string, hour int, equity float64) string {
		return fmt.Sprintf(`{"model_id":"ant","timestamp":%d,"dollar_equity":%v,"since_inception_hourly_marker":%d,"positions":{}%s}`, 1_761_000_000+3600*hour, equity, hour, names)
	}
	trade := func(names, id string) string {
		return fmt.Sprintf(`{"id":%q,"model_id":"ant","symbol":"BTC","side":"long","quantity":1,"entry_time":1761000001,"exit_time":1761000002,`+
			`"entry_price":1,"exit_price":2,"realized_net_pnl":1%s}`, id, names)
	}
	const monk, calm, first = `,"competition_id":"monk"`, `,"competition":"calm"`, `,"competition_id":"season-1"`
	file("account-totals.json", "accountTotals", total(monk, 0, 1), total("", 0, 2), total(calm, 0, 3), total(first, 1, 4), total(monk, 1, 5))
	file("trades.json", "trades", trade(monk, "t1"), trade("", "t2"), trade(first, "t1"), trade(calm, "t3"))
	file("positions.json", "accountTotals", `{"model_id":"ant","positions":{}`+monk+`}`, `{"model_id":"bee","positions":{}}`)
	b := setup(t, withJSON(dir))
	_, other := start(t, func() config.Config { cfg := b.cfg; cfg.Arena.Competition = "monk"; return cfg }())
	seen := func(url string) (equity []float64, trades []string) {
		for _, row := range read[wire.AccountTotals](t, url+"/api/account-totals").AccountTotals {
			equity = append(equity, row.DollarEquity)
		}
		for _, row := range read[wire.Trades](t, url+"/api/trades").Trades {
			trades = append(trades, row.ID)
		}
		return equity, trades
	}
	equity, trades := seen(b.url)
	require.Equal(t, []float64{2, 4}, equity)
	require.ElementsMatch(t, []string{"t1", "t2"}, trades)
	equity, trades = seen(other)
	require.Equal(t, []float64{1, 5}, equity, "the row that names none contradicts the one before it")
	require.ElementsMatch(t, []string{"t1", "t2"}, trades, "a row that names none is of whichever the directory has")

	metrics := string(get(t, b.url+"/metrics").body)
	require.Contains(t, metrics, `nof0_json_rows_refused{file="account-totals.json"} 3`)
	require.Contains(t, metrics, `nof0_json_rows_refused{file="trades.json"} 2`)
	_, runs := admin(t, http.MethodPost, b.url+"/admin/parity?domain=trades")
	named := 0
	for _, f := range runs[0].Findings {
		if f.Kind == wire.FindingRefused {
			named++
			require.Contains(t, f.Reason, `"season-1", alone`)
		} else {
			require.Equal(t, wire.FindingOnlyJSON, f.Kind, "%+v", f) // Postgres is empty
		}
	}
	require.Equal(t, 2, named)

	// A write goes to the rows of the default one, and leaves the others where they are.
	status, result := b.ingest(t, "trades", parse2(t, []byte(trade(first, "t4"))))
	require.Equal(t, http.StatusOK, status, "%v", result)
	status, result = b.ingest(t, "trades", parse2(t, []byte(trade(first, "t1"))))
	require.Equal(t, http.StatusOK, status, "%v", result)
	require.Equal(t, "unchanged", result["outcome"])
	kept, err := os.ReadFile(filepath.Join(dir, "trades.json"))
	require.NoError(t, err)
	for _, row := range []string{trade(monk, "t1"), trade(calm, "t3")} {
		require.Contains(t, string(kept), row)
	}

	// The files can't be left while they alone have rows of others.
	for _, domain := range []string{"trades", "accounts"} {
		res := request(t, adminToken, http.MethodPut, b.url+"/admin/rollout/"+domain, `{"write":"both","reason":"a test"}`)
		require.Equal(t, http.StatusConflict, res.StatusCode, "%s", res.body)
		require.Contains(t, string(res.body), `nof0 import DIR`)
	}
	require.Zero(t, b.count(t, `SELECT count(*) FROM trades`))
}

// TestOddIDsInTheFiles holds that an id, however odd, has its place in the JSON files.
func TestOddIDsInTheFiles(t *testing.T) {
	t.Parallel()
	b := setup(t, withJSON(madeUp(t, season.Options{Seed: 6, Models: 2, Hours: 5})))
	b.load(t, b.cfg.JSONDir)
	for _, d := range arena.Domains() {
		b.set(t, d, arena.Modes{Read: arena.ReadStore, Write: arena.WriteBoth})
	}
	for _, id := range oddIDs() {
		for _, kind := range []string{"models", "prices", "decisions", "trades", "positions"} {
			post(t, b.url, kind, writesOf(t, id)[kind])
		}
	}
	await.True(t, func() bool {
		raw, err := os.ReadFile(filepath.Join(b.cfg.JSONDir, "trades.json"))
		require.NoError(t, err)
		return !slices.ContainsFunc(oddIDs(), func(id string) bool { return !strings.Contains(said(t, raw), quoted(t, id)) })
	}, "the files follow")
	status, runs := admin(t, http.MethodPost, b.url+"/admin/parity")
	require.Equal(t, http.StatusOK, status)
	requireVerdicts(t, runs, wire.VerdictEqual)
}
