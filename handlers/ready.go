package handlers

import (
	"context"
	"fmt"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"
)

// ready says whether requests should be sent here, and what is missing.
func ready(check func(ctx context.Context) (degraded, err error)) gin.HandlerFunc {
	return func(c *gin.Context) {
		degraded, err := check(c.Request.Context())
		if err != nil {
			fail(c, fmt.Errorf("%w: %w", errNotReady, err))
			return
		}
		if degraded != nil {
			reason, _ := json.Marshal(degraded.Error()) // a text always has a JSON form
			sendStatus(c, `{"status":"ready","degraded":`+string(reason)+`}`)
			return
		}
		sendStatus(c, `{"status":"ready"}`)
	}
}
