package app_test

import (
	"database/sql"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/config"
	"nof0/internal/testdb"
)

// TestTheServerNeedsNoMoreThanItsRole lets a server that may make no table live through
// the turn of months, and tries what the roles must not do.
func TestTheServerNeedsNoMoreThanItsRole(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *config.Config) { c.IngestToken = ingestToken })
	if os.Getenv("NOF0_TEST_POOLER_URL") != "" {
		return // it takes no roles
	}
	at := time.Now().UTC()
	for _, month := range []time.Time{at.AddDate(-3, 0, 0), at.AddDate(0, 7, 0), at.AddDate(2, 0, 0)} {
		require.NoError(t, b.app.Store.Prices.EnsurePartitionsAhead(t.Context(), month))
	}
	w := request(t, ingestToken, "POST", b.url+"/api/ingest/prices?register=true",
		`{"symbol":"BTC","price":107000.5,"timestamp":1666000000000}`)
	require.Equal(t, 200, w.StatusCode, string(w.body))
	var partitions int
	require.NoError(t, b.sql(t).QueryRowContext(t.Context(),
		`SELECT count(*) FROM pg_inherits JOIN pg_class AS c ON c.oid = inhrelid
		WHERE inhparent = 'price_ticks'::regclass AND relowner = 'nof0_owner'::regrole`).Scan(&partitions))
	require.GreaterOrEqual(t, partitions, 10, "the owner has every partition")

	as := func(role string) *sql.DB {
		db, err := sql.Open("pgx", testdb.As(t, b.owner, role))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		return db
	}
	server, reader := as("nof0_server"), as("nof0_reader")
	for _, statement := range []string{
		`CREATE TABLE mine (a int)`, `DROP TABLE trades`, `TRUNCATE trades`, `ALTER TABLE trades ADD COLUMN mine int`,
		`CREATE INDEX mine ON trades (pnl)`, `DELETE FROM atlas_schema_revisions`, `CREATE SCHEMA mine`, `CREATE ROLE mine`,
	} {
		for _, db := range []*sql.DB{server, reader} {
			_, err := db.ExecContext(t.Context(), statement)
			require.ErrorContains(t, err, "SQLSTATE 42", statement)
		}
	}
	for _, statement := range []string{
		`DELETE FROM trades`, `UPDATE models SET updated_at = now()`, `INSERT INTO symbols (symbol) VALUES ('X')`, `SELECT make_price_ticks_partition('2001-01-01')`,
	} {
		_, err := reader.ExecContext(t.Context(), statement)
		require.ErrorContains(t, err, "SQLSTATE 42501", statement)
	}
	var n int
	require.NoError(t, reader.QueryRowContext(t.Context(), `SELECT
		(SELECT count(*) FROM pg_roles WHERE rolname LIKE 'nof0\_%' AND (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls)) +
		(SELECT count(*) FROM pg_auth_members WHERE member::regrole::text LIKE 'nof0\_%')`).Scan(&n))
	require.Zero(t, n, "roles that may more than they are granted")
	require.NoError(t, reader.QueryRowContext(t.Context(), `SELECT count(*) FROM v_leaderboard`).Scan(&n))
}
