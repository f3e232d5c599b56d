package atlas

import (
	"context"
	"database/sql"
	"io/fs"
	"os"
	"testing"
	"testing/fstest"
	"time"

	"ariga.io/atlas/sql/migrate"
	"github.com/stretchr/testify/require"
)

// The DSN of a server on which tests may create databases.
func databaseURL(t *testing.T) string {
	t.Helper()
	dsn := os.Getenv("DATABASE_URL")
	if dsn == "" {
		t.Fatal("DATABASE_URL is not set, and these tests need a Postgres server: run make test")
	}
	return dsn
}

func newScratch(t *testing.T) Scratch {
	t.Helper()
	scratch, err := NewScratch(databaseURL(t))
	require.NoError(t, err)
	return scratch
}

// emptyDB is a database of this test alone.
func emptyDB(t *testing.T) *sql.DB {
	t.Helper()
	db, drop, err := newScratch(t).create(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, drop(context.Background())) })
	return db
}

// migrations is a migration directory with a fitting atlas.sum.
func migrations(t *testing.T, files map[string]string) fstest.MapFS {
	t.Helper()
	dir := &migrate.MemDir{}
	result := fstest.MapFS{}
	for name, content := range files {
		require.NoError(t, dir.WriteFile(name, []byte(content)))
		result[name] = &fstest.MapFile{Data: []byte(content)}
	}
	sum, err := dir.Checksum()
	require.NoError(t, err)
	text, err := sum.MarshalText()
	require.NoError(t, err)
	result[migrate.HashFileName] = &fstest.MapFile{Data: text}
	return result
}

// onDisk writes a migration directory to a temporary place.
func onDisk(t *testing.T, files fs.FS) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, files))
	return dir
}

func execute(t *testing.T, db *sql.DB, statement string, args ...any) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), statement, args...)
	require.NoError(t, err)
}

func query[T any](t *testing.T, db *sql.DB, statement string, args ...any) T {
	t.Helper()
	var value T
	require.NoError(t, db.QueryRowContext(t.Context(), statement, args...).Scan(&value))
	return value
}

func hasTable(t *testing.T, db *sql.DB, name string) bool {
	t.Helper()
	return query[bool](t, db, `SELECT to_regclass($1) IS NOT NULL`, name)
}

// until asks the database again and again until it says yes.
func until(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		var yes bool
		require.NoError(t, db.QueryRowContext(ctx, statement).Scan(&yes))
		if yes {
			return
		}
	}
}
