package main

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/internal/testdb"
)

func TestServe(t *testing.T) {
	t.Parallel()
	environ := []string{emptyDatabase(t), "REDIS_URL=" + testdb.Redis(t), anyPort}

	old := nof0(t, environ, "serve")
	require.Equal(t, 1, old.code)
	require.Contains(t, old.err, "the schema is older than this binary")
	require.Contains(t, old.err, "run `nof0 migrate apply`, or `nof0 serve --migrate`")
	require.Empty(t, old.out)

	r := start(t, environ, "serve", "--migrate")
	at := r.ready(t)
	source, body := get(t, at+"/api/trades")
	require.Equal(t, "store", source)
	require.Equal(t, []any{}, body["trades"])

	u, err := url.Parse(at)
	require.NoError(t, err)
	taken := nof0(t, append(environ[:2:2], "NOF0_HTTP_ADDR="+u.Host), "serve")
	require.Equal(t, 1, taken.code)
	require.Contains(t, taken.err, u.Host)
	require.Contains(t, taken.err, "set NOF0_HTTP_ADDR to another address")

	e := r.stop(t)
	require.Zero(t, e.code, e.err)
	require.Equal(t, "ready "+at+"\n", e.out)

	again := start(t, environ, "serve")
	again.ready(t)
	require.Zero(t, again.stop(t).code)

	// A newer version has migrated: this one still starts, until one of its
	// migrations takes something away.
	db := connect(t, environ[0])
	newer := func(version, name string) {
		_, err := db.Exec(t.Context(), `INSERT INTO atlas_schema_revisions (version, description, type, applied, total, executed_at, execution_time, hash, operator_version)
			VALUES ($1, $2, 2, 1, 1, now(), 0, '', 'nof0 of tomorrow')`, version, name)
		require.NoError(t, err)
	}
	newer("29990101000000", "add_note")
	rolledBack := start(t, environ, "serve")
	rolledBack.ready(t)
	require.Zero(t, rolledBack.stop(t).code)
	require.Contains(t, mustNof0(t, environ, "migrate", "status").out, "29990101000000 is newer than this binary")

	newer("29990101000001", "contract_note")
	refused := nof0(t, environ, "serve")
	require.Equal(t, 1, refused.code)
	require.Contains(t, refused.err, "migration 29990101000001_contract_note took away what this binary uses; start a newer binary, or undo it with the one that applied it (`nof0 migrate down`)")
}

func TestCacheWarmAndDrop(t *testing.T) {
	t.Parallel()
	environ := []string{migratedDatabase(t), "REDIS_URL=" + testdb.Redis(t)}
	mustNof0(t, environ, "import", smallSeason(t))

	warmed := parsed[map[string]int](t, mustNof0(t, environ, "cache", "warm", "--json"))
	require.Positive(t, warmed["views"])
	dropped := parsed[map[string]int](t, mustNof0(t, environ, "cache", "drop", "--json"))
	require.Positive(t, dropped["dropped"])
	require.Equal(t, "0 keys dropped\n", mustNof0(t, environ, "cache", "drop").out)
}

// TestServeWaitsForPostgres starts a server before its database.
func TestServeWaitsForPostgres(t *testing.T) {
	t.Parallel()
	way, dsn := testdb.NewDatabaseWay(t, testdb.Direct(t, testdb.Empty(t)))
	way.Shut()
	r := start(t, []string{"DATABASE_URL=" + dsn, "REDIS_URL=" + testdb.Redis(t), anyPort, "NOF0_POSTGRES_START_WAIT=1h"}, "serve", "--migrate")
	r.says(t, "waiting for the database")
	way.Open()
	source, _ := get(t, r.ready(t)+"/api/trades")
	require.Equal(t, "store", source)
	require.Zero(t, r.stop(t).code)
}
