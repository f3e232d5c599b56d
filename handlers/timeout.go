package handlers

import (
	"context"
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
		c.Next()
	}
}
