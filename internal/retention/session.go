package retention

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"nof0/repository"
)

// parent is the table whose partitions are archived.
const parent = "price_ticks"

// The SQLSTATEs of a lock that was not to be had in time.
const (
	lockNotAvailable = "55P03"
	deadlockDetected = "40P01"
)

// inUseError says why a partition has to wait for the next run.
type inUseError struct{ why string }

func (e *inUseError) Error() string { return e.why }

// session is the one connection that does the work and holds the lock.
type session struct{ conn *pgx.Conn }

// openSession connects and takes the lock.
func openSession(ctx context.Context, dsn string, lockTimeout time.Duration) (_ *session, err error) {
	conf, err := pgx.ParseConfig(dsn)
	if err != nil {
		// The parser's own message may quote the DSN with its password.
		return nil, errors.New("the database URL cannot be read")
	}
	if lockTimeout <= 0 {
		lockTimeout = DefaultLockTimeout
	}
	maps.Copy(conf.RuntimeParams, map[string]string{
		// Texts of times and doubles in an archive do not depend on the server.
		"timezone": "UTC", "datestyle": "ISO, YMD", "extra_float_digits": "1", "client_encoding": "UTF8",
		// A count is of what was there once its table was locked.
		"default_transaction_isolation": "read committed",
		"lock_timeout":                  strconv.FormatInt(lockTimeout.Milliseconds(), 10),
		// Copying a month may take longer than any request is allowed to.
		"statement_timeout": "0", "idle_in_transaction_session_timeout": "0",
	})
	conn, err := pgx.ConnectConfig(ctx, conf)
	if err != nil {
		return nil, fmt.Errorf("error connecting to the database: %w", err)
	}
	s := &session{conn: conn}
	var locked bool
	err = conn.QueryRow(ctx, "SELECT pg_try_advisory_lock("+repository.RetentionLock+")").Scan(&locked)
	if err == nil && !locked {
		err = ErrRunning
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("error taking the lock: %w", err), s.close(ctx))
	}
	return s, nil
}

// close gives the lock back and ends the connection. A lock that is not given
// back goes with the connection, a moment later.
func (s *session) close(ctx context.Context) error {
	const patience = 5 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if !s.conn.IsClosed() {
		_, _ = s.conn.Exec(ctx, "SELECT pg_advisory_unlock_all()")
	}
	return s.conn.Close(ctx)
}

// partitions lists the partitions, and those tables that a run which was
// interrupted has detached, the oldest first. Due are those wholly before a
// time.
func (s *session) partitions(ctx context.Context, before time.Time) ([]Partition, error) {
	rows, err := s.conn.Query(ctx, `
		SELECT c.relname::text, i.inhrelid IS NOT NULL, coalesce(i.inhdetachpending, false)
		FROM pg_class c
		JOIN pg_class p ON p.oid = 'price_ticks'::regclass AND p.relnamespace = c.relnamespace
		LEFT JOIN pg_inherits i ON i.inhrelid = c.oid AND i.inhparent = p.oid
		WHERE c.relkind = 'r' AND c.relname LIKE 'price\_ticks\_%'`)
	if err != nil {
		return nil, fmt.Errorf("error listing the partitions: %w", err)
	}
	all := []Partition{}
	p := Partition{State: StateKept}
	_, err = pgx.ForEachRow(rows, []any{&p.Name, &p.attached, &p.half}, func() error {
		if from, to, ok := monthOf(p.Name); ok {
			one := p
			one.From, one.To = from, to
			all = append(all, one)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("error listing the partitions: %w", err)
	}
	slices.SortFunc(all, func(a, b Partition) int { return a.From.Compare(b.From) })
	for i := range all {
		if p := &all[i]; !p.To.After(before) {
			p.State = StateDue
			if p.Rows, err = s.count(ctx, s.conn, p.Name); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// monthOf reads the month off the name of a partition.
func monthOf(name string) (from, to time.Time, ok bool) {
	if !regexp.MustCompile(`^` + parent + `_\d{4,}_\d{2}$`).MatchString(name) {
		return from, to, false
	}
	from, err := time.Parse("2006_01", strings.TrimPrefix(name, parent+"_"))
	return from, from.AddDate(0, 1, 0), err == nil
}

type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func (s *session) count(ctx context.Context, from querier, name string) (rows int64, err error) {
	err = from.QueryRow(ctx, "SELECT count(*) FROM "+quoted(name)).Scan(&rows)
	if err != nil {
		return 0, fmt.Errorf("error counting the rows of %s: %w", name, err)
	}
	return rows, nil
}

// detach takes a partition out of the table. Readers and writers of the table
// are not held up: what they began goes on, and it is this that waits for them.
func (s *session) detach(ctx context.Context, p *Partition) error {
	var err error
	for range attempts {
		if err = s.tryDetach(ctx, p); !isLocked(err) {
			return err
		}
	}
	return &inUseError{"it is being read or written: " + err.Error()}
}

func (s *session) tryDetach(ctx context.Context, p *Partition) error {
	// What was begun before has to be ended first: only one partition can be
	// half detached.
	var half string
	err := s.conn.QueryRow(ctx, `
		SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = 'price_ticks'::regclass AND i.inhdetachpending`).Scan(&half)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
	case err != nil:
		return fmt.Errorf("error looking at the partitions: %w", err)
	default:
		if err := s.alter(ctx, half, "FINALIZE"); err != nil {
			return err
		}
	}
	if p.attached, err = s.isAttached(ctx, p.Name); err != nil || !p.attached {
		return err
	}
	how := "CONCURRENTLY"
	var hasDefault bool // which rules it out
	const partitioned = "SELECT partdefid <> 0 FROM pg_partitioned_table WHERE partrelid = 'price_ticks'::regclass"
	if err := s.conn.QueryRow(ctx, partitioned).Scan(&hasDefault); err != nil {
		return fmt.Errorf("error looking at the partitions: %w", err)
	}
	if hasDefault {
		how = ""
	}
	if err := s.alter(ctx, p.Name, how); err != nil {
		return err
	}
	p.attached = false
	return nil
}

// alter detaches a partition in one of the ways there are.
func (s *session) alter(ctx context.Context, name, how string) error {
	// A statement of its own, since some of them take no transaction.
	_, err := s.conn.Exec(ctx, "ALTER TABLE "+parent+" DETACH PARTITION "+quoted(name)+" "+how, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return fmt.Errorf("error detaching %s: %w", name, err)
	}
	return nil
}

func (s *session) isAttached(ctx context.Context, name string) (attached bool, err error) {
	err = s.conn.QueryRow(ctx, `SELECT EXISTS (
		SELECT 1 FROM pg_inherits WHERE inhparent = 'price_ticks'::regclass AND inhrelid = to_regclass($1))`, name).Scan(&attached)
	if err != nil {
		return false, fmt.Errorf("error looking at the partitions: %w", err)
	}
	return attached, nil
}

// drop removes a detached partition that holds as many rows as its archive.
// Rows are only ever added to it: as many are the same.
func (s *session) drop(ctx context.Context, p *Partition) error {
	tx, err := s.conn.Begin(ctx)
	if err != nil {
		return fmt.Errorf("error beginning transaction: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // after a commit it does nothing
	for _, statement := range []string{
		// Who attaches a partition holds this one.
		"SELECT pg_advisory_xact_lock(hashtext('" + p.Name + "'))",
		"LOCK TABLE " + quoted(p.Name) + " IN ACCESS EXCLUSIVE MODE",
	} {
		if _, err := tx.Exec(ctx, statement); isLocked(err) {
			return &inUseError{"it is being read or written: " + err.Error()}
		} else if err != nil {
			return fmt.Errorf("error locking it: %w", err)
		}
	}
	attached, err := s.isAttached(ctx, p.Name)
	if err != nil {
		return err
	}
	rows, err := s.count(ctx, tx, p.Name)
	switch {
	case err != nil:
		return err
	case attached || rows != p.Rows:
		return &inUseError{"it was attached again or written to while it was archived"}
	}
	if _, err := tx.Exec(ctx, "DROP TABLE "+quoted(p.Name)); err != nil {
		return fmt.Errorf("error dropping it: %w", err)
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("error committing transaction: %w", err)
	}
	return nil
}

// isLocked reports whether an error is of waiting too long for others.
func isLocked(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pg.Code == lockNotAvailable || pg.Code == deadlockDetected)
}

func quoted(name string) string { return pgx.Identifier{name}.Sanitize() }
