package cachelayer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sony/gobreaker/v2"

	"nof0/config"
)

// ErrUnavailable reports that Redis could not do its work: it cannot be
// reached, answered too late, refused, or failed so often that it is left
// alone for a while. errors.Is finds it beside the cause.
var ErrUnavailable = errors.New("redis unavailable")

// The verdicts on a command, in the form in which gobreaker takes them.
var (
	errFailed     = errors.New("failed")
	errSlow       = errors.New("slow")
	errCallerLeft = errors.New("caller left")
)

// breaker is the hook through which every command and every pipeline passes.
// It bounds each by budget, retries included, and while Redis keeps failing
// refuses them at once with ErrUnavailable.
type breaker struct {
	circuit *gobreaker.CircuitBreaker[error]
	budget  time.Duration
	slow    slowness
	// cause is what failed last.
	cause atomic.Pointer[error]
	// refused is called with the error code by which Redis has refused a command.
	refused func(reason string)
}

// slowness distinguishes a slow Redis from a slow command.
type slowness struct {
	after time.Duration // a command takes longer; 0 is never
	since atomic.Int64  // no command was faster since, in ns of the epoch; 0 where one was
}

// slowFor is for how many times the duration of a slow command all have to be slow: a
// pause of either process is no slow Redis.
const slowFor = 10

// note takes in how long a command took that has just ended, and says whether Redis is
// slow.
func (s *slowness) note(took time.Duration) bool {
	if s.after <= 0 || took <= s.after {
		s.since.Store(0)
		return false
	}
	now := time.Now().UnixNano()
	s.since.CompareAndSwap(0, now-int64(took))
	since := s.since.Load()
	return since != 0 && now-since >= int64(slowFor*s.after)
}

var _ redis.Hook = (*breaker)(nil)

// newBreaker makes a breaker that opens for cfg.BreakerOpen after cfg.BreakerFailures
// consecutive failures, or once Redis is slow; then one command at a time tries whether
// Redis is back.
func newBreaker(cfg config.Redis, logger *slog.Logger) *breaker {
	b := &breaker{budget: cfg.DialTimeout + cfg.WriteTimeout + cfg.ReadTimeout, refused: func(string) {}}
	b.slow.after = cfg.SlowAfter
	b.circuit = gobreaker.NewCircuitBreaker[error](gobreaker.Settings{
		Name:    "redis",
		Timeout: cfg.BreakerOpen,
		ReadyToTrip: func(counts gobreaker.Counts) bool {
			since := b.slow.since.Load()
			return counts.ConsecutiveFailures >= uint32(cfg.BreakerFailures) ||
				since != 0 && time.Now().UnixNano()-since >= int64(slowFor*b.slow.after)
		},
		IsExcluded: func(err error) bool { return errors.Is(err, errCallerLeft) },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			attrs := []any{slog.String("from", from.String()), slog.String("to", to.String())}
			if cause := b.cause.Load(); cause != nil && to == gobreaker.StateOpen {
				attrs = append(attrs, slog.Any("error", *cause))
			}
			logger.Warn("redis breaker changed", attrs...)
		},
	})
	return b
}

// DialHook leaves dialing alone: a dial is part of the command that needs it.
func (b *breaker) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		return next(ctx, network, addr)
	}
}

// ProcessHook passes one command through the breaker.
func (b *breaker) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		return b.do(ctx, func(ctx context.Context) (answer, failure error) {
			err := next(ctx, cmd)
			b.noteRefusal(err)
			return err, failureOf(err)
		})
	}
}

// ProcessPipelineHook passes one pipeline through the breaker, as one request.
func (b *breaker) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		ran := false
		err := b.do(ctx, func(ctx context.Context) (answer, failure error) {
			ran = true
			answer = next(ctx, cmds)
			failure = failureOf(answer)
			// The pipeline's own error is that of its first command to have
			// one, which may hide that a later one failed.
			for _, cmd := range cmds {
				b.noteRefusal(cmd.Err())
				if failure == nil {
					failure = failureOf(cmd.Err())
				}
			}
			return answer, failure
		})
		// A command that never ran has no error of its own, and would read as
		// a success.
		if !ran {
			for _, cmd := range cmds {
				cmd.SetErr(err)
			}
		}
		return err
	}
}

// insideKey marks a context whose command is already accounted for. The
// handshake of a new connection runs through the hooks within the command that
// needs the connection: counted again, it would be refused while a single
// command is let through, and Redis would never be found to be back.
type insideKey struct{}

// do runs fn within the budget. fn gives the answer for the caller, and
// whatever part of it means that Redis is not working.
func (b *breaker) do(ctx context.Context, fn func(context.Context) (answer, failure error)) error {
	if ctx.Value(insideKey{}) != nil {
		answer, _ := fn(ctx)
		return answer
	}
	answer, verdict := b.circuit.Execute(func() (error, error) {
		inner, cancel := context.WithTimeout(context.WithValue(ctx, insideKey{}, true), b.budget)
		defer cancel()
		began := time.Now()
		answer, failure := fn(inner)
		switch {
		case failure == nil && b.slow.note(time.Since(began)):
			return answer, errSlow
		case failure == nil:
			return answer, nil
		case callerLeft(ctx):
			return answer, errCallerLeft
		default:
			b.cause.Store(&failure)
			return failure, errFailed
		}
	})
	switch {
	case verdict == nil, errors.Is(verdict, errCallerLeft), errors.Is(verdict, errSlow):
		return answer
	case errors.Is(verdict, errFailed):
		return fmt.Errorf("%w: %w", ErrUnavailable, answer)
	default:
		return fmt.Errorf("%w: %w", ErrUnavailable, verdict)
	}
}

// callerLeft says whether the caller's own patience ended. The deadline is
// compared as well, since a socket notices it before the context does.
func callerLeft(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || (ok && !time.Now().Before(deadline))
}

// refusals are the words with which a Redis answers that takes no writes as it is.
func refusals() []string {
	return []string{"READONLY", "MASTERDOWN", "LOADING", "NOREPLICAS", "MISCONF", "OOM"}
}

// refusalOf returns the word with which Redis refused something, "" for any other error.
// Of joined errors it is that of one.
func refusalOf(err error) string {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			if word := refusalOf(one); word != "" {
				return word
			}
		}
		return ""
	}
	for _, word := range refusals() {
		if redis.HasErrorPrefix(err, word) {
			return word
		}
	}
	return ""
}

func (b *breaker) noteRefusal(err error) {
	if word := refusalOf(err); word != "" {
		b.refused(word)
	}
}

// failureOf returns err where it means that Redis is not working, and nil where
// Redis answered, be it that there is nothing, that the key holds another type
// or that it takes no writes.
func failureOf(err error) error {
	var reply redis.Error
	switch {
	case err == nil, errors.Is(err, redis.Nil):
		return nil
	case !errors.As(err, &reply):
		return err
	case redis.IsLoadingError(err), redis.IsClusterDownError(err), redis.IsMasterDownError(err),
		redis.IsMaxClientsError(err), redis.IsAuthError(err), redis.HasErrorPrefix(err, "BUSY"):
		return err
	default:
		return nil
	}
}
