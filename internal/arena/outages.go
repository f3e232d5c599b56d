package arena

import (
	"context"
	"sync/atomic"
	"time"
)

// outages is a circuit breaker in front of the store, for requests that have a last
// known answer: they would each wait to learn the same.
type outages struct {
	failures atomic.Int64 // one after the other
	until    atomic.Int64 // in nanoseconds of the epoch
}

const (
	outageFailures = 3
	outageOpen     = time.Second
	// outagePatience is for the cache alone, which may have what is asked for.
	outagePatience = 25 * time.Millisecond
)

// patience is how long a request with a last known answer waits for a newer one,
// usual where the store has answered lately.
func (o *outages) patience(now time.Time, usual time.Duration) time.Duration {
	if now.UnixNano() < o.until.Load() {
		return min(usual, outagePatience)
	}
	return usual
}

// impatient bounds a request that has a last known answer by its patience, which it
// returns: what is being loaded goes on without its caller.
func (s *Service) impatient(ctx context.Context, isKnown bool) (bounded context.Context, patience time.Duration, cancel context.CancelFunc) {
	patience = s.outages.patience(s.o.Now(), s.o.TTLs.StaleAfter)
	if !isKnown || patience <= 0 {
		return ctx, patience, func() {}
	}
	bounded, cancel = context.WithTimeout(ctx, patience)
	return bounded, patience, cancel
}

// note takes in that the store did not answer.
func (o *outages) note(now time.Time) {
	if o.failures.Add(1) >= outageFailures {
		o.until.Store(now.Add(outageOpen).UnixNano())
	}
}

// over takes in that the store has answered.
func (o *outages) over() {
	if o.failures.Load() != 0 {
		o.failures.Store(0)
		o.until.Store(0)
	}
}
