package handlers

import (
	"fmt"
	"io"
	"sync/atomic"

	"github.com/gin-gonic/gin"
)

// bodies bounds what the bodies of all requests under way hold: limit bytes, as they
// arrive and not as they are announced. What would not fit is answered as busy. A request
// gives its bytes back as it ends, since until then it works on them.
func bodies(limit int64) gin.HandlerFunc {
	var arrived atomic.Int64
	return func(c *gin.Context) {
		if c.Request.ContentLength == 0 {
			return
		}
		body := &countedBody{ReadCloser: c.Request.Body, limit: limit, arrived: &arrived}
		c.Request.Body = body
		defer func() { arrived.Add(-body.bytes) }()
		c.Next()
	}
}

type countedBody struct {
	io.ReadCloser
	limit, bytes int64
	arrived      *atomic.Int64 // of all requests
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.bytes += int64(n)
	if all := b.arrived.Add(int64(n)); all > b.limit && n > 0 {
		return n, fmt.Errorf("%w: %d bytes have arrived of all of them; %d may", errBodiesFull, all, b.limit)
	}
	return n, err
}
