package atlas

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
	"github.com/jackc/pgx/v5"
)

// lockName is what the Atlas command line tool locks while it applies.
const lockName = "atlas_migrate_execute"

// lockPoll is the pause between attempts. Attempts, instead of one blocking
// wait, because a waiting statement would itself hold up CREATE INDEX
// CONCURRENTLY, which waits for every other transaction.
const lockPoll = 200 * time.Millisecond

// session is the one connection on which migrations run: it holds the lock, and
// its settings apply to every statement.
type session struct {
	conn   *sql.Conn
	driver migrate.Driver
	unlock schema.UnlockFunc // nil until locked
}

// openSession takes a connection out of the pool for good: close does not give
// it back.
func openSession(ctx context.Context, db *sql.DB) (_ *session, err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("error connecting to the database: %w", err)
	}
	s := &session{conn: conn}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	home, err := currentSchema(ctx, conn)
	if err != nil {
		return nil, err
	}
	for _, set := range []string{
		// Names in migration files carry no schema, and mean no other one's.
		"SET search_path = " + pgx.Identifier{home}.Sanitize(),
		"SET idle_in_transaction_session_timeout = 0",
		"SET client_min_messages = warning",
		// What the database or the role has otherwise changes no migration: how texts are read,
		// how many digits of a double are written, and what others have committed meanwhile.
		"SET standard_conforming_strings = on",
		"SET extra_float_digits = 1",
		"SET datestyle = 'ISO, YMD'",
		"SET timezone = 'UTC'",
		"SET default_transaction_isolation = 'read committed'",
	} {
		if _, err := conn.ExecContext(ctx, set); err != nil {
			return nil, fmt.Errorf("error preparing the migration session (%s): %w", set, err)
		}
	}
	s.driver, err = openDriver(conn)
	return s, err
}

func openDriver(db schema.ExecQuerier) (migrate.Driver, error) {
	driver, err := postgres.Open(db)
	if err != nil {
		return nil, fmt.Errorf("error opening the migration driver: %w", err)
	}
	return driver, nil
}

// currentSchema is where the tables are: the first schema of the search path
// that exists. The path is the database's own (ALTER DATABASE, ALTER ROLE, or
// the DSN).
func currentSchema(ctx context.Context, db schema.ExecQuerier) (string, error) {
	var home sql.NullString
	var path string
	if err := queryRow(ctx, db, `SELECT current_schema(), current_setting('search_path')`, &home, &path); err != nil {
		return "", fmt.Errorf("error reading the search path: %w", err)
	}
	if !home.Valid {
		return "", &NoSchemaError{SearchPath: path}
	}
	return home.String, nil
}

// limit bounds the statements that follow. A statement that waits for a lock
// makes everybody behind it wait too, and one that runs long keeps its locks.
func (s *session) limit(ctx context.Context, l limits) error {
	set := fmt.Sprintf("SET lock_timeout = %d; SET statement_timeout = %d", l.lock.Milliseconds(), l.statement.Milliseconds())
	if _, err := s.conn.ExecContext(ctx, set); err != nil {
		return fmt.Errorf("error preparing the migration session (%s): %w", set, err)
	}
	return nil
}

// lock takes the lock that the Atlas command line tool takes, or returns a
// *LockedError once it has waited that long.
func (s *session) lock(ctx context.Context, wait time.Duration, waiting func()) error {
	begin := time.Now()
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	for first := true; ; first = false {
		unlock, err := s.driver.Lock(ctx, lockName, 0)
		if err == nil {
			s.unlock = unlock
			return nil
		}
		if !errors.Is(err, schema.ErrLocked) {
			return fmt.Errorf("error taking the migration lock: %w", err)
		}
		if first {
			waiting()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("error waiting for the migration lock: %w", ctx.Err())
		case <-deadline.C:
			return &LockedError{Waited: time.Since(begin), Holder: s.holder(ctx)}
		case <-time.After(lockPoll):
		}
	}
}

// holder names who holds the migration lock, for the error message only: it is
// empty where the database does not say.
func (s *session) holder(ctx context.Context) string {
	var (
		pid         int
		application string
		since       time.Time
	)
	err := queryRow(ctx, s.conn, fmt.Sprintf(`SELECT a.pid, coalesce(a.application_name, ''), a.backend_start
FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objid = %d AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
LIMIT 1`, lockID(lockName)), &pid, &application, &since)
	if err != nil {
		return ""
	}
	if application == "" {
		application = "a process"
	}
	return fmt.Sprintf("%s (server process %d, connected since %s)", application, pid, since.UTC().Format(time.RFC3339))
}

// lockID is the number that Atlas locks for a name.
func lockID(name string) uint32 {
	h := fnv.New32()
	_, _ = h.Write([]byte(name)) // a hash takes every write
	return h.Sum32()
}

// close releases the lock and ends the connection, so that neither the lock nor
// a setting can survive in the pool.
func (s *session) close() {
	if s.unlock != nil {
		// On failure the lock goes with the connection below.
		_ = s.unlock()
	}
	// ErrBadConn makes the pool drop the connection instead of keeping it.
	_ = s.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = s.conn.Close()
}

// inTx runs do in a transaction that is rolled back when do fails.
func (s *session) inTx(ctx context.Context, do func(tx *sql.Tx, driver migrate.Driver) error) error {
	tx, err := s.conn.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("error beginning transaction: %w", err)
	}
	// After a commit this does nothing; after a failure its own outcome adds
	// nothing, since the connection is dropped in the end.
	defer func() { _ = tx.Rollback() }()
	driver, err := openDriver(tx)
	if err != nil {
		return err
	}
	if err := do(tx, driver); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("error committing transaction: %w", err)
	}
	return nil
}

// stepwise runs do statement by statement; see there.
func (s *session) stepwise(killed bool, do func(driver migrate.Driver, history revisions) error) error {
	steps := &stepwise{conn: s.conn, killed: killed}
	driver, err := openDriver(steps)
	if err != nil {
		return err
	}
	return do(driver, revisions{recorder{steps}})
}
