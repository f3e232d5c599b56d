package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/config"
)

// TestLeaderboardAndEquityReturnAlike holds the leaderboard's return_pct, and that of
// v_leaderboard, to that of the curve, of models with and without an inception, also
// where the first row comes last, in two competitions.
func TestLeaderboardAndEquityReturnAlike(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *config.Config) { c.IngestToken = ingestToken })
	row := func(model string, minute int, equity float64) {
		t.Helper()
		post(t, b.url, "equity", fmt.Sprintf(`{"model_id":%q,"timestamp":%d,"dollar_equity":%v,"since_inception_hourly_marker":%d,"positions":{}}`,
			model, 60*minute, equity, minute/60))
	}
	post(t, b.url, "models", `{"id":"incepted","since_inception":{"model_id":"incepted","nav_since_inception":8000,"inception_date":1}}`)
	row("incepted", 5, 10_000)
	row("incepted", 125, 6000)
	row("adopted", 90, 5000)
	row("adopted", 200, 7000)
	row("adopted", 5, 4000) // late
	row("adopted", 20, 2000)
	row("single", 30, 123.5)
	row("broke", 1, 0)
	row("broke", 61, 50)
	post(t, b.url, "models", `{"id":"idle"}`)

	want := map[string]any{"incepted": -25.0, "adopted": 75.0, "single": 0.0, "broke": nil, "idle": nil}
	curves := map[string]any{}
	for _, curve := range get(t, b.url+"/api/equity").object(t)["equity"].([]any) {
		curve := curve.(map[string]any)
		curves[curve["model_id"].(string)] = curve["return_pct"]
	}
	require.Equal(t, want, curves)
	board := map[string]any{}
	for _, row := range get(t, b.url+"/api/leaderboard").object(t)["leaderboard"].([]any) {
		row := row.(map[string]any)
		board[row["id"].(string)] = row["return_pct"]
	}
	require.Equal(t, want, board)

	post(t, b.url, "competitions", `{"id":"calm","status":"running"}`)
	post(t, b.url, "models", `{"id":"elsewhere","competition_id":"calm"}`)
	for minute, equity := range []int{800, 600, 900} {
		post(t, b.url, "equity", fmt.Sprintf(`{"model_id":"elsewhere","competition_id":"calm","timestamp":%d,"dollar_equity":%d,"since_inception_hourly_marker":0}`, 60*minute, equity))
	}
	db := b.sql(t)
	for competition, want := range map[string]map[string]any{"season-1": want, "calm": {"elsewhere": 12.5}} {
		board, view := map[string]any{}, map[string]any{}
		for _, row := range get(t, b.url+"/api/leaderboard?competition="+competition).object(t)["leaderboard"].([]any) {
			row := row.(map[string]any)
			board[row["id"].(string)] = row["return_pct"]
		}
		var listed []byte
		require.NoError(t, db.QueryRowContext(t.Context(), `SELECT json_object_agg(model_id, return_pct) FROM v_leaderboard WHERE competition_id = $1`, competition).Scan(&listed))
		require.NoError(t, json.Unmarshal(listed, &view))
		require.Equal(t, want, board, competition)
		require.Equal(t, want, view, competition)
	}
}

// TestWaitingPositionsAreAsDocumented holds positions that have no price or no size,
// since they wait for their fill, to the API document.
func TestWaitingPositionsAreAsDocumented(t *testing.T) {
	t.Parallel()
	d := readOpenAPI(t)
	for item, valid := range map[string]bool{
		`{"symbol":"BTC","entry_price":1,"quantity":2}`:                         true,
		`{"symbol":"BTC","entry_price":1,"quantity":2,"wait_for_fill":true}`:    true,
		`{"symbol":"BTC","wait_for_fill":true}`:                                 true,
		`{"symbol":"BTC","wait_for_fill":true,"entry_price":null,"oid":"none"}`: true,
		`{"wait_for_fill":true,"quantity":0}`:                                   true,
		`{"symbol":"BTC","entry_price":1}`:                                      false,
		`{"symbol":"BTC","wait_for_fill":false,"quantity":2}`:                   false,
		`{"symbol":"BTC","wait_for_fill":"yes"}`:                                false,
	} {
		for path, body := range map[string]string{
			"/api/positions":      `{"accountTotals":[{"model_id":"m","positions":{"BTC":%s}}],"serverTime":1}`,
			"/api/account-totals": `{"accountTotals":[{"model_id":"m","timestamp":1,"dollar_equity":1,"since_inception_hourly_marker":0,"positions":{"BTC":%s}}],"lastHourlyMarkerRead":0,"serverTime":1}`,
		} {
			content := d.at("paths", path, "get", "responses", "200", "content", "application/json")
			err := d.validate(content, fmt.Appendf(nil, body, item))
			require.Equal(t, valid, err == nil, "%s %s: %v", path, item, err)
		}
	}

	b := setup(t, func(c *config.Config) { c.IngestToken = ingestToken })
	post(t, b.url, "equity", `{"model_id":"m","timestamp":60,"dollar_equity":1,"since_inception_hourly_marker":0,"positions":{"BTC":{"symbol":"BTC","wait_for_fill":true}}}`)
	for _, path := range []string{"/api/account-totals", "/api/positions"} {
		res := get(t, b.url+path)
		require.Equal(t, http.StatusOK, res.StatusCode)
		d.check(http.MethodGet, path, res)
	}
	row := get(t, b.url+"/api/account-totals").object(t)["accountTotals"].([]any)[0].(map[string]any)
	require.Equal(t, map[string]any{"BTC": map[string]any{"symbol": "BTC", "wait_for_fill": true}}, row["positions"])
}
