package atlas

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLeaderboardView(t *testing.T) {
	t.Parallel()
	db := applied(t)
	execute(t, db, `INSERT INTO models (id, display_name, kind) VALUES ('a', 'A', 'competitor'), ('b', 'B', 'competitor'), ('c', 'C', 'competitor'), ('hold', 'Hold', 'benchmark')`)
	execute(t, db, `INSERT INTO accounts (model_id, provider, inception_nav) VALUES ('a', 'p', 10000), ('b', 'p', 10000), ('hold', 'p', 10000)`)
	execute(t, db, `INSERT INTO account_equity_snapshots (model_id, observed_at, since_inception_hourly_marker, dollar_equity, sharpe_ratio) VALUES
		('a', '2026-01-01', 0, 99999, 1), ('a', '2026-01-02', 24, 9000, -0.5), ('b', '2026-01-02', 24, 12500, NULL), ('hold', '2026-01-02', 24, 20000, 0)`)
	execute(t, db, `INSERT INTO model_stats (model_id, num_trades, winners_count, losers_count, winners_net_sum, losers_net_sum) VALUES ('a', 3, 1, 2, 10.5, -20.25)`)

	rows, err := db.QueryContext(t.Context(), `SELECT concat_ws(' ', model_id, equity, return_pct, num_trades, num_wins, num_losses, win_dollars, lose_dollars, coalesce(sharpe::text, 'none')) FROM v_leaderboard`)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	var board []string
	for rows.Next() {
		var row string
		require.NoError(t, rows.Scan(&row))
		board = append(board, row)
	}
	require.NoError(t, rows.Err())

	assert.Equal(t, []string{
		"b 12500 25 0 0 0 0 0 none",
		"a 9000 -9.999999999999998 3 1 2 10.5 -20.25 -0.5",
		"c 0 0 0 0 0 none",
	}, board)
}

// The views have the rows of each competition, with what is of it alone.
func TestViewsOfCompetitions(t *testing.T) {
	t.Parallel()
	db := applied(t)
	execute(t, db, `INSERT INTO competitions (id, name, status, starts_at) VALUES ('calm', 'Calm', 'running', '2026-03-01')`)
	execute(t, db, `INSERT INTO models (id, display_name, kind) VALUES ('a', 'A', 'competitor'), ('b', 'B', 'competitor'), ('new', 'N', 'competitor'), ('nowhere', 'W', 'competitor')`)
	execute(t, db, `INSERT INTO accounts (competition_id, model_id, provider, inception_nav) VALUES ('season-1', 'a', 'p', 100), ('season-1', 'b', 'p', 100), ('calm', 'a', 'p', 200), ('calm', 'new', 'p', 200)`)
	execute(t, db, `INSERT INTO account_equity_snapshots (competition_id, model_id, observed_at, since_inception_hourly_marker, dollar_equity) VALUES
		('season-1', 'a', '2026-01-02', 1, 110), ('season-1', 'b', '2026-01-02', 1, 120), ('calm', 'a', '2026-03-02', 1, 100), ('calm', 'new', '2026-03-02', 1, 300)`)
	execute(t, db, `INSERT INTO model_stats (competition_id, model_id, num_trades) VALUES ('season-1', 'a', 3), ('calm', 'a', 5)`)
	execute(t, db, `INSERT INTO decision_cycles (competition_id, model_id, id, executed_at, success) VALUES ('season-1', 'a', '1', now(), true), ('calm', 'a', '1', now(), true), ('calm', 'a', '2', now(), true)`)

	board := `SELECT string_agg(concat_ws(' ', competition_id, model_id, equity, num_trades), ', ') FROM (SELECT * FROM v_leaderboard) AS board`
	assert.Equal(t, "season-1 b 120 0, season-1 a 110 3, season-1 nowhere 0, calm new 300 0, calm a 100 5", query[string](t, db, board))
	inception := `SELECT string_agg(concat_ws(' ', competition_id, model_id, nav_since_inception, num_invocations), ', ' ORDER BY competition_id, model_id) FROM v_since_inception`
	assert.Equal(t, "calm a 200 2, calm new 200 0, season-1 a 100 1, season-1 b 100 0", query[string](t, db, inception))
}

func TestSinceInceptionView(t *testing.T) {
	t.Parallel()
	db := applied(t)
	execute(t, db, `INSERT INTO accounts (model_id, provider, inception_id, inception_nav, invocations) VALUES ('a', 'p', 'x', 10000, 0), ('b', 'p', 'y', 10000, NULL), ('c', 'p', NULL, NULL, NULL)`)
	execute(t, db, `INSERT INTO decision_cycles (model_id, id, executed_at, success) VALUES ('a', '1', now(), true), ('b', '1', now(), true), ('b', '2', now(), false)`)

	given := `SELECT string_agg(concat_ws(' ', id, model_id, nav_since_inception, num_invocations), ', ' ORDER BY model_id) FROM v_since_inception`
	assert.Equal(t, "x a 10000 0, y b 10000 2", query[string](t, db, given))
}

func TestPricesView(t *testing.T) {
	t.Parallel()
	db := applied(t)
	execute(t, db, `INSERT INTO price_latest (provider, symbol, observed_at, price) VALUES ('p', 'BTC', now(), 1.5)`)

	assert.InDelta(t, 1.5, query[float64](t, db, `SELECT price FROM v_crypto_prices_latest WHERE symbol = 'BTC'`), 0)
}

func TestRefreshViews(t *testing.T) {
	t.Parallel()
	db := applied(t)
	execute(t, db, `SELECT refresh_views_nof0()`)
	execute(t, db, `CREATE MATERIALIZED VIEW "v_So Many" AS SELECT symbol FROM symbols`)
	execute(t, db, `CREATE UNIQUE INDEX ON "v_So Many" (symbol)`)
	execute(t, db, `CREATE MATERIALIZED VIEW v_never_filled AS SELECT symbol FROM symbols WITH NO DATA`)
	execute(t, db, `INSERT INTO symbols (symbol) VALUES ('BTC')`)

	execute(t, db, `SELECT refresh_views_nof0()`)

	assert.Equal(t, 1, query[int](t, db, `SELECT count(*) FROM "v_So Many"`))
	assert.Equal(t, 1, query[int](t, db, `SELECT count(*) FROM v_never_filled`))
}
