package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/internal/importer"
	"nof0/internal/testdb"
)

func TestImport(t *testing.T) {
	t.Parallel()
	environ := []string{migratedDatabase(t), "REDIS_URL=" + testdb.Redis(t)}
	dir := smallSeason(t)

	e := mustNof0(t, environ, "import", dir, "--json")
	require.NotContains(t, e.err, "nof0:") // progress may be told on a busy machine
	first := parsed[importer.Report](t, e)
	require.Equal(t, dir, first.Dir)
	inserted := 0
	for _, k := range first.Kinds {
		inserted += k.Inserted
	}
	require.Positive(t, inserted)

	for _, k := range parsed[importer.Report](t, mustNof0(t, environ, "import", dir, "--json")).Kinds {
		require.Zero(t, k.Inserted+k.Updated+k.Rejected, k.Kind)
	}
	table := mustNof0(t, environ, "import", dir)
	require.Contains(t, table.out, "kind ")
	require.Contains(t, table.out, "derived, not stored: leaderboard.json\n")
}

func TestImportWithRefusedRows(t *testing.T) {
	t.Parallel()
	environ := []string{migratedDatabase(t)}
	dir := smallSeason(t)
	edit(t, filepath.Join(dir, "trades.json"), `"side":"long"`, `"side":"sideways"`)

	e := nof0(t, environ, "import", dir)
	require.Equal(t, 1, e.code)
	require.NotContains(t, e.err, "nof0:") // progress may be told on a busy machine
	require.Regexp(t, `(?m)^rejected trades\.json row \d+ \(offset \d+\) ".+": /side: "sideways" is neither long nor short$`, e.out)

	e = nof0(t, environ, "import", dir, "--json")
	require.Equal(t, 1, e.code)
	report := parsed[importer.Report](t, e)
	require.Equal(t, 1, report.Rejected())
}

// TestImportOfWhatOthersCaptured explains a directory, and imports it as explained.
func TestImportOfWhatOthersCaptured(t *testing.T) {
	t.Parallel()
	environ := []string{migratedDatabase(t)}
	dir := smallSeason(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "positions.json"), []byte(`{"error":"gone","positions":[]}`), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "index.json"), []byte(`[]`), 0o600))
	verdicts := func(e ended) map[string]string {
		got := make(map[string]string)
		for _, f := range parsed[importer.Explanation](t, e).Files {
			got[f.Name] = f.Verdict
		}
		return got
	}
	want := verdicts(mustNof0(t, nil, "import", "--explain", "--json", dir))
	require.Equal(t, importer.FileIgnored, want["positions.json"])
	require.Equal(t, importer.FileIgnored, want["index.json"])
	require.Equal(t, importer.FileTaken, want["trades.json"])

	edit(t, filepath.Join(dir, "trades.json"), `"side":"long"`, `"side":""`)
	e := nof0(t, nil, "import", "--explain", dir)
	require.Equal(t, 1, e.code)
	require.Regexp(t, `(?m)^would be refused: trades\.json row \d+ \(offset \d+\) ".+": /side: "" is neither long nor short$`, e.out)
	require.Regexp(t, `(?m)^positions\.json +ignored +0 +0 +is an error answer`, e.out)

	require.NoError(t, os.Truncate(filepath.Join(dir, "crypto-prices.json"), 20))
	require.Equal(t, 2, nof0(t, nil, "import", "--explain", dir).code)
	require.Equal(t, 1, nof0(t, nil, "import", "--explain", "--skip-damaged", dir).code)
	require.Equal(t, 2, nof0(t, environ, "import", dir).code)
	e = nof0(t, environ, "import", "--skip-damaged", "--json", dir)
	require.Equal(t, 1, e.code)
	report := parsed[importer.Report](t, e)
	require.Len(t, report.Damaged, 1)
	require.Contains(t, report.Damaged[0], "crypto-prices.json: line 1, column 21 (offset 20): ends in the middle")
	require.Equal(t, 1, report.Rejected())

	// Both sides refuse the same row and answer the same.
	e = mustNof0(t, environ, "parity", "--once", "--snapshot", dir, "--domain", "trades")
	require.Regexp(t, `(?m)^trades +.*refused: trades\.json row \d+ `, e.out)
}

func TestImportThatDoesNothing(t *testing.T) {
	t.Parallel()
	migrated := migratedDatabase(t)
	broken := smallSeason(t)
	require.NoError(t, os.Truncate(filepath.Join(broken, "trades.json"), 100))
	for name, c := range map[string]struct {
		dir, database string
		says          []string
	}{
		"missing directory": {filepath.Join(broken, "nowhere"), migrated, []string{"nothing was imported", "snapshot directory", "nowhere does not exist"}},
		"file":              {filepath.Join(broken, "trades.json"), migrated, []string{"nothing was imported", "a snapshot directory is expected"}},
		"truncated file":    {broken, migrated, []string{"nothing was imported", "trades.json", "truncated"}},
		"old schema":        {broken, emptyDatabase(t), []string{"the schema is older than this binary", "run `nof0 migrate apply`"}},
	} {
		t.Run(name, func(t *testing.T) {
			e := nof0(t, []string{c.database}, "import", c.dir)
			require.Equal(t, 2, e.code)
			require.Empty(t, e.out)
			for _, part := range c.says {
				require.Contains(t, e.err, part)
			}
		})
	}
}

// TestImportNeedsNoRedis holds that an import leaves what Redis must learn to
// the outbox.
func TestImportNeedsNoRedis(t *testing.T) {
	t.Parallel()
	e := mustNof0(t, []string{migratedDatabase(t), "REDIS_URL=redis://127.0.0.1:1"}, "import", smallSeason(t))
	require.Contains(t, e.out, "trades")
	require.NotContains(t, e.err, "redis")
}
