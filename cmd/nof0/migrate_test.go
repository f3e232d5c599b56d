package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/atlas"
	"nof0/internal/apiclient"
	"nof0/internal/testdb"
)

func TestMigrateApplyAndStatus(t *testing.T) {
	t.Parallel()
	environ := []string{emptyDatabase(t)}

	before := parsed[atlas.Status](t, mustNof0(t, environ, "migrate", "status", "--json"))
	require.NotEmpty(t, before.Pending)
	require.Empty(t, before.Applied)
	table := mustNof0(t, environ, "migrate", "status")
	require.Equal(t, len(before.Pending), strings.Count(table.out, " pending"))

	applied := mustNof0(t, environ, "migrate", "apply")
	for _, name := range before.Pending {
		require.Contains(t, applied.out, name)
	}
	after := parsed[atlas.Status](t, mustNof0(t, environ, "migrate", "status", "--json"))
	require.Empty(t, after.Pending)
	require.Len(t, after.Applied, len(before.Pending))
	table = mustNof0(t, environ, "migrate", "status")
	require.Equal(t, len(before.Pending), strings.Count(table.out, " applied "))

	newest := after.Applied[len(after.Applied)-1].Version
	require.Equal(t, "nothing to do: the schema is at "+newest+"\n", mustNof0(t, environ, "migrate", "apply").out)
	again := parsed[atlas.Report](t, mustNof0(t, environ, "migrate", "apply", "--json"))
	require.Equal(t, atlas.Report{From: newest, To: newest, Files: []atlas.Step{}}, again)
}

func TestMigrateRefusesOtherEncodings(t *testing.T) {
	t.Parallel()
	for _, command := range [][]string{{"migrate", "apply"}, {"migrate", "status"}, {"serve"}} {
		e := nof0(t, []string{"DATABASE_URL=" + testdb.Encoded(t, "SQL_ASCII"), "REDIS_URL=redis://127.0.0.1:1"}, command...)
		require.Equal(t, 1, e.code)
		require.Contains(t, e.err, "keeps text as SQL_ASCII, and UTF8 is needed")
	}
}

func TestMigrateDryRunToAndDown(t *testing.T) {
	t.Parallel()
	environ := []string{emptyDatabase(t)}
	files := parsed[atlas.Status](t, mustNof0(t, environ, "migrate", "status", "--json")).Pending
	first, _, _ := strings.Cut(files[0], "_")

	dry := mustNof0(t, environ, "migrate", "apply", "--to", first, "--dry-run")
	require.Contains(t, dry.out, "-- "+files[0]+": in one transaction; lock_timeout 5s, statement_timeout 1m0s\n")
	require.Contains(t, dry.out, `CREATE TABLE "models" (`)
	require.NotContains(t, dry.out, files[1])
	require.Empty(t, parsed[atlas.Status](t, mustNof0(t, environ, "migrate", "status", "--json")).Applied)

	planned := parsed[[]atlas.Planned](t, mustNof0(t, append(environ, "NOF0_MIGRATE_LOCK_TIMEOUT=2s"), "migrate", "apply", "--dry-run", "--json"))
	require.Len(t, planned, len(files))
	require.Equal(t, 2*time.Second, planned[0].LockTimeout)

	require.Contains(t, mustNof0(t, environ, "migrate", "apply", "--to", first).out, "the schema is at "+first+"\n")
	require.Contains(t, mustNof0(t, environ, "migrate", "down", "--dry-run").out, `DROP TABLE "models"`)
	// What the version before uses is taken away when that is asked for; until then
	// this one works beside it.
	expanded := mustNof0(t, environ, "migrate", "apply")
	contracts := func(name string) bool { return strings.Contains(name, "_contract_") }
	contraction := files[slices.IndexFunc(files, contracts):]
	require.Contains(t, expanded.out, files[1])
	require.NotContains(t, expanded.out, contraction[0])
	require.Contains(t, expanded.err, "left out: "+strings.Join(contraction, ", "))
	require.Contains(t, expanded.err, "`nof0 migrate apply --contract`")
	beside := parsed[atlas.Status](t, mustNof0(t, environ, "migrate", "status", "--json"))
	require.Equal(t, contraction, beside.Pending)
	// What was written after a contraction waits for it, and so does this version.
	require.Equal(t, slices.ContainsFunc(contraction, func(name string) bool { return !contracts(name) }), beside.Older())
	require.Contains(t, mustNof0(t, environ, "migrate", "apply", "--contract").out, contraction[0])
	down := parsed[atlas.Report](t, mustNof0(t, environ, "migrate", "down", "--to", first, "--yes", "--json"))
	require.Equal(t, first, down.To)
	require.Len(t, down.Files, len(files)-1)
	require.Contains(t, mustNof0(t, environ, "migrate", "down", "--to", "0", "--yes").out, "the schema is empty\n")
	require.Equal(t, "nothing to do: the schema is empty\n", mustNof0(t, environ, "migrate", "down").out)

	e := nof0(t, environ, "migrate", "apply", "--to", "29990101000000")
	require.Equal(t, 1, e.code)
	require.Contains(t, e.err, `no migration has the version "29990101000000"`)
}

func TestMigrateDownSaysWhatItLosesAndAsks(t *testing.T) {
	t.Parallel()
	variable := migratedDatabase(t)
	db := connect(t, variable)
	_, err := db.Exec(t.Context(), `INSERT INTO json_mirror (domain, sequence, mirrored_at) VALUES ('a', 1, now()), ('b', 2, now()), ('c', 3, now());
		INSERT INTO symbols (symbol) VALUES ('BTC'), ('ETH')`)
	require.NoError(t, err)
	status := func() atlas.Status {
		return parsed[atlas.Status](t, mustNof0(t, []string{variable}, "migrate", "status", "--json"))
	}
	before := status()

	refused := nof0(t, []string{variable}, "migrate", "down", "--to", "0")
	require.Equal(t, 1, refused.code)
	require.Contains(t, refused.err, "  loses table json_mirror: 3 rows\n")
	require.Contains(t, refused.err, "  loses table symbols: 2 rows\n")
	require.Contains(t, refused.err, "add --yes")
	require.Equal(t, before, status())
	require.Contains(t, mustNof0(t, []string{variable}, "migrate", "down", "--to", "0", "--dry-run").out, "-- loses table symbols: 2 rows\n")

	mustNof0(t, []string{variable}, "migrate", "down", "--to", "0", "--yes")
	require.Empty(t, status().Applied)
}

// Tables lie in the first schema of the search path, whoever has set it, and
// those of others in the same database stay out of it.
func TestASchemaOfItsOwn(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]struct {
		schema, parameter string
		path              func(database string) string
	}{
		"by the database": {schema: "arena", path: func(database string) string {
			return fmt.Sprintf(`ALTER DATABASE %q SET search_path = arena, public`, database)
		}},
		"by the role": {schema: "arena", path: func(database string) string {
			return fmt.Sprintf(`ALTER ROLE CURRENT_USER IN DATABASE %q SET search_path = "$user", arena, public`, database)
		}},
		"by the DSN":            {schema: "Arena One", parameter: "&search_path=%22Arena%20One%22"},
		"by options of the DSN": {schema: "arena", parameter: "&options=-csearch_path%3Darena"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			variable := emptyDatabase(t)
			db := connect(t, variable)
			others := `CREATE TABLE trades (of text); CREATE VIEW v_leaderboard AS SELECT 1 AS one; CREATE TABLE atlas_schema_revisions (version text);
				INSERT INTO trades VALUES ('others'); INSERT INTO atlas_schema_revisions VALUES ('1')`
			_, err := db.Exec(t.Context(), others+fmt.Sprintf(`; CREATE SCHEMA %q`, set.schema))
			require.NoError(t, err)
			if set.path != nil {
				var database string
				require.NoError(t, db.QueryRow(t.Context(), `SELECT current_database()`).Scan(&database))
				_, err = db.Exec(t.Context(), set.path(database))
				require.NoError(t, err)
			}
			environ := []string{variable + set.parameter, "NOF0_INGEST_TOKEN=" + strings.Repeat("t", 32), "NOF0_ADMIN_TOKEN=" + strings.Repeat("a", 32), "NOF0_HTTP_ADDR=127.0.0.1:0", "REDIS_URL=" + testdb.NewRedis(t).URL(), "NOF0_RETENTION_ARCHIVE_DIR=" + t.TempDir()}
			count := func(query string, args ...any) (n int) {
				require.NoError(t, db.QueryRow(t.Context(), query, args...).Scan(&n))
				return n
			}

			require.Contains(t, mustNof0(t, environ, "migrate", "apply").out, "initial.sql")
			require.Empty(t, parsed[atlas.Status](t, mustNof0(t, environ, "migrate", "status", "--json")).Pending)
			dir := filepath.Join(t.TempDir(), "season")
			mustNof0(t, nil, "season", "generate", dir, "--models", "2", "--hours", "3")
			mustNof0(t, environ, "import", dir)
			mustNof0(t, environ, "retention", "run")
			for _, f := range parsed[[]finding](t, nof0(t, environ, "doctor", "--json")) {
				require.NotContains(t, f.Found, "SQLSTATE", f.Check)
			}
			roles, err := os.ReadFile("../../deploy/postgres/roles.sql")
			require.NoError(t, err)
			asked, owns := strings.CutSuffix(strings.TrimSpace(string(roles)), "COMMIT;")
			require.True(t, owns)
			testdb.Execute(t, testdb.As(t, strings.TrimPrefix(variable, "DATABASE_URL="), "")+set.parameter, asked+"ROLLBACK;")

			server := start(t, environ, "serve")
			url := server.ready(t)
			tables, err := apiclient.Client{URL: url, Token: strings.Repeat("a", 32)}.Do(t.Context(), http.MethodGet, "/admin/tables", nil)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, tables.StatusCode, "%s", tables.Body)
			_, values := get(t, url+"/api/since-inception-values")
			require.Len(t, values["sinceInceptionValues"], 2)
			api := apiclient.Client{URL: url, Token: strings.Repeat("t", 32)}
			answer, err := api.Do(t.Context(), http.MethodPost, "/api/ingest/prices?register=true", []byte(`{"symbol":"XYZ","price":1.5,"timestamp":1760000000000}`))
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, answer.StatusCode)
			_, prices := get(t, url+"/api/crypto-prices")
			require.Contains(t, prices["prices"], "XYZ")
			server.stop(t)
			validate := []string{"migrate", "validate", "--dir", t.TempDir(), "--scratch", os.Getenv("DATABASE_URL")}
			require.Contains(t, mustNof0(t, environ, validate...).out, "database", "with partitions and rows")

			mustNof0(t, environ, "migrate", "down", "--to", "0", "--yes")
			require.Zero(t, count(`SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
				WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v') AND c.relname <> 'atlas_schema_revisions'`, set.schema))
			require.Equal(t, 3, count(`SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v')`))
			require.Equal(t, 1, count(`SELECT count(*) FROM public.trades WHERE of = 'others'`))
		})
	}
	t.Run("a search path that leads nowhere", func(t *testing.T) {
		t.Parallel()
		e := nof0(t, []string{emptyDatabase(t) + "&search_path=nowhere"}, "migrate", "apply")
		require.Equal(t, 1, e.code)
		require.Contains(t, e.err, "no schema of the search path (nowhere) exists in this database")
	})
}

func TestMigrateValidate(t *testing.T) {
	t.Parallel()
	environ := []string{migratedDatabase(t)}
	e := nof0(t, environ, "migrate", "validate")
	require.Equal(t, 1, e.code)
	require.Contains(t, e.err, "permission denied to create database", "an application's user needs no such right")
	require.Contains(t, e.err, "--scratch")

	validate := []string{"migrate", "validate", "--scratch", os.Getenv("DATABASE_URL")}
	fine := mustNof0(t, environ, validate...)
	require.Equal(t, 3, strings.Count(fine.out, " ok "))
	in := slices.Concat(validate, []string{"--dir", filepath.Join("..", "..", "atlas")})
	require.Contains(t, mustNof0(t, environ, in...).out, "migrations in "+in[5])

	db := connect(t, environ[0])
	for _, statement := range []string{
		`ALTER TABLE trades ADD COLUMN by_hand text`,
		`DROP INDEX trades_account_newest`,
		`CREATE OR REPLACE VIEW v_crypto_prices_latest AS SELECT provider, symbol, price * 2 AS price, observed_at FROM price_latest`,
	} {
		_, err := db.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	changed := nof0(t, environ, validate...)
	require.Equal(t, 1, changed.code)
	require.Contains(t, changed.out, `ALTER TABLE "trades" DROP COLUMN "by_hand"`)
	require.Contains(t, changed.out, `CREATE INDEX "trades_account_newest"`)
	require.Contains(t, changed.out, "view v_crypto_prices_latest is")
	require.Contains(t, changed.err, "1 of 3 checks failed")
	checks := parsed[[]checked](t, nof0(t, environ, append(validate, "--json")...))
	require.Len(t, checks[2].Differences, 3)
	require.NotContains(t, mustNof0(t, environ, append(validate, "--files")...).out, "database")
}

// The shipped migrations are linted by a test of atlas and by make schema-check.
func TestMigrateLint(t *testing.T) {
	t.Parallel()
	environ := []string{"DATABASE_URL=" + os.Getenv("DATABASE_URL")} // where databases may be made
	dir := t.TempDir()
	write := func(name, content, undo string) {
		for below, text := range map[string]string{"migrations": content, "rollback": undo} {
			require.NoError(t, os.MkdirAll(filepath.Join(dir, below), 0o750))
			require.NoError(t, os.WriteFile(filepath.Join(dir, below, name), []byte(text), 0o600))
		}
		mustNof0(t, nil, "migrate", "sum", "--dir", dir)
	}
	write("20260101000000_initial.sql", "CREATE TABLE things (id bigint PRIMARY KEY, size integer NULL);\n", "DROP TABLE things;\n")
	fine := mustNof0(t, environ, "migrate", "lint", "--dir", dir)
	require.Contains(t, fine.out, "files linted")
	require.Contains(t, fine.err, "NOT CHECKED: nobody knows whether the migrations only grew")

	const less, change, undo = "20260102000000_less.sql", "ALTER TABLE things DROP COLUMN size;\n", "ALTER TABLE things ADD COLUMN size integer NULL;\n"
	write(less, change, undo)
	e := nof0(t, environ, "migrate", "lint", "--dir", dir)
	require.Equal(t, 1, e.code)
	require.Contains(t, e.out, less+`:1: destructive: Dropping non-virtual column "size"`)
	require.Contains(t, e.err, "1 findings are not allowed")

	write(less, "-- nof0:nolint destructive: nobody reads it\n\n"+change, undo)
	report := parsed[atlas.LintReport](t, mustNof0(t, environ, "migrate", "lint", "--dir", dir, "--json"))
	require.Len(t, report.Findings, 1)
	require.Equal(t, "nobody reads it", report.Findings[0].Allowed)
}

func TestMigrateReachesPastAPooler(t *testing.T) {
	t.Parallel()
	direct, _ := strings.CutPrefix(emptyDatabase(t), "DATABASE_URL=")
	e := mustNof0(t, []string{unreachable, "NOF0_MIGRATE_DATABASE_URL=" + direct}, "migrate", "status", "--json")
	require.NotEmpty(t, parsed[atlas.Status](t, e).Pending)
}

// The sources are copied: diff and sum write to them.
func TestMigrateDiffAndSum(t *testing.T) {
	t.Parallel()
	environ := []string{"DATABASE_URL=" + os.Getenv("DATABASE_URL")} // where databases may be made
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "migrations"), atlas.Migrations()))
	require.NoError(t, os.CopyFS(filepath.Join(dir, "rollback"), atlas.Rollbacks()))

	e := mustNof0(t, environ, "migrate", "diff", "nothing", "--dir", dir)
	require.Equal(t, "nothing to do: the migrations build what the entities describe\n", e.out)
	require.Equal(t, readDir(t, filepath.Join("..", "..", "atlas", "migrations")), readDir(t, filepath.Join(dir, "migrations")))
	require.FileExists(t, filepath.Join(dir, "schema.sql"))

	e = nof0(t, environ, "migrate", "diff", "Not A Name", "--dir", dir)
	require.Equal(t, 1, e.code)
	require.Contains(t, e.err, "use lower-case words and digits joined by underscores")

	mended := filepath.Join(dir, "migrations", "29990101000000_by_hand.sql")
	require.NoError(t, os.WriteFile(mended, []byte("CREATE VIEW by_hand AS SELECT 1 AS one;\n"), 0o600))
	e = nof0(t, environ, "migrate", "diff", "nothing", "--dir", dir)
	require.Equal(t, 1, e.code)
	require.Contains(t, e.err, "29990101000000_by_hand.sql was added")
	require.Contains(t, e.err, "nof0 migrate sum")

	e = mustNof0(t, nil, "migrate", "sum", "--dir", dir)
	require.Equal(t, filepath.Join(dir, "migrations", "atlas.sum")+"\n", e.out)
	e = mustNof0(t, environ, "migrate", "diff", "nothing", "--dir", dir, "--json")
	require.Equal(t, map[string][]string{"files": {}}, parsed[map[string][]string](t, e))
}
