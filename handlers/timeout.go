package handlers

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

// timeout bounds the work of a request; 0 is no bound. What overruns it ends
// by its own context error, so nothing is written behind a handler's back.
func timeout(limit time.Duration) gin.HandlerFunc {
	return func(c *gin.Context) {
		if limit > 0 {
			ctx, cancel := context.WithTimeout(c.Request.Context(), limit)
			defer cancel()
			c.Request = c.Request.WithContext(ctx)
		}
		if c.Request.Body == nil || c.Request.Body == http.NoBody {
			arrived(c.Writer)
		}
		c.Next()
	}
}

// arrived ends the read timeout of a request that is read to its end. The
// server goes on reading, to notice that the client leaves, and would take the
// end of the timeout for that: whatever takes longer to answer or to send would
// break off.
func arrived(w http.ResponseWriter) {
	// A writer without deadlines has none to end.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
}
