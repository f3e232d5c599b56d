package handlers

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"nof0/internal/arena"
)

// stream sends a document that is never held whole. The request's deadline is
// for the work of answering; how long a large transfer takes is up to the
// client's line, so it is bounded by progress instead: each part must leave
// within the write timeout, and the client must stay.
func (s *sender) stream(c *gin.Context, doc arena.Stream, coding coding) {
	if c.Request.Method == http.MethodHead {
		c.Writer.WriteHeader(http.StatusOK)
		return
	}
	record := recordOf(c.Request.Context())
	var ctx context.Context = record
	w := &clientWriter{
		ctx: ctx, to: c.Writer, control: http.NewResponseController(c.Writer), stall: s.stall, now: s.now,
	}
	write := doc.Identity
	if coding == gzipped {
		write = doc.Gzip
	}
	err := write(ctx, w)
	switch {
	case err == nil && w.err == nil:
		return
	case w.err != nil:
		record.clientGone(w.err)
	case !c.Writer.Written():
		fail(c, err)
		return
	default:
		p := problemOf(ctx, err)
		record.status, record.err = p.Status, err
	}
	// The status line is out. Only a broken connection shows the client that
	// this is not the whole document.
	panic(http.ErrAbortHandler)
}

// clientWriter writes to a client and distinguishes its failures from those of the
// stream that writes to it.
type clientWriter struct {
	ctx     context.Context //nolint:containedctx // an io.Writer cannot be given one
	to      http.ResponseWriter
	control *http.ResponseController
	stall   time.Duration
	now     func() time.Time
	err     error
}

func (w *clientWriter) Write(p []byte) (int, error) {
	if w.err == nil {
		w.err = w.ctx.Err()
	}
	if w.err != nil {
		return 0, w.err
	}
	if w.stall > 0 {
		// Not every writer has deadlines; one without them stalls as long as
		// its owner lets it.
		_ = w.control.SetWriteDeadline(w.now().Add(w.stall))
	}
	n, err := w.to.Write(p)
	w.err = err
	return n, err
}

// flush sends what was written. The deadline is that of the last write.
func (w *clientWriter) flush() error {
	if w.err == nil {
		w.err = w.control.Flush()
	}
	return w.err
}

// unwrap returns the writer below gin's, which keeps the errors of a flush to
// itself and hides from net/http that a body was too large.
func unwrap(w gin.ResponseWriter) http.ResponseWriter {
	if wrapper, ok := w.(interface{ Unwrap() http.ResponseWriter }); ok {
		return wrapper.Unwrap()
	}
	return w
}
