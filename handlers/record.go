package handlers

import (
	"context"
	"log/slog"
	"time"

	"github.com/gin-gonic/gin"

	"nof0/internal/deadline"
	"nof0/internal/telemetry"
)

// statusClientGone is the outcome of a request whose client went away. It is
// recorded and never seen.
const statusClientGone = 499

// unmatched is the route of everything that the router does not know.
const unmatched = "unmatched"

// record is what the layers around a request learn of its outcome beyond the
// response itself.
type record struct {
	// Context ends when the client goes, and not at the request's deadline.
	context.Context //nolint:containedctx // a record is the context of its request

	id string
	// started is when the request came, and ended when it had been answered.
	started, ended time.Time
	// limited is the record with the deadline of the request.
	limited deadline.Context
	// sentID is id as a header has it.
	sentID [1]string
	// status is the outcome where it is another than the status line says.
	status int
	// begun is when the first byte of a stream of events left: what comes after
	// it takes as long as its client wants, and says nothing about us.
	begun time.Time
	// problem is the kind of the failure that was answered, and err why it arose; for
	// the log only.
	problem problemType
	token   string // the name of the one that was brought
	err     error
}

type recordKey struct{}

// Value implements context.Context.
func (r *record) Value(key any) any {
	switch key.(type) {
	case recordKey:
		return r
	case telemetry.AttrsKey:
		return []slog.Attr{slog.String(telemetry.KeyRequestID, r.id)}
	}
	return r.Context.Value(key)
}

// recordOf returns the record of a request; outside of one, an empty record.
func recordOf(ctx context.Context) *record {
	if r, ok := ctx.Value(recordKey{}).(*record); ok {
		return r
	}
	return &record{Context: ctx}
}

func (r *record) clientGone(err error) { r.status, r.err = statusClientGone, err }

// statusOf is the status of the outcome.
func statusOf(c *gin.Context, r *record) int {
	if r.status != 0 {
		return r.status
	}
	return c.Writer.Status()
}

// routeOf is the template of the route.
func routeOf(c *gin.Context) string {
	if path := c.FullPath(); path != "" {
		return path
	}
	return unmatched
}
