package main

import (
	"database/sql"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/atlas/atlastest"
	"nof0/internal/await"
	"nof0/internal/testdb"
)

func TestDoctor(t *testing.T) {
	t.Parallel()
	roles, err := os.ReadFile("../../deploy/postgres/roles.sql")
	require.NoError(t, err)
	dsn := testdb.New(t, atlastest.Migrator{Roles: string(roles)})
	db, err := sql.Open("pgx", testdb.As(t, dsn, ""))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	exec := func(statement string) {
		t.Helper()
		_, err := db.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	redis := testdb.NewRedis(t)
	environ := []string{"DATABASE_URL=" + testdb.As(t, dsn, "nof0_server"), "REDIS_URL=" + redis.URL()}
	states := func(code int, more ...string) (states map[string]string) {
		t.Helper()
		e := nof0(t, append(environ[:2:2], more...), "doctor", "--json")
		require.Equal(t, code, e.code, e.out+e.err)
		states = map[string]string{}
		for _, f := range parsed[[]finding](t, e) {
			require.Equal(t, f.State == stateOK, f.Do == "", "%+v", f)
			states[f.Check] = f.State
		}
		return states
	}

	// No server has made partitions yet, and those of tests are not durable.
	found := states(1)
	require.Equal(t, "fail", found["partitions"])
	require.Equal(t, "warn", found["configuration"])
	exec(`SELECT make_price_ticks_partition((date_trunc('month', now() AT TIME ZONE 'UTC') + n * interval '1 month')::date) FROM generate_series(1, 2) AS n`)
	found = states(1, "NOF0_ADMIN_TOKEN=0123456789abcdef")
	for check, state := range found {
		if check != "durability" {
			require.Equal(t, "ok", state, check)
		}
	}
	require.Equal(t, "fail", found["durability"])
	require.Len(t, found, 17)

	exec(`REVOKE DELETE ON trades FROM nof0_server`)
	exec(`REVOKE EXECUTE ON FUNCTION make_price_ticks_partition(date) FROM nof0_server`)
	exec(`INSERT INTO parity_runs (domain, ran_at, verdict, counts, differences) VALUES
		('trades', now() - interval '1 hour', 'equal', '{}', '[]'), ('trades', now(), 'different', '{}', '[]'), ('prices', now() - interval '1 hour', 'different', '{}', '[]'), ('prices', now(), 'equal', '{}', '[]')`)
	found = states(1)
	for check, state := range map[string]string{"rights": "fail", "partitions": "fail", "parity": "warn"} {
		require.Equal(t, state, found[check], check)
	}
	require.Contains(t, nof0(t, environ, "doctor").out, "the two sources differ in trades\n")
	exec(`INSERT INTO rollout_switches (domain, read_mode, write_mode) VALUES ('trades', 'store', 'store')`)
	require.Equal(t, "ok", states(1)["parity"], "files that grow old")
	require.Equal(t, "warn", states(1, "DATABASE_URL="+testdb.As(t, dsn, ""))["role"], "the last of two is in force")
	redis.Kill()
	require.Equal(t, "fail", states(1)["Redis"])
}

// TestDoctorLooksAtReplicas holds that what keeps a replica from being read is found, with
// what to do, on a real standby.
func TestDoctorLooksAtReplicas(t *testing.T) {
	t.Parallel()
	primary := testdb.NewServer(t, "")
	standby := testdb.NewServer(t, primary)
	replicas := func(dsns ...string) (found []finding) {
		t.Helper()
		e := nof0(t, []string{"DATABASE_URL=" + primary, "REDIS_URL=redis://127.0.0.1:1", "NOF0_POSTGRES_REPLICAS=" + strings.Join(dsns, ",")}, "doctor", "--json")
		for _, f := range parsed[[]finding](t, e) {
			require.NotContains(t, f.Found, "hidden")
			if strings.HasPrefix(f.Check, "replica ") {
				found = append(found, f)
			}
		}
		require.Len(t, found, len(dsns))
		return found
	}
	await.True(t, func() bool { return replicas(standby)[0].State == stateOK }, "it streams")

	other, err := url.Parse(standby)
	require.NoError(t, err)
	other.Path = "/postgres"
	limited, err := url.Parse(standby)
	require.NoError(t, err)
	testdb.Execute(t, primary, `CREATE ROLE blind LOGIN PASSWORD 'hidden'`)
	limited.User = url.UserPassword("blind", "hidden")
	var found []finding
	await.True(t, func() bool {
		found = replicas(standby, primary, other.String(), limited.String(), os.Getenv("DATABASE_URL"), unreachable[len("DATABASE_URL="):])
		return strings.HasPrefix(found[3].Found, "its user may not see") // the role is there too
	})
	for i, says := range []string{"a standby, ", "no standby", "another database", "its user may not see", "of another cluster", "error connecting"} {
		require.Contains(t, found[i].Found, says)
		require.Equal(t, i == 0, found[i].State == stateOK, "%+v", found[i])
		require.Equal(t, i == 0, found[i].Do == "", "%+v", found[i])
	}

	testdb.Execute(t, standby, `SELECT pg_wal_replay_pause()`)
	await.True(t, func() bool { return strings.HasPrefix(replicas(standby)[0].Found, "it does not replay") })
	testdb.Execute(t, standby, `SELECT pg_wal_replay_resume()`)
	testdb.Execute(t, standby, `ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port=1'`)
	testdb.Execute(t, standby, `SELECT pg_reload_conf()`)
	await.True(t, func() bool {
		f := replicas(standby)[0]
		return strings.HasPrefix(f.Found, "it streams nothing") && f.State == stateWarn
	})
}

func TestDoctorWithoutAnything(t *testing.T) {
	t.Parallel()
	e := nof0(t, nil, "doctor")
	require.Equal(t, 1, e.code)
	require.Contains(t, e.out, "DATABASE_URL")
	e = nof0(t, []string{emptyDatabase(t), "REDIS_URL=redis://127.0.0.1:1"}, "doctor")
	require.Equal(t, 1, e.code)
	require.Contains(t, e.out, "nof0 migrate apply")
	require.Contains(t, e.out, "Is Redis running there?")
	e = nof0(t, []string{unreachable, "REDIS_URL=redis://127.0.0.1:1"}, "doctor")
	require.Equal(t, 1, e.code)
	require.NotContains(t, e.out+e.err, "hidden")
}
