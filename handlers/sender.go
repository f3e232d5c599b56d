package handlers

import (
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"nof0/internal/arena"
)

const (
	contentJSON    = "application/json"
	contentProblem = "application/problem+json"
	contentHTML    = "text/html; charset=utf-8"
)

// smallBody is the size below which compressing saves no packet.
const smallBody = 1024

// sender turns answers into responses: validators, coding, body.
type sender struct {
	variants *variants
	// stall is how long a streamed response may wait for its client.
	stall time.Duration
	now   func() time.Time
}

func newSender(opts Options) (*sender, error) {
	compressor, err := newCompressor()
	if err != nil {
		return nil, err
	}
	variants, err := newVariants(compressor.compress)
	if err != nil {
		return nil, err
	}
	return &sender{variants: variants, stall: opts.Config.WriteTimeout, now: opts.Now}, nil
}

// send answers a GET or HEAD.
func (s *sender) send(c *gin.Context, a *arena.Answer, contentType string) {
	h := c.Writer.Header()
	// Before the preconditions: these count only where the answer would be 200.
	coding, ok := choose(c.Request.Header["Accept-Encoding"], a)
	if !ok {
		fail(c, errNotAcceptable)
		return
	}
	unchanged := notModified(c.Request.Header, a)
	if unchanged {
		withoutContent(h)
	}
	describe(h, a, s.now)
	if unchanged {
		c.Writer.WriteHeader(http.StatusNotModified)
		return
	}
	if contentType == contentJSON {
		h["Content-Type"] = typeJSON
	} else {
		h.Set("Content-Type", contentType)
	}
	if named := contentCodings[coding]; named != nil {
		h["Content-Encoding"] = named
	}
	switch {
	case a.Body == nil:
		s.stream(c, a.Stream, coding)
	case c.Request.Method == http.MethodHead:
		s.head(c, a, coding)
	default:
		s.body(c, a, coding)
	}
}

// choose picks the coding of an answer, by what it can be sent in.
func choose(accept []string, a *arena.Answer) (coding, bool) {
	switch {
	case a.Body == nil:
		return negotiate(accept, gzipped, identity)
	case a.ETag == "":
		// Nothing distinguishes such a body from another, so no variant can be kept.
		return negotiate(accept, identity)
	case len(a.Body) < smallBody:
		if coding, ok := negotiate(accept, identity); ok {
			return coding, true
		}
	}
	return negotiate(accept, brotlied, zstandard, gzipped, identity)
}

func (s *sender) head(c *gin.Context, a *arena.Answer, coding coding) {
	if coding == identity {
		c.Writer.Header()["Content-Length"] = descriptionOf(a).length
	} else if v, known := s.variants.peek(a.ETag, coding); known {
		c.Writer.Header()["Content-Length"] = v.length
	}
	c.Writer.WriteHeader(http.StatusOK)
}

func (s *sender) body(c *gin.Context, a *arena.Answer, coding coding) {
	v := variant{body: a.Body}
	if coding == identity {
		v.length = descriptionOf(a).length
	} else {
		var err error
		if v, err = s.variants.get(c.Request.Context(), a, coding); err != nil {
			fail(c, err)
			return
		}
	}
	c.Writer.Header()["Content-Length"] = v.length
	c.Writer.WriteHeader(http.StatusOK)
	if _, err := c.Writer.Write(v.body); err != nil {
		recordOf(c.Request.Context()).clientGone(err)
	}
}

func setLength(h http.Header, n int) { h.Set("Content-Length", strconv.Itoa(n)) }
