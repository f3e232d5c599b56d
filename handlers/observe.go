package handlers

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

// observe reports every request to the metrics once it is over. A stream of events
// counts with the time to its first byte. It runs deferred, as accessLog.
func observe(metrics Metrics, now func() time.Time) gin.HandlerFunc {
	return func(c *gin.Context) {
		defer func() {
			r := recordOf(c.Request.Context())
			r.ended = now()
			end := r.ended
			if !r.begun.IsZero() {
				end = r.begun
			}
			source := c.Writer.Header().Get(headerSource)
			metrics.ObserveRequest(routeOf(c), methodLabel(c.Request.Method), statusOf(c, r), source, end.Sub(r.started))
		}()
		c.Next()
	}
}

// methodLabel bounds what clients can make of a label: any token is a method.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPost, http.MethodPut,
		http.MethodPatch, http.MethodDelete, http.MethodConnect, http.MethodTrace:
		return method
	default:
		return "OTHER"
	}
}
