package app_test

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/config"
	"nof0/internal/await"
)

const ingestToken = "ingest"

// post writes and expects it to be taken.
func post(t *testing.T, url, kind, body string) {
	t.Helper()
	res := request(t, ingestToken, http.MethodPost, url+"/api/ingest/"+kind+"?register=true", body)
	require.Equal(t, http.StatusOK, res.StatusCode, "%s", res.body)
}

// TestNextReadSeesTheWrite holds that a write is seen by the next read of the
// same process at once, and by another process soon, whatever each has cached.
func TestNextReadSeesTheWrite(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *config.Config) { c.IngestToken = ingestToken })
	_, other := start(t, b.cfg)
	ask := map[string]string{
		"crypto-prices": `"price":190.5`, "positions": `"entry_oid":7`, "positions?limit=1000": `"entry_oid":7`, "positions?limit=1": `"entry_oid":7`,
		"trades": `"m_1"`, "account-totals": `"dollar_equity":10001`, "account-totals?lastHourlyMarker=3": `"dollar_equity":10001`,
		"leaderboard": `"num_trades":1`, "conversations": `"m_5.5"`, "analytics": `"win_rate":50`, "analytics/m": `"win_rate":50`,
		"since-inception-values": `"nav_since_inception":10000`,
	}
	for path := range ask {
		for _, url := range []string{b.url, other} {
			require.Less(t, get(t, url+"/api/"+path).StatusCode, 500) // both have something cached
		}
	}
	for _, write := range [][2]string{
		{"models", `{"id":"m","since_inception":{"model_id":"m","nav_since_inception":10000,"inception_date":1}}`},
		{"prices", `{"symbol":"SOL","price":190.5,"timestamp":1761452335744}`},
		{"positions", `{"model_id":"m","position":{"symbol":"SOL","entry_oid":7,"entry_price":200,"quantity":5}}`},
		{"trades", `{"trade":{"id":"m_1","model_id":"m","symbol":"SOL","side":"long","quantity":1,"entry_oid":7,"entry_time":1,"exit_time":2,` +
			`"entry_price":200,"exit_price":201,"realized_net_pnl":1},` +
			`"equity":{"model_id":"m","timestamp":20000,"dollar_equity":10001,"since_inception_hourly_marker":5}}`},
		{"decisions", `{"id":"m_5.5","model_id":"m","timestamp":5.5}`},
		{"analytics", `{"model_id":"m","win_rate":50,"updated_at":` + fmt.Sprint(time.Now().Add(time.Hour).Unix()) + `}`}, // newer than what is computed meanwhile
	} {
		post(t, b.url, write[0], write[1])
	}
	for path, want := range ask {
		require.Contains(t, string(get(t, b.url+"/api/"+path).body), want, path)
	}
	for path, want := range ask {
		await.True(t, func() bool {
			return bytes.Contains(get(t, other+"/api/"+path).body, []byte(want))
		}, path)
	}
}
