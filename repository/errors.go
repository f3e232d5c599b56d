package repository

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Errors that methods of this package wrap.
var (
	// ErrUnavailable says that the database cannot be asked now.
	ErrUnavailable = errors.New("database unavailable")
	// ErrUncertain says that a commit was sent and its answer never came: what was to be
	// stored is or is not.
	ErrUncertain = errors.New("whether it was committed is not known")
	// ErrLocked says that a lock was not to be had in time; nothing was done.
	ErrLocked = errors.New("lock is held by others")
	// ErrUnknownCompetition says that there is no competition of a name.
	ErrUnknownCompetition = errors.New("unknown competition")
	// ErrOneCompetition says that the database can hold one competition only.
	ErrOneCompetition = errors.New("the database holds one competition until the migration contract_competitions has run: " +
		"stop the servers of the version before, then run `nof0 migrate apply --contract`")
	// ErrUnknownModel says that a row names a model that does not exist.
	ErrUnknownModel = errors.New("unknown model")
	// ErrUnknownSymbol says that a row names a symbol that does not exist.
	ErrUnknownSymbol = errors.New("unknown symbol")
)

// lockNotAvailable is the SQLSTATE of a lock that was waited for too long.
const lockNotAvailable = "55P03"

// classify wraps what the driver reports of an outage in ErrUnavailable, and of a
// lock in ErrLocked, and leaves every other error as it is.
func classify(err error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == lockNotAvailable && !errors.Is(err, ErrLocked) {
		return fmt.Errorf("%w: %w", ErrLocked, err)
	}
	if err == nil || errors.Is(err, ErrUnavailable) || !isOutage(err) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

func isOutage(err error) bool {
	var (
		connect *pgconn.ConnectError
		pg      *pgconn.PgError
		network net.Error
	)
	switch {
	case errors.Is(err, context.Canceled):
		return false // whoever cancelled no longer waits
	case errors.As(err, &connect):
		return true // whatever the server said
	case errors.As(err, &pg):
		return speaksOfServer(pg.Code)
	}
	return pgconn.SafeToRetry(err) || errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// speaksOfServer reports whether a SQLSTATE speaks of the server and not of the
// statement: connection exceptions, insufficient resources, operator
// intervention, system errors, a server that takes no writes, and a transaction that
// it ended for having been idle too long.
func speaksOfServer(code string) bool {
	for _, class := range []string{"08", "53", "57", "58", readOnlyTransaction, "25P03"} {
		if strings.HasPrefix(code, class) {
			return true
		}
	}
	return false
}

// withCause adds why a context ended to an error that it may have caused: of a
// transaction whose context has ended, database/sql says only that it is over.
func withCause(ctx context.Context, err error) error {
	if why := ctx.Err(); err != nil && why != nil && !errors.Is(err, why) {
		return fmt.Errorf("%w: %w", why, err)
	}
	return err
}
