package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/atlas"
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
