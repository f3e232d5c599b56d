package repository

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/entities"
	"nof0/internal/testdb"
)

// direct is a database that no pooler stands before: settings of sessions are its
// own there.
func direct(t *testing.T) string {
	t.Helper()
	return testdb.Direct(t, newDSN(t))
}

// A process that froze in a transaction, or whose machine is gone, is not there to
// give its locks back.
func TestAFrozenTransactionGivesItsLocksBack(t *testing.T) {
	t.Parallel()
	dsn := direct(t)
	g, gated := testdb.NewDatabaseWay(t, dsn)
	frozen := openStore(t, gated, func(o *Options) { o.Session = Session{Name: "frozen", IdleInTransaction: time.Minute} })
	others := openStore(t, dsn)
	locks := []Lock{LockModel("m"), LockVenue("p", "SOL")}

	err := frozen.InTx(t.Context(), func(ctx context.Context, tx Repositories) error {
		require.NoError(t, tx.Locks.Hold(ctx, locks))
		_, err := tx.Symbols.Register(ctx, []entities.Symbol{{Symbol: "SOL"}})
		require.NoError(t, err)
		// As short only now, so that a busy machine does not end it before it froze.
		require.NoError(t, tx.Models.db.WithContext(ctx).Exec("SET LOCAL idle_in_transaction_session_timeout = '50ms'").Error)
		g.Hang()

		require.NoError(t, others.InTx(ctx, func(ctx context.Context, tx Repositories) error {
			if err := tx.Locks.Hold(ctx, locks); err != nil {
				return err
			}
			added, err := tx.Symbols.Register(ctx, []entities.Symbol{{Symbol: "SOL"}})
			assert.Len(t, added, 1, "what the frozen one wrote is undone")
			return err
		}))
		g.Cut()
		return nil
	})
	require.ErrorIs(t, err, ErrUnavailable)
}

func TestATransactionMayWorkBeside(t *testing.T) {
	t.Parallel()
	s := openStore(t, direct(t), func(o *Options) { o.Session = Session{Name: "idle", IdleInTransaction: time.Minute} })
	idle := func(ctx context.Context, tx Repositories) (allowed string) {
		require.NoError(t, tx.Models.db.WithContext(ctx).Raw("SHOW idle_in_transaction_session_timeout").Scan(&allowed).Error)
		return allowed
	}
	require.NoError(t, s.InTx(t.Context(), func(ctx context.Context, tx Repositories) error {
		assert.Equal(t, "1min", idle(ctx, tx))
		require.NoError(t, tx.Locks.WorkBeside(ctx))
		assert.Equal(t, "5min", idle(ctx, tx))
		return nil
	}))
	require.NoError(t, s.InTx(t.Context(), func(ctx context.Context, tx Repositories) error {
		assert.Equal(t, "1min", idle(ctx, tx), "the next one is bounded again")
		return nil
	}))
}

func TestALockIsWaitedForSoLong(t *testing.T) {
	t.Parallel()
	dsn := direct(t)
	holder := openStore(t, dsn)
	s := openStore(t, dsn, func(o *Options) { o.Session = Session{Name: "waits", LockTimeout: 50 * time.Millisecond} })
	require.NoError(t, holder.InTx(t.Context(), func(ctx context.Context, tx Repositories) error {
		require.NoError(t, tx.Locks.Hold(ctx, []Lock{LockModel("m")}))
		require.NoError(t, tx.Models.db.WithContext(ctx).Exec("LOCK TABLE trades").Error)
		for what, wait := range map[string]func(ctx context.Context, tx Repositories) error{
			"an advisory lock": func(ctx context.Context, tx Repositories) error {
				return errors.Join(tx.Locks.Hold(ctx, []Lock{LockModel("m")}), tx.Flush(ctx))
			},
			"an advisory lock, until the commit": func(ctx context.Context, tx Repositories) error { return tx.Locks.Hold(ctx, []Lock{LockModel("m")}) },
			"a table":                            func(ctx context.Context, tx Repositories) error { _, err := tx.Trades.Newest(ctx, 1); return err },
		} {
			err := s.InTx(ctx, wait)
			require.ErrorIs(t, err, ErrLocked, what)
			require.NotErrorIs(t, err, ErrUnavailable, what)
		}
		return nil
	}))
}

// A server that was a primary and takes no writes any more is left: its connections
// would lead there for as long as they live.
func TestAServerThatTakesNoWritesIsAnOutageAndLeft(t *testing.T) {
	t.Parallel()
	dsn := direct(t)
	s := openStore(t, dsn, func(o *Options) { o.MaxOpen, o.MaxIdle = 1, 1 })
	pid := func() (pid int) {
		require.NoError(t, s.db.WithContext(t.Context()).Raw("SELECT pg_backend_pid()").Scan(&pid).Error)
		return pid
	}
	register := func() error {
		_, err := s.Symbols.Register(t.Context(), []entities.Symbol{{Symbol: "SOL"}})
		return err
	}
	conf, err := pgx.ParseConfig(dsn)
	require.NoError(t, err)
	admin, err := sql.Open("pgx", dsn)
	require.NoError(t, err)
	t.Cleanup(func() { _ = admin.Close() })
	// Its own session is as it was.
	admin.SetMaxOpenConns(1)
	name := pgx.Identifier{conf.Database}.Sanitize()
	_, err = admin.ExecContext(t.Context(), "ALTER DATABASE "+name+" SET default_transaction_read_only = on")
	require.NoError(t, err)

	before := pid() // a session of before still writes
	require.NoError(t, register())
	_, err = s.pool.ExecContext(t.Context(), "SET default_transaction_read_only = on")
	require.NoError(t, err)
	require.ErrorIs(t, register(), ErrUnavailable)
	assert.NotEqual(t, before, pid())
	require.ErrorIs(t, register(), ErrUnavailable)

	_, err = admin.ExecContext(t.Context(), "ALTER DATABASE "+name+" RESET default_transaction_read_only")
	require.NoError(t, err)
	require.NoError(t, register(), "the session after the refusal is a new one")
}

func TestPoolsBesideEachOther(t *testing.T) {
	t.Parallel()
	jobs := openStore(t, direct(t), func(o *Options) { o.MaxOpen, o.Session = 1, Session{Name: "nof0 jobs"} })
	reads, err := jobs.Beside(func(o *Options) { o.MaxOpen, o.Session = 2, Session{Name: "nof0 reads"} })
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, reads.Close()) })
	var told []string
	jobs.OnIdentity(func(is string) { told = append(told, is) })

	require.NoError(t, jobs.InTx(t.Context(), func(ctx context.Context, tx Repositories) error {
		_, err := reads.Models.All(ctx) // while the only connection of the other is taken
		require.NoError(t, err)
		var names []string
		require.NoError(t, tx.Models.db.WithContext(ctx).Raw(
			"SELECT application_name FROM pg_stat_activity WHERE datname = current_database() AND application_name <> '' ORDER BY 1").Scan(&names).Error)
		assert.Equal(t, []string{"nof0 jobs", "nof0 reads"}, names)
		assert.Equal(t, "off", scalar[string](t, reads, "SHOW jit"))
		return nil
	}))
	_, err = jobs.pool.ExecContext(t.Context(), "UPDATE store_identity SET id = 'restored'")
	require.NoError(t, err)
	require.NoError(t, reads.CheckIdentity(t.Context()))
	require.Len(t, told, 2, "what one pool finds out is told to who asked the other")
	assert.Contains(t, told[1], "restored")
}
