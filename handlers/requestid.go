package handlers

import (
	"context"
	"encoding/hex"
	"io"
	"log/slog"

	"github.com/gin-gonic/gin"
)

const (
	headerRequestID  = "X-Request-Id"
	headerSource     = "X-Data-Source"
	longestRequestID = 128
	requestIDKey     = "request_id"
)

// RequestID returns the id of the request that ctx belongs to, "" outside of
// one.
func RequestID(ctx context.Context) string { return recordOf(ctx).id }

// requestID gives every request an id, the client's own where it is fit for a
// log, and sends it back.
func requestID(random io.Reader, withAttrs func(context.Context, ...slog.Attr) context.Context) gin.HandlerFunc {
	return func(c *gin.Context) {
		r := &record{id: c.GetHeader(headerRequestID)}
		if !saneRequestID(r.id) {
			r.id = newRequestID(random)
		}
		ctx := context.WithValue(c.Request.Context(), recordKey{}, r)
		if withAttrs != nil {
			ctx = withAttrs(ctx, slog.String(requestIDKey, r.id))
		}
		r.connection = ctx
		c.Request = c.Request.WithContext(ctx)
		c.Writer.Header().Set(headerRequestID, r.id)
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

func newRequestID(random io.Reader) string {
	var raw [16]byte
	if _, err := io.ReadFull(random, raw[:]); err != nil {
		return "unidentified" // answering matters more than telling apart
	}
	return hex.EncodeToString(raw[:])
}
