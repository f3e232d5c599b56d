package repository

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// errHung is why work ends, or is not begun, while the database answers nothing.
var errHung = errors.New("the database does not answer, and is not asked until it does")

// hung is a circuit breaker in front of a pool. What waits may wait for a lock, and a
// failure needs no breaker: it opens only where something has been under way for a third of a
// time, and a ping on a connection beside the pool finds no answer in the rest of it. What
// is under way then ends, and what comes is refused, until a ping is answered or fails. A
// nil one never opens.
type hung struct {
	after  time.Duration
	beside *sql.DB // of one connection
	logger *slog.Logger

	mu       sync.Mutex
	open     bool
	watched  bool // a goroutine looks after what is under way
	underWay map[*work]struct{}
}

// work is a call or a transaction.
type work struct {
	began  time.Time
	cancel context.CancelCauseFunc
}

// While it is open, a ping waits so long for an answer, and the next one follows after the
// pause.
const (
	hungPing  = 500 * time.Millisecond
	hungPause = 100 * time.Millisecond
)

func newHung(after time.Duration, beside *sql.DB, logger *slog.Logger) *hung {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	beside.SetMaxOpenConns(1)
	beside.SetConnMaxIdleTime(time.Minute)
	return &hung{after: after, beside: beside, logger: logger, underWay: make(map[*work]struct{})}
}

// enter lets work begin, in a context that ends once the database is found to hang. Leave
// ends it, and makes of its error the one to return: ErrUnavailable where it ended for
// that. The error of enter is ErrUnavailable.
func (h *hung) enter(ctx context.Context) (inner context.Context, leave func(err error) error, err error) {
	if h == nil {
		return ctx, func(err error) error { return err }, nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.open {
		return nil, nil, fmt.Errorf("%w: %w", ErrUnavailable, errHung)
	}
	inner, cancel := context.WithCancelCause(ctx)
	w := &work{began: time.Now(), cancel: cancel}
	h.underWay[w] = struct{}{}
	if !h.watched {
		h.watched = true
		go h.watch()
	}
	return inner, func(err error) error {
		h.mu.Lock()
		delete(h.underWay, w)
		h.mu.Unlock()
		defer cancel(nil)
		if err == nil || !errors.Is(context.Cause(inner), errHung) {
			return err
		}
		// It says that the context was cancelled, which reads as if the caller had gone.
		ended := fmt.Errorf("%w: %w: %v", ErrUnavailable, errHung, err) //nolint:errorlint // see above
		if errors.Is(err, ErrUncertain) {
			ended = fmt.Errorf("%w: %w", ErrUncertain, ended)
		}
		return ended
	}, nil
}

// watch looks after what is under way until nothing is.
func (h *hung) watch() {
	tick := time.NewTicker(h.after / 3)
	defer tick.Stop()
	for range tick.C {
		busy, late := h.look()
		if !busy {
			return
		}
		if late && h.hangs(h.after-h.after/3) {
			h.refuse()
		}
	}
}

// look reports whether something is under way, and whether that is so for long.
func (h *hung) look() (busy, late bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.underWay {
		late = late || time.Since(w.began) >= h.after/3
	}
	h.watched = len(h.underWay) > 0
	return h.watched, late
}

// hangs reports whether a ping finds no answer for so long. A failure is an answer, which
// whoever asks gets as well.
func (h *hung) hangs(atMost time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), atMost)
	defer cancel()
	return h.beside.PingContext(ctx) != nil && ctx.Err() != nil
}

// refuse ends what is under way and refuses what comes, until there is an answer.
func (h *hung) refuse() {
	h.set(true)
	h.logger.Warn("postgres does not answer: what writes is refused until it does", slog.Duration("waited", h.after))
	began := time.Now()
	for h.hangs(hungPing) {
		time.Sleep(hungPause)
	}
	h.set(false)
	h.logger.Warn("postgres answers again", slog.Duration("after", time.Since(began)))
}

func (h *hung) set(open bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open = open
	for w := range h.underWay {
		if open {
			w.cancel(errHung)
		}
	}
}

// Hung reports whether everything of this store is refused, since the database answers nothing.
func (s *Store) Hung() bool {
	if s.hung == nil {
		return false
	}
	s.hung.mu.Lock()
	defer s.hung.mu.Unlock()
	return s.hung.open
}

// close ends the pings.
func (h *hung) close() error {
	if h == nil {
		return nil
	}
	return h.beside.Close()
}
