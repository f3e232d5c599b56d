package handlers

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"time"

	"github.com/gin-gonic/gin"
)

const (
	headerRequestID  = "X-Request-Id"
	headerSource     = "X-Data-Source"
	longestRequestID = 128
)

// RequestID returns the id of the request that ctx belongs to, "" outside of
// one.
func RequestID(ctx context.Context) string { return recordOf(ctx).id }

// begin gives every request its record and with it an id, the client's own where it is fit
// for a log, which it sends back. It bounds the work of a request by limit; 0 is no bound.
// What overruns it ends by its own context error, so nothing is written behind a handler's
// back.
func begin(random func() uint64, now func() time.Time, limit time.Duration) gin.HandlerFunc {
	return func(c *gin.Context) {
		r := &record{Context: c.Request.Context(), id: c.GetHeader(headerRequestID), started: now()}
		if !saneRequestID(r.id) {
			r.id = newRequestID(random)
		}
		r.sentID[0] = r.id
		c.Writer.Header()[headerRequestID] = r.sentID[:]
		if limit <= 0 {
			c.Request = c.Request.WithContext(r)
			c.Next()
			return
		}
		r.limited.Set(r, time.Now().Add(limit))
		defer r.limited.Cancel()
		c.Request = c.Request.WithContext(&r.limited)
		c.Next()
	}
}

func saneRequestID(id string) bool {
	return id != "" && len(id) <= longestRequestID && visible(id)
}

// visible reports whether a text is of visible ASCII alone.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// newRequestID makes an id that tells requests apart and keeps nothing secret.
func newRequestID(random func() uint64) string {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], random())
	binary.BigEndian.PutUint64(raw[8:], random())
	var id [2 * len(raw)]byte
	hex.Encode(id[:], raw[:])
	return string(id[:])
}
