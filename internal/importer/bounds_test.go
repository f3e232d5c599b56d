package importer_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/atlas/atlastest"
	"nof0/config"
	"nof0/internal/importer"
	"nof0/internal/testdb"
	"nof0/internal/wire"
	"nof0/repository"
)

// TestRowsBeyondTheBoundsAreNamed imports a directory in which each file has a
// row that can't be and one that can.
func TestRowsBeyondTheBoundsAreNamed(t *testing.T) {
	t.Parallel()
	store, err := repository.Open(t.Context(), repository.Options{DSN: testdb.New(t, atlastest.Migrator{}), MaxOpen: 4, MaxIdle: 4})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	dir := t.TempDir()
	for name, body := range map[string]string{
		"crypto-prices.json": `{"prices":{"BTC":{"symbol":"BTC","price":1.5,"timestamp":1761000000000},
			"BAD":{"symbol":"BAD","price":1.5,"timestamp":253402300799000}},"serverTime":1761000000000}`,
		"trades.json": `{"trades":[
			{"id":"good_1","model_id":"good","symbol":"BTC","side":"long","quantity":1,"entry_time":1761000000,"exit_time":1761000100,"entry_price":1,"exit_price":2,"realized_net_pnl":1},
			{"id":"bad_1","model_id":"bad","symbol":"BAD","side":"long","quantity":1,"entry_time":1761000000,"exit_time":1761000100,"entry_price":1,"exit_price":2,"realized_net_pnl":1.7e308}],
			"serverTime":253402300799000}`,
		"account-totals.json": `{"accountTotals":[
			{"model_id":"good","timestamp":1761003700,"dollar_equity":1,"since_inception_hourly_marker":1},
			{"model_id":"good","timestamp":1761003800,"dollar_equity":1,"since_inception_hourly_marker":900,
			 "positions":{"BTC":{"symbol":"BTC","entry_price":1,"quantity":7}}}]}`,
		"since-inception-values.json": `{"sinceInceptionValues":[
			{"model_id":"good","nav_since_inception":10000,"inception_date":1761000000},
			{"model_id":"bad","nav_since_inception":1e-300,"inception_date":1761000000}]}`,
		"conversations.json": `{"conversations":[
			{"model_id":"good","messages":[{"role":"user","content":"","timestamp":1761000000}]},
			{"model_id":"bad","messages":[{"role":"user","content":"","timestamp":1}]},
			{"id":"bad_1","model_id":"bad","timestamp":1761000000,"inserted_at":253402300799}]}`,
		"analytics.json": `{"analytics":[{"model_id":"good"},{"model_id":"bad","updated_at":253402300799}]}`,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600))
	}
	report, err := importer.Import(t.Context(), dir, importer.Options{
		Store: store, PrimaryProvider: "hyperliquid", Bounds: wire.Bounds(config.Default().Bounds), Now: time.Now,
	})
	require.NoError(t, err)
	refused := make(map[string]string)
	for _, kind := range report.Kinds {
		require.Len(t, kind.Rows, kind.Rejected)
		for _, row := range kind.Rows {
			require.Len(t, row.Faults, 1)
			refused[row.File+" "+row.ID] = row.Faults[0].Path
		}
	}
	require.Equal(t, map[string]string{
		"crypto-prices.json BAD":          "/timestamp",
		"trades.json bad_1":               "/realized_net_pnl",
		"account-totals.json good":        "/since_inception_hourly_marker",
		"since-inception-values.json bad": "/nav_since_inception",
		"conversations.json bad":          "/messages/0/timestamp",
		"conversations.json bad_1":        "/inserted_at",
		"analytics.json bad":              "/updated_at",
	}, refused)
	require.Equal(t, []string{"trades.json: member serverTime: lies more than 24h0m0s in the future"}, report.Ignored)
	require.Equal(t, time.Unix(1761003700, 0).UTC(), report.CapturedAt.Truncate(time.Second))

	models, err := store.Models.All(t.Context())
	require.NoError(t, err)
	require.Len(t, models, 1, "a row that is refused makes no model known")
	symbols, err := store.Symbols.All(t.Context())
	require.NoError(t, err)
	require.Len(t, symbols, 1)
	positions, err := store.Positions.Open(t.Context(), "hyperliquid")
	require.NoError(t, err)
	require.Empty(t, positions, "nor does it state positions")
}
