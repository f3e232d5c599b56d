package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/internal/export"
	"nof0/internal/importer"
)

func TestExport(t *testing.T) {
	t.Parallel()
	environ := []string{migratedDatabase(t)}
	mustNof0(t, environ, "import", smallSeason(t))
	dir := filepath.Join(t.TempDir(), "new", "export")

	first := parsed[export.Report](t, mustNof0(t, environ, "export", dir, "--json"))
	require.Equal(t, dir, first.Dir)
	require.Len(t, first.Files, 8)
	for _, f := range first.Files {
		info, err := os.Stat(filepath.Join(dir, f.Name))
		require.NoError(t, err)
		require.Equal(t, info.Size(), f.Bytes)
		require.Positive(t, f.Rows, f.Name)
	}
	require.Regexp(t, `(?m)^trades\.json +\d+ +\d+$`, mustNof0(t, environ, "export", dir).out)
	for _, k := range parsed[importer.Report](t, mustNof0(t, environ, "import", dir, "--json")).Kinds {
		require.Zero(t, k.Inserted+k.Updated+k.Rejected, k.Kind)
	}
}

func TestExportRefuses(t *testing.T) {
	t.Parallel()
	database := migratedDatabase(t)
	other := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(other, "letter.txt"), []byte("dear"), 0o600))
	season := smallSeason(t)
	for name, c := range map[string]struct {
		environ []string
		args    []string
		code    int
		says    string
	}{
		"something else":     {[]string{database}, []string{other}, 1, "--force writes there all the same"},
		"a file":             {[]string{database}, []string{filepath.Join(other, "letter.txt")}, 1, "is a file"},
		"the snapshot":       {[]string{database, "NOF0_SNAPSHOT_DIR=" + season}, []string{season, "--force"}, 1, "only ever read"},
		"the JSON store":     {[]string{database, "NOF0_JSON_DIR=" + season}, []string{season}, 1, "may hold what Postgres does not"},
		"an old schema":      {[]string{emptyDatabase(t)}, []string{filepath.Join(other, "x")}, 1, "the schema is older than this binary"},
		"without a database": {nil, []string{filepath.Join(other, "x")}, 1, "DATABASE_URL"},
		"no directory":       {[]string{database}, nil, 2, "takes one argument"},
	} {
		t.Run(name, func(t *testing.T) {
			e := nof0(t, c.environ, append([]string{"export"}, c.args...)...)
			require.Equal(t, c.code, e.code, e.err)
			require.Contains(t, e.err, c.says)
			require.Empty(t, e.out)
		})
	}
	require.NoDirExists(t, filepath.Join(other, "x"))
	mustNof0(t, []string{database}, "export", other, "--force")
	require.FileExists(t, filepath.Join(other, "letter.txt"))
}
