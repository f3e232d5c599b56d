package atlas

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"

	"ariga.io/atlas/sql/schema"
	"github.com/jackc/pgx/v5/pgconn"
)

// stepwise is the connection of a file that runs outside a transaction. A
// statement and the record that it ran are still one transaction wherever the
// statement allows it, so that a process that is killed between the two leaves
// nothing to guess. What allows none (CREATE INDEX CONCURRENTLY) is looked for
// in the database instead when the file is taken up again.
type stepwise struct {
	conn *sql.Conn
	tx   *sql.Tx // what ran and is not recorded yet; nil between statements
	// killed says that the attempt before ended while the next statement ran.
	killed bool
}

var _ schema.ExecQuerier = (*stepwise)(nil)

// ExecContext runs a statement of the file.
func (s *stepwise) ExecContext(ctx context.Context, statement string, args ...any) (sql.Result, error) {
	killed := s.killed
	s.killed = false
	// What is known to allow none is not tried: the server would log an error.
	if !createConcurrently.MatchString(statement) && !dropConcurrently.MatchString(statement) {
		tx, err := s.conn.BeginTx(ctx, nil)
		if err != nil {
			return nil, fmt.Errorf("error beginning transaction: %w", err)
		}
		result, err := tx.ExecContext(ctx, statement, args...)
		if err == nil {
			s.tx = tx
			return result, nil
		}
		_ = tx.Rollback() // of what has failed already
		if !refusesTransaction(err) {
			return nil, err
		}
	}
	done, err := s.clear(ctx, statement, killed)
	if err != nil || done {
		return nothingDone{}, err
	}
	return s.conn.ExecContext(ctx, statement, args...)
}

// QueryContext implements schema.ExecQuerier.
func (s *stepwise) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if s.tx != nil {
		return s.tx.QueryContext(ctx, query, args...)
	}
	return s.conn.QueryContext(ctx, query, args...)
}

// recorder writes the history of a stepwise file: with the statement that ran,
// or alone.
type recorder struct{ *stepwise }

// ExecContext implements schema.ExecQuerier.
func (r recorder) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if r.tx == nil {
		return r.conn.ExecContext(ctx, query, args...)
	}
	tx := r.tx
	r.tx = nil
	defer func() { _ = tx.Rollback() }() // nothing after a commit
	result, err := tx.ExecContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	if err := tx.Commit(); err != nil {
		return nil, fmt.Errorf("error committing transaction: %w", err)
	}
	return result, nil
}

// refusesTransaction reports whether a statement failed because it was tried in
// a transaction: it cannot run in one, or ends one by itself.
func refusesTransaction(err error) bool {
	const activeTransaction, invalidTermination = "25001", "2D000"
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == activeTransaction || pg.Code == invalidTermination)
}

var (
	createConcurrently = regexp.MustCompile(`(?is)^\s*CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?((?:"[^"]+"|[\w$]+)(?:\.(?:"[^"]+"|[\w$]+))?)\s+ON\s`)
	dropConcurrently   = regexp.MustCompile(`(?is)^\s*DROP\s+INDEX\s+CONCURRENTLY\s+(?:IF\s+EXISTS\s+)?((?:"[^"]+"|[\w$]+)(?:\.(?:"[^"]+"|[\w$]+))?)\s*(?:;|$)`)
)

// clear makes room for a concurrent build: an attempt that failed or was
// killed leaves an index that is invalid, is never used and holds the name. It
// reports a statement that needs no repetition, since the attempt that was
// killed had come to its end.
func (s *stepwise) clear(ctx context.Context, statement string, killed bool) (done bool, err error) {
	if m := dropConcurrently.FindStringSubmatch(statement); m != nil {
		exists, _, err := s.index(ctx, m[1])
		return killed && !exists, err
	}
	m := createConcurrently.FindStringSubmatch(statement)
	if m == nil {
		return false, nil
	}
	exists, valid, err := s.index(ctx, m[1])
	switch {
	case err != nil || !exists:
		return false, err
	case valid:
		return killed, nil
	}
	if _, err := s.conn.ExecContext(ctx, "DROP INDEX CONCURRENTLY "+m[1]); err != nil {
		return false, fmt.Errorf("error dropping index %s, which an earlier attempt left invalid: %w", m[1], err)
	}
	return false, nil
}

func (s *stepwise) index(ctx context.Context, name string) (exists, valid bool, err error) {
	err = s.conn.QueryRowContext(ctx, `SELECT i.indexrelid IS NOT NULL, coalesce(i.indisvalid, false)
FROM (SELECT to_regclass($1) AS oid) AS named LEFT JOIN pg_index AS i ON i.indexrelid = named.oid`, name).Scan(&exists, &valid)
	if err != nil {
		return false, false, fmt.Errorf("error looking for index %s: %w", name, err)
	}
	return exists, valid, nil
}

// nothingDone is the result of a statement that did not have to run.
type nothingDone struct{}

func (nothingDone) LastInsertId() (int64, error) { return 0, nil }
func (nothingDone) RowsAffected() (int64, error) { return 0, nil }
