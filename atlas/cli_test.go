//go:build atlascli

package atlas_test

import (
	"database/sql"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/atlas"
	"nof0/internal/testdb"
)

// tool is the Atlas command line tool in one environment of atlas.hcl.
type tool struct {
	t    *testing.T
	env  string
	dir  string // a copy of the project's atlas.hcl and atlas/
	urls []string
	db   *sql.DB
}

// unreachable stands where an environment must not look.
const unreachable = "postgres://nobody@127.0.0.1:1/nothing"

func eachEnvironment(t *testing.T, test func(t *testing.T, cli tool)) {
	t.Helper()
	for _, name := range []string{"local", "ci", "prod", "prod by DATABASE_URL"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env, _, fallsBack := strings.Cut(name, " ")
			cli := tool{t: t, env: env, dir: t.TempDir()}
			hcl, err := os.ReadFile(filepath.Join("..", "atlas.hcl"))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(cli.dir, "atlas.hcl"), hcl, 0o600))
			require.NoError(t, os.CopyFS(filepath.Join(cli.dir, "atlas"), os.DirFS(".")))
			target := testdb.Empty(t)
			cli.urls = []string{"DATABASE_URL=" + target, "NOF0_MIGRATE_DATABASE_URL=" + unreachable}
			switch {
			case fallsBack:
				cli.urls = []string{"DATABASE_URL=" + target}
			case env == "prod":
				cli.urls = []string{"DATABASE_URL=" + unreachable, "NOF0_MIGRATE_DATABASE_URL=" + target}
			}
			cli.db, err = sql.Open("pgx", target)
			require.NoError(t, err)
			t.Cleanup(func() { _ = cli.db.Close() })
			test(t, cli)
		})
	}
}

func (c tool) run(args ...string) (string, error) {
	c.t.Helper()
	return c.runIn(testdb.Empty(c.t), args...) // a fresh one each time, as atlas.hcl asks for
}

// runIn computes in the given dev database.
func (c tool) runIn(dev string, args ...string) (string, error) {
	c.t.Helper()
	program := os.Getenv("ATLAS_CLI")
	require.NotEmpty(c.t, program, "make atlas-cli sets ATLAS_CLI")
	cmd := exec.CommandContext(c.t.Context(), program, append(args, "--env", c.env)...)
	cmd.Dir = c.dir
	cmd.Env = slices.Concat(c.urls, []string{"ATLAS_DEV_URL=" + dev, "PATH=" + os.Getenv("PATH"), "HOME=" + c.dir, "ATLAS_NO_UPDATE_NOTIFIER=1"})
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (c tool) must(args ...string) string {
	c.t.Helper()
	out, err := c.run(args...)
	require.NoError(c.t, err, "%s", out)
	return out
}

// status is what the tool says of the database.
func (c tool) status() (status struct {
	Status  string `json:"Status"`
	Current string `json:"Current"`
	Pending []struct {
		Name string `json:"Name"`
	} `json:"Pending"`
},
) {
	c.t.Helper()
	require.NoError(c.t, json.Unmarshal([]byte(c.must("migrate", "status", "--format", "{{ json . }}")), &status))
	return status
}

func (c tool) embedded() *atlas.Migrator { return atlas.New(c.db, atlas.Options{}) }

func TestAtlasCLIThenEmbedded(t *testing.T) {
	t.Parallel()
	eachEnvironment(t, func(t *testing.T, cli tool) {
		t.Helper()
		cli.must("migrate", "apply")

		status, err := cli.embedded().Status(t.Context())
		require.NoError(t, err)
		assert.False(t, status.Older())
		assert.False(t, status.Newer())
		report, err := cli.embedded().Apply(t.Context())
		require.NoError(t, err)
		assert.Empty(t, report.Files)
		scratch, err := atlas.NewScratch(os.Getenv("DATABASE_URL"))
		require.NoError(t, err)
		require.NoError(t, atlas.Drift(t.Context(), cli.db, scratch, atlas.Migrations()))
	})
}

// What the tool leaves in its dev database makes a later run fail in the middle of a
// migration, or hides a difference.
func TestAtlasCLIRefusesAUsedDevDatabase(t *testing.T) {
	t.Parallel()
	eachEnvironment(t, func(t *testing.T, cli tool) {
		t.Helper()
		for statement, left := range map[string]string{
			`CREATE FUNCTION left_over(n bigint) RETURNS bigint LANGUAGE sql AS 'SELECT n'`: "left_over(bigint)",
			`CREATE VIEW looked_at AS SELECT 1 AS one`:                                      "looked_at",
		} {
			used := testdb.Empty(t)
			out, err := cli.runIn(used, "migrate", "validate")
			require.NoError(t, err, "%s", out)

			db, err := sql.Open("pgx", used)
			require.NoError(t, err)
			_, err = db.ExecContext(t.Context(), statement)
			require.NoError(t, errors.Join(err, db.Close()))
			out, err = cli.runIn(used, "migrate", "validate")
			require.Error(t, err)
			assert.Contains(t, out, left)
			assert.Contains(t, out, "ATLAS_DEV_URL names a database that was used before")
			assert.Contains(t, out, "docs/schema.md")
		}
		out, err := cli.runIn("", "migrate", "status")
		require.NoError(t, err, "what needs no dev database works without one: %s", out)
	})
}

func TestEmbeddedThenAtlasCLI(t *testing.T) {
	t.Parallel()
	eachEnvironment(t, func(t *testing.T, cli tool) {
		t.Helper()
		report, err := cli.embedded().Apply(t.Context())
		require.NoError(t, err)

		status := cli.status()
		assert.Equal(t, "OK", status.Status)
		assert.Equal(t, report.To, status.Current)
		assert.Empty(t, status.Pending)
		assert.Contains(t, cli.must("migrate", "apply"), "No migration files to execute")
	})
}

func TestAtlasCLIAndEmbeddedTakeTurns(t *testing.T) {
	t.Parallel()
	eachEnvironment(t, func(t *testing.T, cli tool) {
		t.Helper()
		cli.must("migrate", "apply", "1")
		first := cli.status()
		assert.Equal(t, "PENDING", first.Status)
		report, err := cli.embedded().Apply(t.Context())
		require.NoError(t, err)
		assert.Equal(t, first.Current, report.From)
		assert.Len(t, report.Files, len(first.Pending))

		_, err = cli.embedded().DownTo(t.Context(), first.Current)
		require.NoError(t, err)
		assert.Len(t, cli.status().Pending, len(first.Pending), "what was undone is pending again")
		cli.must("migrate", "apply")
		status, err := cli.embedded().Status(t.Context())
		require.NoError(t, err)
		assert.False(t, status.Older())
	})
}

func TestAtlasCLIOnTheFiles(t *testing.T) {
	t.Parallel()
	eachEnvironment(t, func(t *testing.T, cli tool) {
		t.Helper()
		assert.Empty(t, cli.must("migrate", "validate"))
		assert.Contains(t, cli.must("migrate", "diff", "nothing"), "no changes to be made")
		// An error level finding would make it fail.
		cli.must("migrate", "lint", "--latest", "1000")

		dropped := filepath.Join(cli.dir, "atlas", "migrations", "29990101000000_drop.sql")
		require.NoError(t, os.WriteFile(dropped, []byte("ALTER TABLE trades DROP COLUMN side;\n"), 0o600))
		out, err := cli.run("migrate", "validate")
		require.Error(t, err)
		assert.Contains(t, out, "checksum mismatch")
		require.NoError(t, atlas.WriteSum(filepath.Dir(dropped)))
		out, err = cli.run("migrate", "lint", "--latest", "1")
		require.Error(t, err)
		assert.Contains(t, out, "destructive changes detected")
	})
}

func TestAtlasCLIDoesNotWaitLongForALock(t *testing.T) {
	t.Parallel()
	eachEnvironment(t, func(t *testing.T, cli tool) {
		t.Helper()
		show := filepath.Join(cli.dir, "atlas", "migrations", "29990101000000_show.sql")
		require.NoError(t, os.WriteFile(show, []byte("CREATE TABLE seen AS SELECT current_setting('lock_timeout') AS lock_timeout;\n"), 0o600))
		require.NoError(t, atlas.WriteSum(filepath.Dir(show)))
		cli.must("migrate", "apply")
		var timeout string
		require.NoError(t, cli.db.QueryRowContext(t.Context(), `SELECT lock_timeout FROM seen`).Scan(&timeout))
		assert.Equal(t, "5s", timeout)
	})
}
