package handlers

import (
	"context"
	"fmt"

	"github.com/gin-gonic/gin"
)

// ready says whether requests should be sent here.
func ready(check func(ctx context.Context) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := check(c.Request.Context()); err != nil {
			fail(c, fmt.Errorf("%w: %w", errNotReady, err))
			return
		}
		sendStatus(c, `{"status":"ready"}`)
	}
}
