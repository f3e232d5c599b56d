package handlers

import (
	"context"
	"errors"

	"github.com/gin-gonic/gin"

	"nof0/internal/arena"
	"nof0/internal/wire"
)

// Failures that arise in this package.
var (
	errNotAcceptable = errors.New("no acceptable content coding")
	errNotReady      = errors.New("not ready")
)

// fail answers with the problem of an error. It is the only way from an error
// to a response.
func fail(c *gin.Context, err error) {
	ctx := c.Request.Context()
	record := recordOf(ctx)
	// Not just the error: another request's cancellation may have become this
	// one's error, and this client still waits.
	if errors.Is(ctx.Err(), context.Canceled) {
		record.clientGone(err)
		c.Writer.WriteHeader(statusClientGone)
		c.Abort()
		return
	}
	record.err = err
	problemOf(ctx, err).send(c)
}

// problemOf maps an error to the problem that may be shown of it. That
// something cannot be reached is asked first: what it hides may well exist.
func problemOf(ctx context.Context, err error) problem {
	var parameters *parameterError
	var faults wire.Faults
	switch {
	case errors.Is(err, errNotReady):
		return newProblem(problemNotReady)
	case errors.Is(err, arena.ErrUnavailable):
		return newProblem(problemUnavailable)
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil:
		return newProblem(problemTimeout)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return newProblem(problemUnavailable)
	case errors.Is(err, arena.ErrUnknownModel):
		return newProblem(problemUnknownModel)
	case errors.Is(err, errNotAcceptable):
		return newProblem(problemNotAcceptable)
	case errors.As(err, &parameters):
		p := newProblem(problemInvalidParameter)
		p.Errors = parameters.faults
		return p
	case errors.As(err, &faults):
		p := newProblem(problemInvalidContent)
		p.Errors = faults
		return p
	default:
		return newProblem(problemInternal)
	}
}

func unknownRoute(c *gin.Context) { newProblem(problemUnknownRoute).send(c) }

// methodNotAllowed finds Allow already set by the router.
func methodNotAllowed(c *gin.Context) { newProblem(problemMethod).send(c) }
