package repository

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// ErrContended says that a transaction met other writers each time it was
// tried; nothing was done.
var ErrContended = errors.New("transaction contended")

// Retrying bounds how often, and how far apart, InTxRetrying tries.
const (
	retries    = 5
	retryPause = 5 * time.Millisecond
)

// InTxRetrying is InTx for a fn that may run several times: it runs again, from
// the start, where the database gave up on it in favour of another transaction
// (a deadlock or a serialization failure). After the last try the error wraps
// ErrContended.
func (s *Store) InTxRetrying(ctx context.Context, fn func(ctx context.Context, tx Repositories) error) error {
	for try := 0; ; try++ {
		err := s.InTx(ctx, fn)
		if !isContention(err) {
			return err
		}
		if try == retries {
			return fmt.Errorf("%w after %d tries: %w", ErrContended, try+1, err)
		}
		// Apart from each other, or they would meet again.
		pause := retryPause<<try + rand.N(retryPause<<try) //nolint:gosec // a pause, not a secret
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// isContention reports whether a transaction lost to another one.
func isContention(err error) bool {
	const serializationFailure, deadlockDetected = "40001", "40P01"
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == serializationFailure || pg.Code == deadlockDetected)
}
