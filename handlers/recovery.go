package handlers

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/gin-gonic/gin"
)

// recovery turns a panic into a 500. Its stack goes to the log and nowhere
// else. A response that is already under way cannot become a 500: its
// connection is broken, so that nobody takes the part for the whole.
func recovery(log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(http.ErrAbortHandler)
			}
			ctx := c.Request.Context()
			r := recordOf(ctx)
			r.status, r.err = http.StatusInternalServerError, fmt.Errorf("panic: %v", cause)
			log.LogAttrs(ctx, slog.LevelError, "panic",
				slog.Any("cause", cause), slog.String("stack", string(debug.Stack())))
			if c.Writer.Written() {
				panic(http.ErrAbortHandler)
			}
			newProblem(problemInternal).send(c)
		}()
		c.Next()
	}
}
