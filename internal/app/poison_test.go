package app_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"nof0/config"
	"nof0/internal/await"
	"nof0/internal/export"
	"nof0/internal/importer"
	"nof0/internal/season"
	"nof0/internal/wire"
)

// poison is a directory of rows that are valid each by itself, of which nothing
// can be computed. They were stored before there were bounds.
func poison(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	trade := func(id string, net, quantity, price float64) string {
		return fmt.Sprintf(`{"id":"poison_%s","model_id":"poison","symbol":"BTC","side":"long","quantity":%v,"entry_time":1761000000,"exit_time":1761000100,
			"entry_price":%v,"exit_price":1,"realized_net_pnl":%v,"realized_gross_pnl":%v,"total_commission_dollars":%v}`, id, quantity, price, net, net, net)
	}
	equity := func(at, marker int, dollars float64) string {
		return fmt.Sprintf(`{"model_id":"poison","timestamp":%d,"dollar_equity":%v,"since_inception_hourly_marker":%d,
			"positions":{"BTC":{"symbol":"BTC","entry_price":1e300,"quantity":-1e300}}}`, at, dollars, marker)
	}
	signal := `{"BTC":{"signal":"buy_to_enter","confidence":1e308,"leverage":1.7e308}}`
	for name, body := range map[string]string{
		"trades.json": `{"trades":[` + strings.Join([]string{
			trade("1", 1.7e308, 1, 1), trade("2", 1.7e308, 1e300, 1e300), trade("3", -1.7e308, 1e-300, 1e-300), trade("4", -1.7e308, 1e-300, 5e-324),
		}, ",") + `]}`,
		"account-totals.json": `{"accountTotals":[` + strings.Join([]string{
			equity(1761000100, 0, 5e-324), equity(1761000200, 1, 1.7e308), equity(1761000300, 40_000, -1.7e308),
			equity(1761000400, 1_000_000, 1e-300), equity(1761000500, 999_000, 1e300),
		}, ",") + `]}`,
		"since-inception-values.json": `{"sinceInceptionValues":[{"model_id":"poison","nav_since_inception":1e-300,"inception_date":1761000000}]}`,
		"conversations.json": `{"conversations":[
			{"id":"poison_1","model_id":"poison","timestamp":1761000000,"llm_response":` + signal + `},
			{"id":"poison_2","model_id":"poison","timestamp":253402300000,"llm_response":` + signal + `}]}`,
		"analytics.json": `{"analytics":[{"model_id":"poison","updated_at":1761000000,
			"fee_pnl_moves_breakdown_table":{"std_net_pnl":1e308,"avg_net_pnl":-1e308},"overall_trades_overview_table":{"total_trades":1000000},
			"winners_losers_breakdown_table":{"win_rate":1e308},"invocation_breakdown_table":{"num_invocations":9000000000000000000,"avg_invocation_break_mins":1e308}}]}`,
		"crypto-prices.json": `{"prices":{"HUGE":{"symbol":"HUGE","price":1.7e308,"timestamp":1761000000000}}}`,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600))
	}
	return dir
}

// TestRowsOfAbsurdSizeSpoilNothing holds that what was stored before there were
// bounds leaves every view of everybody, the metrics, the export and the
// comparison as they are, but for figures that nobody could compute.
func TestRowsOfAbsurdSizeSpoilNothing(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *config.Config) { c.IngestToken = ingestToken })
	healthy := madeUp(t, season.Options{Seed: 11, Models: 3, Hours: 30})
	b.load(t, healthy)
	report, err := importer.Import(t.Context(), poison(t), importer.Options{
		Store: b.app.Store, PrimaryProvider: "hyperliquid",
		Now: func() time.Time { return time.Date(9999, 12, 31, 23, 59, 0, 0, time.UTC) },
		Bounds: wire.Bounds{
			MaxAmount: math.MaxFloat64, MaxMarker: math.MaxInt32, MarkerTolerance: math.MaxInt64, MaxMembers: math.MaxInt64, MaxRowBytes: math.MaxInt64,
		},
	})
	require.NoError(t, err)
	require.Zero(t, report.Rejected(), "%+v", report.Kinds)
	b.exec(t, `UPDATE account_equity_snapshots SET observed_at = '9999-12-31' WHERE model_id = 'poison' AND since_inception_hourly_marker = 999000`)
	b.exec(t, `UPDATE model_analytics SET payload = payload || '{"last_trade_exit_time":1e300}' WHERE model_id = 'poison' AND source = 'imported'`)
	post(t, b.url, "trades", `{"id":"poison_5","model_id":"poison","symbol":"BTC","side":"long","quantity":1,"entry_time":1761000000,"exit_time":1761000200,"entry_price":1,"exit_price":1,"realized_net_pnl":1}`)

	await.True(t, func() bool {
		return strings.Contains(string(get(t, b.url+"/api/analytics/poison").body), `"coverage"`)
	}, "metrics are computed")
	for _, path := range []string{
		"/api/crypto-prices", "/api/account-totals", "/api/account-totals?lastHourlyMarker=39000", "/api/account-totals?lastHourlyMarker=1000000",
		"/api/trades", "/api/since-inception-values", "/api/leaderboard", "/api/analytics", "/api/analytics/poison", "/api/positions",
		"/api/conversations", "/api/equity", "/api/equity?points=2", "/api/equity?model_id=poison", "/api/prices/HUGE",
	} {
		res := get(t, b.url+path)
		require.Equal(t, http.StatusOK, res.StatusCode, "%s: %.300s", path, res.body)
		require.True(t, json.Valid(res.body), path)
	}
	rows := get(t, b.url+"/api/leaderboard").object(t)["leaderboard"].([]any)
	require.Len(t, rows, 3)
	last := rows[2].(map[string]any)
	require.Equal(t, "poison", last["id"], "who has no return comes last")
	require.NotContains(t, last, "return_pct")
	require.NotContains(t, last, "win_dollars")
	require.EqualValues(t, 5, last["num_trades"])
	for _, absent := range []string{
		`{field="return_pct",view="leaderboard"}`, `{field="win_dollars",view="leaderboard"}`, `{field="max_drawdown_pct",view="equity"}`,
		`{field="gross_dollars",view="equity"}`, `{field="std_invocation_break_mins",view="analytics"}`,
	} {
		await.True(t, func() bool {
			return strings.Contains(string(get(t, b.url+"/metrics").body), "nof0_not_finite_total"+absent)
		}, absent)
	}
	var n int
	require.NoError(t, b.sql(t).QueryRowContext(t.Context(), `SELECT count(*) FROM v_leaderboard WHERE return_pct IS NULL OR win_dollars IS NOT NULL`).Scan(&n))
	require.Equal(t, 3, n)

	// A marker far from all others costs as much as one that is near.
	options, err := redis.ParseURL(b.cfg.RedisURL)
	require.NoError(t, err)
	client := redis.NewClient(options)
	defer client.Close()
	keys, err := client.DBSize(t.Context()).Result()
	require.NoError(t, err)
	require.Less(t, keys, int64(2000))

	dir := filepath.Join(t.TempDir(), "export")
	_, err = export.Write(t.Context(), dir, export.Options{Store: b.app.Store, PrimaryProvider: "hyperliquid", Now: time.Now})
	require.NoError(t, err)
	other := setup(t, withJSON(dir))
	report, err = other.importDir(t.Context(), dir)
	require.NoError(t, err)
	for _, kind := range report.Kinds {
		for _, row := range kind.Rows {
			require.True(t, strings.HasPrefix(row.ID, "poison") || row.ID == "HUGE", "%s %s: %v", row.File, row.ID, row.Faults)
		}
	}
	require.Positive(t, report.Rejected())

	// The files of what is stored are compared with it.
	same := setup(t, withJSON(dir), func(c *config.Config) { c.DatabaseURL = b.cfg.DatabaseURL })
	status, runs := admin(t, http.MethodPost, same.url+"/admin/parity")
	require.Equal(t, http.StatusOK, status)
	requireVerdicts(t, runs, wire.VerdictEqual)
}
