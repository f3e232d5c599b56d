package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/config"
	"nof0/internal/analytics"
	"nof0/internal/arena"
	"nof0/internal/await"
	"nof0/internal/retention"
	"nof0/internal/season"
	"nof0/internal/testdb"
	"nof0/internal/wire"
)

// equityOf reads the one curve of an answer.
func equityOf(t *testing.T, url string) map[string]any {
	t.Helper()
	res := get(t, url)
	require.Equal(t, http.StatusOK, res.StatusCode, "%s", res.body)
	require.Equal(t, "store", res.Header.Get("X-Data-Source"))
	curves := res.object(t)["equity"].([]any)
	require.Len(t, curves, 1)
	return curves[0].(map[string]any)
}

func TestEquityAndPricesOverTime(t *testing.T) {
	t.Parallel()
	o := season.Options{Seed: 21, Models: 3, Hours: 72}
	s, err := season.Generate(t.Context(), o)
	require.NoError(t, err)
	b := setup(t, func(c *config.Config) {
		c.IngestToken = ingestToken
		c.JSONDir = t.TempDir() // other views are then those of a directory
	})
	for _, d := range []arena.Domain{arena.DomainAccounts, arena.DomainPrices} {
		b.set(t, d, arena.Modes{Read: arena.ReadJSON, Write: arena.WriteBoth})
	}
	b.load(t, madeUp(t, o))
	f := s.Facts()
	model := f.Competitors[0]
	var rows []wire.AccountTotal
	for _, row := range f.Equity {
		if row.ModelID == model {
			rows = append(rows, row)
		}
	}
	curve := equityOf(t, b.url+"/api/equity?model_id="+model)
	require.Len(t, curve["points"], len(rows))
	for i, p := range curve["points"].([]any) {
		require.Equal(t, map[string]any{"timestamp": rows[i].Timestamp, "dollar_equity": rows[i].DollarEquity}, p)
	}
	nav := f.Accounts[0].NavSinceInception
	last := rows[len(rows)-1]
	require.InEpsilon(t, (last.DollarEquity/nav-1)*100, curve["return_pct"], 1e-9)
	require.InDelta(t, last.SharpeRatio.Or(0), curve["sharpe"], 1e-6)
	peak, worst := nav, 0.0
	for _, row := range rows {
		peak = max(peak, row.DollarEquity)
		worst = max(worst, 100*(peak-row.DollarEquity)/peak)
	}
	require.InDelta(t, worst, curve["max_drawdown_pct"], 1e-9)
	require.InDelta(t, analytics.ExposureOf(&last).GrossPct, curve["exposure"].(map[string]any)["gross_pct"], 1e-9)

	few := equityOf(t, b.url+"/api/equity?points=10&model_id="+model)
	require.LessOrEqual(t, len(few["points"].([]any)), 10)
	for _, figure := range []string{"rows", "return_pct", "max_drawdown_pct", "sharpe", "drawdown_pct"} {
		require.Equal(t, curve[figure], few[figure], figure)
	}
	for points := 2; points <= 5; points++ {
		thin := equityOf(t, fmt.Sprintf("%s/api/equity?points=%d&model_id=%s", b.url, points, model))["points"].([]any)
		require.LessOrEqual(t, len(thin), points)
		require.InDelta(t, rows[0].Timestamp, thin[0].(map[string]any)["timestamp"], 0)
		require.InDelta(t, last.Timestamp, thin[len(thin)-1].(map[string]any)["timestamp"], 0, "the newest")
	}
	part := equityOf(t, fmt.Sprintf("%s/api/equity?model_id=%s&from=%.6f&to=%.6f", b.url, model, rows[10].Timestamp, rows[20].Timestamp))
	require.Len(t, part["points"], 11, "both ends are in it")
	require.InEpsilon(t, (rows[20].DollarEquity/rows[10].DollarEquity-1)*100, part["return_pct"], 1e-9)
	require.Empty(t, equityOf(t, b.url+"/api/equity?to=1&model_id="+model)["points"])
	require.Len(t, get(t, b.url+"/api/equity").object(t)["equity"], 3, "the benchmark too")
	require.Equal(t, http.StatusNotFound, get(t, b.url+"/api/equity?model_id=nobody").StatusCode)

	prices := get(t, b.url+"/api/prices/BTC").object(t)
	require.Equal(t, "BTC", prices["symbol"])
	require.Len(t, prices["points"], 1, "a directory has but the newest price")
	unknown := get(t, b.url+"/api/prices/NONE")
	require.Equal(t, http.StatusNotFound, unknown.StatusCode)
	require.Contains(t, string(unknown.body), "/problems/unknown-symbol")

	// What is asked for again comes with a validator, until something is written.
	url := b.url + "/api/equity?points=7&model_id=" + model
	first := get(t, url)
	require.Equal(t, http.StatusNotModified, get(t, url, "If-None-Match", first.Header.Get("ETag")).StatusCode)
	post(t, b.url, "equity", fmt.Sprintf(`{"model_id":%q,"timestamp":%.6f,"dollar_equity":1e6,"since_inception_hourly_marker":72}`, model, last.Timestamp+3600))
	require.Contains(t, string(get(t, url, "If-None-Match", first.Header.Get("ETag")).body), `"dollar_equity":1000000`)
	latest := prices["points"].([]any)[0].(map[string]any)["timestamp"].(float64)
	post(t, b.url, "prices", fmt.Sprintf(`{"symbol":"BTC","price":5,"timestamp":%d}`, int64(latest*1000)+1))
	require.Contains(t, string(get(t, b.url+"/api/prices/BTC").body), `"price":5}`)
}

// What is ingested is in the metrics soon.
func TestMetricsFollowIngest(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *config.Config) { c.IngestToken = ingestToken })
	trade := `{"trade":{"id":"m_%d","model_id":"m","symbol":"SOL","side":"long","quantity":1,"entry_time":1,"exit_time":%d,` +
		`"entry_price":200,"exit_price":201,"realized_net_pnl":%d}}`
	for i := range 3 {
		post(t, b.url, "trades", fmt.Sprintf(trade, i, i+2, 2*i-1))
		want := fmt.Sprintf(`"total_trades":%d`, i+1)
		for _, path := range []string{"/api/analytics", "/api/analytics/m"} {
			await.True(t, func() bool {
				return strings.Contains(string(get(t, b.url+path).body), want)
			}, path)
		}
	}
	post(t, b.url, "decisions", `{"id":"m_5.5","model_id":"m","timestamp":5.5,"llm_response":{"SOL":{"signal":"hold","confidence":0.5}}}`)
	await.True(t, func() bool {
		return strings.Contains(string(get(t, b.url+"/api/analytics/m").body), `"num_hold_signals":1`)
	})
	require.Contains(t, string(get(t, b.url+"/api/analytics/m").body), `"coverage":{`)
	post(t, b.url, "models", `{"id":"m","since_inception":{"model_id":"m","nav_since_inception":10000,"inception_date":1}}`)
	require.Contains(t, string(get(t, b.url+"/api/since-inception-values").body), `"num_invocations":1`, "counted, as no source gave a value")
}

// TestArchivedPricesAreThoseOfTheirCandles holds that ticks that are archived or restored by
// another process leave the answers, but for what the candle of their minute names, and
// come back, while documents live for an hour.
func TestArchivedPricesAreThoseOfTheirCandles(t *testing.T) {
	t.Parallel()
	b := setup(t, withIngest, func(c *config.Config) { c.Cache.Short = time.Hour })
	for at, price := range map[string]int{
		"1701388800000": 10, "1701388810000": 12, "1701388820000": 11, "1701388830000": 8, "1701388840000": 9, // December 2023
		"1704067200000": 12, // and the January after
	} {
		post(t, b.url, "prices", fmt.Sprintf(`{"symbol":"SOL","price":%d,"timestamp":%s}`, price, at))
	}
	shows := func(n int) {
		t.Helper()
		await.True(t, func() bool {
			history := get(t, b.url+"/api/prices/SOL").object(t)
			return len(history["points"].([]any)) == n && history["rows"] == 6.0
		})
	}
	shows(6)
	o := retention.Options{
		DSN: testdb.Direct(t, b.cfg.DatabaseURL), Prices: b.app.Store.Prices, ArchiveDir: t.TempDir(),
		Now: time.Date(2024, 2, 1, 0, 0, 0, 0, time.UTC), Keep: 24 * time.Hour * 31,
	}
	report, err := retention.Run(t.Context(), o)
	require.NoError(t, err)
	shows(5)
	for range 2 {
		_, err = retention.Restore(t.Context(), o, report.Partitions[0].File)
		require.NoError(t, err)
		shows(6)
	}
}
