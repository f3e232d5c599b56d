package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"nof0/internal/arena"
	"nof0/internal/wire"
)

// Failures that arise in this package.
var (
	errNotAcceptable = errors.New("no acceptable content coding")
	errNotReady      = errors.New("not ready")
	errUnknownRoute  = errors.New("unknown route")

	errNotConfigured  = errors.New("the surface is not configured")
	errNoToken        = errors.New("the write surface has no token")
	errNoAdminToken   = errors.New("the admin surface has no token")
	errUnauthorized   = errors.New("no valid token")
	errMediaType      = errors.New("unsupported media type")
	errContentCoding  = errors.New("unsupported content coding")
	errTooLarge       = errors.New("the body is too large")
	errTooMany        = errors.New("too many items")
	errSlowBody       = errors.New("the body did not arrive in time")
	errBodiesFull     = errors.New("the bodies of requests under way hold all that they may")
	errTooManyStreams = errors.New("too many streams")

	errForbidden       = errors.New("the token does not open this")
	errTooManyRequests = errors.New("too many requests")

	// errTimeout is what problemOf makes of an error of a request whose own
	// deadline is over.
	errTimeout = errors.New("answering took too long")
)

// retryAfter is what a 503 asks for: about the interval at which clients poll
// anyway, and longer than a failover of a healthy store takes to be noticed.
const retryAfter = 5 * time.Second

// failure is how one kind of failure is answered.
type failure struct {
	kind          problemType
	status        int
	title, detail string
	// header is the name and the value of one that says to a client what to do.
	header [2]string
	// is reports whether an error is of this kind; nil where no error is.
	is func(error) bool
}

// failures maps everything that can go wrong to HTTP. An error is of the first
// kind that fits: that something cannot be reached is asked before anything else,
// since what it hides may well exist. The last fits every error. The texts are
// fixed, so that nothing of an internal error gets into them.
var failures = makeFailures()

func makeFailures() []failure {
	none := [2]string{}
	soon := [2]string{"Retry-After", "1"}
	again := [2]string{"Retry-After", strconv.Itoa(int(retryAfter / time.Second))}
	return []failure{
		{
			problemNotReady, http.StatusServiceUnavailable, "Not ready",
			"This instance takes no requests: it starts, or is about to stop, or lacks what it needs.", again, oneOf(errNotReady, arena.ErrClosing),
		},
		{
			problemUncertain, http.StatusServiceUnavailable, "Uncertain",
			"The database went away while it stored this: whether it did is not known. Send the same request again, with the same Idempotency-Key if it had one: what is stored is not stored twice.", again,
			oneOf(arena.ErrUncertain),
		},
		{
			problemTimeout, http.StatusServiceUnavailable, "Timeout",
			"Answering took too long.", again, oneOf(errTimeout),
		},
		{
			problemUnavailable, http.StatusServiceUnavailable, "Unavailable",
			"What is needed to answer cannot be reached, or takes no writes, now.", again,
			oneOf(arena.ErrUnavailable, context.DeadlineExceeded, context.Canceled),
		},
		{
			problemUnknownModel, http.StatusNotFound, "Unknown model",
			"No model has this id.", none, oneOf(arena.ErrUnknownModel),
		},
		{
			problemUnknownSymbol, http.StatusNotFound, "Unknown symbol",
			"No symbol has this name.", none, oneOf(arena.ErrUnknownSymbol),
		},
		{
			problemUnknownDecision, http.StatusNotFound, "Unknown decision",
			"The model has no decision of this id.", none, oneOf(arena.ErrUnknownDecision),
		},
		{
			// Its detail names the domain.
			problemNotInFiles, http.StatusNotImplemented, "Not in the JSON files",
			"The domain is read from the JSON files, which cannot hold this.", none, ofType[*arena.NotInFilesError],
		},
		{
			// Its detail names it.
			problemUnknownCompetition, http.StatusNotFound, "Unknown competition",
			"No competition has this id; /api/competitions lists them.", none, ofType[*arena.UnknownCompetitionError],
		},
		{
			problemUnknownFact, http.StatusNotFound, "Unknown fact",
			"No fact of this kind has this model and id, and none was corrected.", none, oneOf(arena.ErrUnknownFact),
		},
		{
			problemUnknownRoute, http.StatusNotFound, "Unknown route",
			"There is nothing at this path; /openapi.json lists what there is.", none, oneOf(errUnknownRoute),
		},
		{
			problemMethod, http.StatusMethodNotAllowed, "Method not allowed",
			"The path does not take this method; see Allow.", none, nil,
		},
		{
			problemMalformed, http.StatusBadRequest, "Malformed body",
			"The body is not one JSON value; see errors.", none, ofType[*malformedError],
		},
		{
			problemNotAcceptable, http.StatusNotAcceptable, "Not acceptable",
			"The request refuses every content coding that there is for this response.", none, oneOf(errNotAcceptable),
		},
		{
			problemInvalidParameter, http.StatusBadRequest, "Invalid parameter",
			"A parameter of the request has a wrong value; see errors.", none,
			func(err error) bool { return ofType[*parameterError](err) || ofType[*arena.ParameterError](err) },
		},
		{
			// Its detail is what is in the way.
			problemRefused, http.StatusConflict, "Refused",
			"The state of things does not allow it; nothing was changed.", none,
			func(err error) bool {
				refused, ok := errors.AsType[*arena.RefusedError](err)
				return ok && !refused.Invalid
			},
		},
		{
			problemInvalidContent, http.StatusUnprocessableEntity, "Invalid content",
			"The content is well-formed but not valid; see errors.", none,
			func(err error) bool { return ofType[*arena.RefusedError](err) || ofType[wire.Faults](err) },
		},
		// Without Retry-After: waiting does not help, somebody has to change something.
		{
			problemNotConfigured, http.StatusServiceUnavailable, "Not configured",
			"This instance was started without what this surface needs.", none, oneOf(errNotConfigured),
		},
		{
			problemNoToken, http.StatusServiceUnavailable, "Write surface off",
			"No token is configured for the write surface; set NOF0_INGEST_TOKEN to turn it on.", none, oneOf(errNoToken),
		},
		{
			problemNoAdminToken, http.StatusServiceUnavailable, "Admin surface off",
			"No token is configured for the admin surface; set NOF0_ADMIN_TOKEN to turn it on.", none, oneOf(errNoAdminToken),
		},
		{
			problemUnauthorized, http.StatusUnauthorized, "Unauthorized",
			"The request needs the header Authorization with Bearer and the token of this surface.",
			[2]string{"WWW-Authenticate", `Bearer realm="nof0"`},
			oneOf(errUnauthorized),
		},
		{
			problemForbidden, http.StatusForbidden, "Forbidden",
			"The token is known, and does not open this.", none, oneOf(errForbidden),
		},
		{
			problemTooManyRequests, http.StatusTooManyRequests, "Too many requests",
			"More requests, streams or wrong tokens came from this address or with this token than may.", soon, oneOf(errTooManyRequests),
		},
		{
			problemMediaType, http.StatusUnsupportedMediaType, "Unsupported media type",
			"The body has to be application/json, in UTF-8.",
			[2]string{"Accept", contentJSON},
			oneOf(errMediaType),
		},
		{
			problemContentCoding, http.StatusUnsupportedMediaType, "Unsupported content coding",
			"The body has to be sent as it is, not compressed.",
			[2]string{"Accept-Encoding", string(identity)},
			oneOf(errContentCoding),
		},
		{
			problemTooLarge, http.StatusRequestEntityTooLarge, "Too large",
			fmt.Sprintf("A request may bring %d items and %d bytes; split it.", arena.MaxBatch, maxBody), none,
			oneOf(errTooLarge, errTooMany),
		},
		{
			// What is left of the body is not waited for.
			problemSlowBody, http.StatusRequestTimeout, "Body too slow",
			"The body of the request did not arrive in time; nothing was done.",
			[2]string{"Connection", "close"},
			oneOf(errSlowBody),
		},
		{
			problemKeyReused, http.StatusUnprocessableEntity, "Idempotency key reused",
			"The Idempotency-Key came with another request before; nothing was done.", none, oneOf(arena.ErrKeyReused),
		},
		{
			problemBusy, http.StatusServiceUnavailable, "Busy",
			"Too many writers are at work; nothing was done, and the same request may be sent again.", again,
			oneOf(arena.ErrBusy, errBodiesFull),
		},
		{
			problemGone, http.StatusGone, "Events gone",
			"The events to resume from are no longer kept, or are those of another database; load the views again and subscribe without an id.", none,
			oneOf(arena.ErrGone),
		},
		{
			problemTooManyStreams, http.StatusServiceUnavailable, "Too many streams",
			"As many streams are open as this instance serves.", again, oneOf(errTooManyStreams),
		},
		{
			problemInternal, http.StatusInternalServerError, "Internal error",
			"Something went wrong here; request_id finds it in the log.", none, func(error) bool { return true },
		},
	}
}

// rejections are the statuses of the items of a write that were not taken.
var rejections = map[arena.Rejection]int{
	arena.RejectedInvalid:  http.StatusUnprocessableEntity,
	arena.RejectedUnknown:  http.StatusUnprocessableEntity,
	arena.RejectedConflict: http.StatusConflict,
	arena.RejectedSibling:  http.StatusFailedDependency,
}

func oneOf(known ...error) func(error) bool {
	return func(err error) bool {
		for _, one := range known {
			if errors.Is(err, one) {
				return true
			}
		}
		return false
	}
}

func ofType[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

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

// problemOf maps an error to the problem that may be shown of it.
func problemOf(ctx context.Context, err error) problem {
	isOutage := errors.Is(err, errNotReady) || errors.Is(err, arena.ErrUnavailable)
	if !isOutage && errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
		err = errTimeout
	}
	for _, f := range failures {
		if f.is != nil && f.is(err) {
			return newProblem(f.kind).explained(err)
		}
	}
	return newProblem(problemInternal)
}

// explained adds what clients may know of an error of the problem's kind.
func (p problem) explained(err error) problem {
	malformed, _ := errors.AsType[*malformedError](err)
	parameters, _ := errors.AsType[*parameterError](err)
	parameter, _ := errors.AsType[*arena.ParameterError](err)
	absent, _ := errors.AsType[*arena.NotInFilesError](err)
	refused, _ := errors.AsType[*arena.RefusedError](err)
	competition, _ := errors.AsType[*arena.UnknownCompetitionError](err)
	faults, _ := errors.AsType[wire.Faults](err)
	switch {
	case p.Type == problemMalformed:
		p.Errors = wire.Faults{malformed.fault}
	case p.Type == problemInvalidParameter && parameters != nil:
		p.Errors = parameters.faults
	case p.Type == problemInvalidParameter:
		p.Errors = wire.Faults{{Path: "/" + parameter.Name, Reason: parameter.Reason}}
	case p.Type == problemNotInFiles:
		p.Detail = fmt.Sprintf("The domain %s is read from the JSON files, which cannot hold this. "+
			"It is served once nof0 rollout has moved the domain to the store.", absent.Domain)
	case p.Type == problemRefused:
		p.Detail = refused.Reason
	case p.Type == problemUnknownCompetition:
		p.Detail = fmt.Sprintf("No competition has the id %q; /api/competitions lists them.", competition.ID)
	case p.Type == problemInvalidContent && refused != nil:
		p.Errors = wire.Faults{{Reason: refused.Reason}}
	case p.Type == problemInvalidContent:
		p.Errors = faults
	}
	return p
}

func unknownRoute(c *gin.Context) { newProblem(problemUnknownRoute).send(c) }

// methodNotAllowed finds Allow already set by the router, in its own order.
func methodNotAllowed(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("Allow", inOrder(h.Get("Allow")))
	newProblem(problemMethod).send(c)
}
