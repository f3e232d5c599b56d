package atomicfile_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/internal/atomicfile"
)

func TestWriteReplacesTheFileAndLeavesNothingElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "trades.json")
	for _, content := range []string{"a long first text", "short"} {
		require.NoError(t, atomicfile.Write(path, []byte(content)))
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, content, string(got))
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o644), info.Mode().Perm())
	requireOnly(t, dir, "trades.json")
}

func TestWriteThatFailsLeavesTheOldFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	// A file can't be renamed over a directory.
	path := filepath.Join(dir, "taken")
	require.NoError(t, os.Mkdir(path, 0o700))
	require.ErrorContains(t, atomicfile.Write(path, []byte("x")), "error writing "+path)
	requireOnly(t, dir, "taken")

	missing := filepath.Join(dir, "missing", "file")
	require.ErrorIs(t, atomicfile.Write(missing, nil), os.ErrNotExist)
}

func requireOnly(t *testing.T, dir, name string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Equal(t, name, entries[0].Name())
}
