package jsonstore

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/internal/snapshot"
)

// directory writes files into a new directory.
func directory(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, body := range files {
		put(t, dir, name, body)
	}
	return dir
}

func put(t testing.TB, dir, name, body string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600))
}

// only requires that a directory holds these names, the lock, and no others.
func only(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var got []string
	for _, e := range entries {
		if e.Name() != ".lock" {
			got = append(got, e.Name())
		}
	}
	require.Equal(t, names, got)
}

// write replaces one file.
func write(dir string, kind snapshot.Kind, payload any) error {
	return snapshot.Edit(context.Background(), dir, func(e *snapshot.Editing) error {
		_, err := e.Put(kind, "", payload)
		return err
	})
}
