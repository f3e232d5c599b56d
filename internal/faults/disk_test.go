//go:build fulldisk

package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"nof0/internal/apiclient"
	"nof0/internal/testdb"
)

// disk is a small file system of its own.
type disk struct {
	t   *testing.T
	dir string
}

func newDisk(t *testing.T, size string) disk {
	t.Helper()
	// Not in t.TempDir(), which the account of Postgres cannot enter.
	dir, err := os.MkdirTemp("", "nof0-disk-") //nolint:usetesting // see above
	require.NoError(t, err)
	require.NoError(t, syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=0755,size="+size),
		"a full disk needs one of its own: this test has to run as root, where tmpfs may be mounted (CAP_SYS_ADMIN)")
	t.Cleanup(func() {
		require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH))
		require.NoError(t, os.Remove(dir))
	})
	return disk{t, dir}
}

func (d disk) ballast() string { return filepath.Join(d.dir, "ballast") }

// fill leaves no room.
func (d disk) fill() {
	d.t.Helper()
	file, err := os.Create(d.ballast())
	require.NoError(d.t, err)
	defer file.Close()
	block := make([]byte, 4096)
	for err == nil {
		_, err = file.Write(block)
	}
	require.ErrorIs(d.t, err, syscall.ENOSPC)
}

func (d disk) empty() {
	d.t.Helper()
	require.NoError(d.t, os.Remove(d.ballast()))
}

// TestOutagesOfAFullPostgres fills the disk of Postgres: no table grows any more, then
// nothing can be logged, which ends it.
func TestOutagesOfAFullPostgres(t *testing.T) {
	d := newDisk(t, "256m")
	s := startSystemIn(t, d.dir, testdb.NewRedis(t))
	one, _ := s.serve(s.bin)
	two, _ := s.serve(s.bin)
	w := s.witness(20*time.Millisecond, one, two)
	time.Sleep(lasts() / 4) // everything is known
	ready := func() {
		for began := time.Now(); time.Since(began) < lasts(); time.Sleep(50 * time.Millisecond) {
			for _, server := range []string{one, two} {
				res, err := http.Get(server + "/readyz")
				require.NoError(t, err)
				said, err := io.ReadAll(res.Body)
				require.NoError(t, err)
				require.NoError(t, res.Body.Close())
				require.Equal(t, http.StatusOK, res.StatusCode, "known answers exist: %s", said)
			}
		}
	}
	refused := func() {
		t.Helper()
		was := w.refused.Load()
		s.eventually("a write is refused", func() bool { return w.refused.Load() > was })
	}
	taken := func() {
		t.Helper()
		was := w.written.Load()
		s.eventually("writes are taken again", func() bool { return w.written.Load() > was+10 })
	}

	d.fill()
	refused()
	api := apiclient.Client{URL: one, Token: token}
	s.eventually("a write is refused as what ends by itself", func() bool {
		res, err := api.Do(t.Context(), http.MethodPost, "/api/ingest/models", fmt.Appendf(nil, `{"id":"full-%d"}`, time.Now().UnixNano()))
		require.NoError(t, err)
		require.Contains(t, []int{http.StatusOK, http.StatusServiceUnavailable}, res.StatusCode, "%s", res.Body)
		return strings.Contains(string(res.Body), "/problems/unavailable")
	})
	ready()
	d.empty()
	taken()
	grown := w.refused.Load()

	d.fill()
	var failed error
	s.eventually("Postgres cannot write its log, and ends", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		conn, err := pgx.Connect(ctx, s.stack.DatabaseURL)
		if err != nil {
			failed = err
			return true
		}
		defer conn.Close(context.Background())
		_, err = conn.Exec(ctx, "SELECT pg_logical_emit_message(false, 'full', repeat('x', 1000)), pg_switch_wal()")
		var pg *pgconn.PgError
		if err != nil && (!errors.As(err, &pg) || pg.SeverityUnlocalized == "PANIC") {
			failed = err
			return true
		}
		return false
	})
	refused()
	ready()
	d.empty()
	s.eventually("whatever starts Postgres does so", func() bool {
		conn, err := pgx.Connect(t.Context(), s.stack.DatabaseURL)
		if err == nil {
			return conn.Close(t.Context()) == nil
		}
		return s.stack.RestartPostgres(t.Context()) == nil
	})
	taken()
	w.ends("full disk of Postgres")
	s.figuref("%d refused while no table grew, the others after %v", grown, failed)
	last := w.begun + int64(len(w.acknowledged()))
	require.Zero(t, s.count(s.database(), `SELECT count(*) FROM generate_series($1::bigint, $2::bigint) AS n
		WHERE NOT EXISTS (SELECT FROM trades WHERE model_id = 'witness' AND id = 'witness_' || n)`, w.begun, last), "acknowledged and lost")
}

// TestOutagesOfAFullRedis fills the disk of a Redis that logs what it does, and starts it
// again with what it could log.
func TestOutagesOfAFullRedis(t *testing.T) {
	d := newDisk(t, "16m")
	r := testdb.NewRedis(t, "--dir", d.dir, "--appendonly", "yes", "--auto-aof-rewrite-percentage", "0")
	s := startSystemIn(t, t.TempDir(), r)
	one, _ := s.serve(s.bin)
	two, _ := s.serve(s.bin)
	w := s.witness(20*time.Millisecond, one, two)
	refusing := func(is int) {
		t.Helper()
		for _, server := range []string{one, two} {
			s.eventually("both notice", func() bool { return s.metric(server, "nof0_redis_refusing") == is })
		}
	}
	d.fill()
	refusing(1)
	time.Sleep(lasts())
	d.empty()
	refusing(0)
	time.Sleep(lasts() / 4)
	d.fill()
	refusing(1)
	r.Kill()
	time.Sleep(lasts() / 4)
	d.empty()
	r.Restart()
	refusing(0)
	time.Sleep(lasts() / 4)
	w.ends("full disk of Redis")
	require.Zero(t, w.refused.Load())
}

// startSystemIn is startSystem with the files of Postgres in a directory, and a Redis.
func startSystemIn(t *testing.T, dir string, redis *testdb.RedisServer) *system {
	t.Helper()
	bin, err := program()
	require.NoError(t, err)
	return startSystemOn(t, dir, redis, bin, "NOF0_HTTP_DRAIN=0s")
}
