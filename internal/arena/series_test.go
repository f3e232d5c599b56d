package arena_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"nof0/atlas/atlastest"
	"nof0/internal/arena"
	"nof0/internal/testdb"
	"nof0/repository"
)

// However many candles of a curve may hide its largest fall, what they are made of is read by
// one statement for each of the shorter lengths: quarters of an hour, minutes and rows.
func TestFallsAreLookedForInFewStatements(t *testing.T) {
	t.Parallel()
	statements := map[string]int{}
	dsn := testdb.New(t, atlastest.Migrator{})
	store, err := repository.Open(t.Context(), repository.Options{
		DSN: dsn, MaxOpen: 1, MaxIdle: 1,
		Observe: func(_ context.Context, name, method string) func(*error) {
			statements[name+"."+method]++
			return func(*error) {}
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	db, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close(context.WithoutCancel(t.Context()))) })
	_, err = db.Exec(t.Context(), `INSERT INTO models (id, display_name) VALUES ('m', 'm')`)
	require.NoError(t, err)
	// Each hour begins at its lowest, ends at its highest, and falls by a seventh once, before or
	// after an hour of the account ends in it. The other part only rises, by more than that.
	_, err = db.Exec(t.Context(), `
		INSERT INTO account_equity_snapshots (model_id, observed_at, since_inception_hourly_marker, dollar_equity)
		SELECT 'm', timestamptz '2025-01-01Z' + g * interval '20 seconds', (g + 92) / 180,
			power(3, hour) * CASE WHEN k < 30 THEN 800 WHEN k < fall THEN 1000 WHEN k = fall + 1 THEN 1200 WHEN k < 135 THEN 1400 ELSE 2000 END
		FROM generate_series(0, 180 * 200 - 1) g, LATERAL (SELECT g / 180 AS hour, g % 180 AS k, CASE g / 180 % 2 WHEN 0 THEN 97 ELSE 37 END AS fall) h`)
	require.NoError(t, err)
	curves, err := arena.NewStore(store.Repositories, "hyperliquid", time.Now).EquityCurves(t.Context(), "m", arena.Series{Points: 100})
	require.NoError(t, err)
	require.Equal(t, int64(180*200), curves.Equity[0].Rows)
	require.InDelta(t, 100.0/7, curves.Equity[0].MaxDrawdownPct, 1e-9)
	require.Equal(t, 4, statements["equity.Candles"], "hours, and what they are made of")
}
