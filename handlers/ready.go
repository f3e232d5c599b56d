package handlers

import (
	"context"
	"fmt"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"
)

// ready says whether requests should be sent here, and of what is missing for
// full speed.
func ready(check func(ctx context.Context) error, degraded func() error) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := check(c.Request.Context()); err != nil {
			fail(c, fmt.Errorf("%w: %w", errNotReady, err))
			return
		}
		if err := degraded(); err != nil {
			reason, _ := json.Marshal(err.Error()) // a text always has a JSON form
			sendStatus(c, `{"status":"ready","degraded":`+string(reason)+`}`)
			return
		}
		sendStatus(c, `{"status":"ready"}`)
	}
}
