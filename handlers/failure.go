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

	errNotConfigured  = errors.New("the surface is not configured")
	errNoToken        = errors.New("the write surface has no token")
	errNoAdminToken   = errors.New("the admin surface has no token")
	errUnauthorized   = errors.New("no valid token")
	errMediaType      = errors.New("unsupported media type")
	errContentCoding  = errors.New("unsupported content coding")
	errTooLarge       = errors.New("the body is too large")
	errTooMany        = errors.New("too many items")
	errSlowBody       = errors.New("the body did not arrive in time")
	errTooManyStreams = errors.New("too many streams")
)

// fail answers with the problem of an error. It is the only way from an error
// to a response.
func fail(c *gin.Context, err error) {
	ctx := c.Request.Context()
	record := recordOf(ctx)
	// Not just the error: another request's cancellation may have become this
	// one's error, and this client still waits. So may one whose body is late,
	// although the server cancels its request as if it had gone.
	if errors.Is(ctx.Err(), context.Canceled) && !errors.Is(err, errSlowBody) {
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
	var malformed *malformedError
	var faults wire.Faults
	var refused *arena.RefusedError
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
	case errors.As(err, &malformed):
		p := newProblem(problemMalformed)
		p.Errors = wire.Faults{malformed.fault}
		return p
	case errors.Is(err, errNotAcceptable):
		return newProblem(problemNotAcceptable)
	case errors.As(err, &parameters):
		p := newProblem(problemInvalidParameter)
		p.Errors = parameters.faults
		return p
	case errors.As(err, &refused) && refused.Invalid:
		p := newProblem(problemInvalidContent)
		p.Errors = wire.Faults{{Reason: refused.Reason}}
		return p
	case errors.As(err, &refused):
		p := newProblem(problemRefused)
		p.Detail = refused.Reason
		return p
	case errors.As(err, &faults):
		p := newProblem(problemInvalidContent)
		p.Errors = faults
		return p
	default:
		return newProblem(kindOf(err))
	}
}

// kindOf is the problem of an error that says no more than its kind.
func kindOf(err error) problemType {
	for _, known := range []struct {
		err  error
		kind problemType
	}{
		{errNotConfigured, problemNotConfigured},
		{errNoToken, problemNoToken},
		{errNoAdminToken, problemNoAdminToken},
		{errUnauthorized, problemUnauthorized},
		{errMediaType, problemMediaType},
		{errContentCoding, problemContentCoding},
		{errTooLarge, problemTooLarge},
		{errTooMany, problemTooLarge},
		{errSlowBody, problemSlowBody},
		{arena.ErrKeyReused, problemKeyReused},
		{arena.ErrBusy, problemBusy},
		{arena.ErrGone, problemGone},
		{arena.ErrClosing, problemNotReady},
		{errTooManyStreams, problemTooManyStreams},
	} {
		if errors.Is(err, known.err) {
			return known.kind
		}
	}
	return problemInternal
}

func unknownRoute(c *gin.Context) { newProblem(problemUnknownRoute).send(c) }

// methodNotAllowed finds Allow already set by the router, in its own order.
func methodNotAllowed(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("Allow", inOrder(h.Get("Allow")))
	newProblem(problemMethod).send(c)
}
