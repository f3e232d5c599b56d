package cachelayer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sony/gobreaker/v2"
)

// ErrUnavailable reports that Redis could not do its work: it cannot be
// reached, answered too late, refused, or failed so often that it is left
// alone for a while. errors.Is finds it beside the cause.
var ErrUnavailable = errors.New("redis unavailable")

// The verdicts on a command, in the form in which gobreaker takes them.
var (
	errFailed     = errors.New("failed")
	errCallerLeft = errors.New("caller left")
)

// breaker is the hook through which every command and every pipeline passes.
// It bounds each by budget, retries included, and while Redis keeps failing
// refuses them at once with ErrUnavailable.
type breaker struct {
	circuit *gobreaker.CircuitBreaker[error]
	budget  time.Duration
}

var _ redis.Hook = (*breaker)(nil)

// newBreaker makes a breaker that opens for open after failures consecutive
// failures; then one command at a time tries whether Redis is back.
func newBreaker(failures int, open, budget time.Duration, logger *slog.Logger) *breaker {
	return &breaker{
		budget: budget,
		circuit: gobreaker.NewCircuitBreaker[error](gobreaker.Settings{
			Name:    "redis",
			Timeout: open,
			ReadyToTrip: func(counts gobreaker.Counts) bool {
				return counts.ConsecutiveFailures >= uint32(failures)
			},
			IsExcluded: func(err error) bool { return errors.Is(err, errCallerLeft) },
			OnStateChange: func(_ string, from, to gobreaker.State) {
				logger.Warn("redis breaker changed", slog.String("from", from.String()), slog.String("to", to.String()))
			},
		}),
	}
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
		answer, failure := fn(inner)
		switch {
		case failure == nil:
			return answer, nil
		case callerLeft(ctx):
			return answer, errCallerLeft
		default:
			return failure, errFailed
		}
	})
	switch {
	case verdict == nil, errors.Is(verdict, errCallerLeft):
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
