package faults

import (
	"context"
	"database/sql"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"nof0/atlas"
	"nof0/atlas/rows"
	"nof0/internal/await"
	"nof0/internal/devstack"
)

// TestMigrationsUnderLoad applies every migration, and those that a next version
// could have, to tables full of rows that are read and written meanwhile. No
// statement fails, and none waits for as long as a migration may wait for a
// lock.
func TestMigrationsUnderLoad(t *testing.T) {
	stack, err := devstack.Start(t.Context(), devstack.Options{DataDir: t.TempDir(), RedisURL: "redis://unused", Ephemeral: true})
	require.NoError(t, err)
	t.Cleanup(func() { _ = stack.Close(context.Background()) })
	db, err := sql.Open("pgx", stack.DatabaseURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	s := &system{t: t} // for its figures

	files, names := withNext(t)
	migrator := atlas.New(db, atlas.Options{Migrations: files})
	many := sized(1_000_000, 2_000)
	fill := rows.FillOptions{Rows: many, Few: 100}
	next := int64(many)
	for i, name := range names {
		version := name[:len("20060102150405")]
		if i == 0 { // there is nothing to read or write before
			_, err := migrator.ApplyTo(t.Context(), version)
			require.NoError(t, err)
		} else {
			l := startLoad(t, db, fill, &next)
			l.more(500)
			report, err := migrator.ApplyTo(t.Context(), version)
			require.NoError(t, err)
			require.Len(t, report.Files, 1)
			l.more(500)
			l.stop()
			require.Zero(t, l.failed.Load(), "%s: first: %v", name, l.first.Load())
			longest := time.Duration(l.longest.Load())
			require.Less(t, longest, 5*time.Second, "the lock timeout")
			s.figuref("%s on %d rows per large table: %s; %d statements of others, 0 failed, longest wait %s",
				name, many, report.Files[0].Took.Round(time.Millisecond), l.done.Load(), longest.Round(time.Millisecond))
		}
		require.NoError(t, rows.Fill(t.Context(), db, fill))
	}
}

// withNext are the shipped migrations and those of a next version, by name.
func withNext(t *testing.T) (files fs.FS, names []string) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, atlas.Migrations()))
	for _, more := range []map[string]string{nextColumn, nextIndex, nextTicks} {
		for name, content := range more {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
		}
	}
	require.NoError(t, atlas.WriteSum(dir))
	names, err := fs.Glob(os.DirFS(dir), "*.sql")
	require.NoError(t, err)
	slices.Sort(names)
	return os.DirFS(dir), names
}

// load reads and writes every large table without pause.
type load struct {
	t      *testing.T
	cancel context.CancelFunc
	group  sync.WaitGroup

	done, failed, longest atomic.Int64
	first                 atomic.Value // of the errors
}

// startLoad begins; rows are numbered on from next.
func startLoad(t *testing.T, db *sql.DB, o rows.FillOptions, next *int64) *load {
	t.Helper()
	inserts, err := rows.Inserts(t.Context(), db, o)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{t: t, cancel: cancel}
	for _, table := range slices.Sorted(maps.Keys(inserts)) {
		l.group.Go(func() {
			for ctx.Err() == nil {
				n := atomic.AddInt64(next, 1)
				l.run(ctx, func() error {
					_, err := db.ExecContext(ctx, inserts[table], n, n)
					return err
				})
				l.run(ctx, func() error {
					var one string
					return db.QueryRowContext(ctx, `SELECT row::text FROM "`+table+`" AS row LIMIT 1`).Scan(&one)
				})
			}
		})
	}
	t.Cleanup(l.stop)
	return l
}

func (l *load) run(ctx context.Context, statement func() error) {
	began := time.Now()
	err := statement()
	if ctx.Err() != nil {
		return
	}
	took := int64(time.Since(began))
	for longest := l.longest.Load(); took > longest && !l.longest.CompareAndSwap(longest, took); longest = l.longest.Load() {
	}
	if err != nil {
		l.failed.Add(1)
		l.first.CompareAndSwap(nil, err.Error())
	}
	l.done.Add(1)
}

// more waits until so many more statements are through.
func (l *load) more(n int64) {
	l.t.Helper()
	until := l.done.Load() + n
	await.True(l.t, func() bool { return l.done.Load() >= until }, "statements are answered")
}

func (l *load) stop() {
	l.cancel()
	l.group.Wait()
}
