package repository

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"nof0/entities"
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
// (a deadlock or a serialization failure), or where the month of ticks left the table
// since its partition was made sure of; then it is made anew. After the last try the
// error wraps ErrContended.
func (s *Store) InTxRetrying(ctx context.Context, fn func(ctx context.Context, tx Repositories) error) error {
	for try := 0; ; try++ {
		err := s.InTx(ctx, fn)
		left, hasLeft := errors.AsType[*monthLeftError](err)
		if !hasLeft && !isContention(err) {
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
		if hasLeft {
			if err := s.Prices.EnsurePartitions(ctx, left.times); err != nil {
				return err
			}
		}
	}
}

// isContention reports whether a transaction lost to another one.
func isContention(err error) bool {
	const serializationFailure, deadlockDetected = "40001", "40P01"
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == serializationFailure || pg.Code == deadlockDetected)
}

// monthLeftError says that no partition holds one of the times of ticks: retention has
// detached it, or is about to, after EnsurePartitions has seen it.
type monthLeftError struct {
	times []time.Time
	err   error
}

func (e *monthLeftError) Error() string { return e.err.Error() }

func (e *monthLeftError) Unwrap() error { return e.err }

// asMonthLeft makes the error of an insert of ticks a *monthLeftError where it is one.
func asMonthLeft(err error, ticks []entities.PriceTick) error {
	const checkViolation = "23514" // which has no constraint where it is of no partition
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || pg.Code != checkViolation || pg.ConstraintName != "" {
		return err
	}
	left := &monthLeftError{err: err}
	for i := range ticks {
		left.times = append(left.times, ticks[i].ObservedAt)
	}
	return left
}
