package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/internal/retention"
)

func TestRetentionRunAndRestore(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "archive")
	environ := []string{migratedDatabase(t), "NOF0_RETENTION_ARCHIVE_DIR=" + dir}
	mustNof0(t, environ, "import", smallSeason(t)) // of October 2025

	report := parsed[retention.Report](t, mustNof0(t, environ, "retention", "run", "--dry-run", "--json"))
	require.Len(t, report.Partitions, 1)
	require.Equal(t, retention.StateDue, report.Partitions[0].State)
	require.NoDirExists(t, dir)

	report = parsed[retention.Report](t, mustNof0(t, environ, "retention", "run", "--json"))
	require.Len(t, report.Partitions, 4, "and three to come")
	archived := report.Partitions[0]
	require.Equal(t, "price_ticks_2025_10", archived.Name)
	require.Equal(t, retention.StateArchived, archived.State)
	require.Positive(t, archived.Rows)
	require.FileExists(t, archived.File)

	restored := parsed[retention.Restored](t, mustNof0(t, environ, "retention", "restore", archived.File, "--json"))
	require.Equal(t, archived.Rows, restored.Inserted)
	require.Contains(t, mustNof0(t, environ, "retention", "restore", archived.File).out, "0 inserted")
	require.Contains(t, mustNof0(t, environ, "retention", "run").out, filepath.Base(archived.File))
	require.Contains(t, mustNof0(t, environ, "retention", "run").out, "price_ticks_"+time.Now().UTC().Format("2006_01"))

	e := nof0(t, environ, "retention", "restore", filepath.Join(dir, "none"))
	require.Equal(t, 1, e.code)
	require.Contains(t, e.err, "no such file")
}

// TestRetentionRunsAgain goes on after a run that failed.
func TestRetentionRunsAgain(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "archive")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	environ := []string{migratedDatabase(t), "NOF0_RETENTION_ARCHIVE_DIR=" + file}
	mustNof0(t, environ, "import", smallSeason(t))
	r := start(t, environ, "retention", "run", "--every", "1ms")
	r.says(t, "not a directory")
	require.NoError(t, os.Remove(file))
	r.writes(t, &r.out, "price_ticks_2025_10-")
	require.Zero(t, r.stop(t).code)
}

func TestRetentionNeedsADatabase(t *testing.T) {
	t.Parallel()
	e := nof0(t, nil, "retention", "run")
	require.Equal(t, 1, e.code)
	require.Contains(t, e.err, "NOF0_MIGRATE_DATABASE_URL")
	e = nof0(t, []string{unreachable}, "retention", "run")
	require.Equal(t, 1, e.code)
	require.NotContains(t, e.err, "hidden")
}
