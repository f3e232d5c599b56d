package repository

import (
	"context"
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
	// ErrUnknownModel says that a row names a model that does not exist.
	ErrUnknownModel = errors.New("unknown model")
	// ErrUnknownSymbol says that a row names a symbol that does not exist.
	ErrUnknownSymbol = errors.New("unknown symbol")
)

// classify wraps what the driver reports of an outage in ErrUnavailable and
// leaves every other error as it is.
func classify(err error) error {
	if err == nil || errors.Is(err, ErrUnavailable) {
		return err
	}
	var (
		pg      *pgconn.PgError
		connect *pgconn.ConnectError
		network net.Error
	)
	switch {
	case errors.As(err, &connect): // whatever the server said: a refused connection is an outage
	case errors.As(err, &pg):
		if !isOutage(pg.Code) {
			return err
		}
	case errors.As(err, &network),
		errors.Is(err, driver.ErrBadConn), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, net.ErrClosed), errors.Is(err, context.DeadlineExceeded):
	default:
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// isOutage tells the SQLSTATEs that speak of the server and not of the
// statement: connection exceptions, insufficient resources, operator
// intervention, system errors.
func isOutage(code string) bool {
	for _, class := range []string{"08", "53", "57", "58"} {
		if strings.HasPrefix(code, class) {
			return true
		}
	}
	return false
}
