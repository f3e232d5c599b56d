package handlers

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

// accessLog writes one line per request, which also says why a failed one
// failed. It runs deferred: a response that is broken off leaves by panic.
func accessLog(log logger, now func() time.Time) gin.HandlerFunc {
	return func(c *gin.Context) {
		start := now()
		defer func() {
			r := recordOf(c.Request.Context())
			status := statusOf(c, r)
			attrs := []slog.Attr{
				slog.String("method", c.Request.Method),
				slog.String("route", routeOf(c)),
				slog.String("path", c.Request.URL.EscapedPath()),
				slog.Int("status", status),
				slog.Duration("duration", now().Sub(start)),
				slog.Int("bytes", max(c.Writer.Size(), 0)),
				slog.String("source", c.Writer.Header().Get(headerSource)),
				slog.String("client", c.ClientIP()),
			}
			if r.err != nil {
				attrs = append(attrs, slog.Any("error", r.err))
			}
			log.log(c.Request.Context(), accessLevel(c, status), "request", attrs...)
		}()
		c.Next()
	}
}

// accessLevel keeps what probes and scrapers ask every few seconds out of the
// log, unless it fails.
func accessLevel(c *gin.Context, status int) slog.Level {
	if status >= http.StatusInternalServerError {
		return slog.LevelError
	}
	switch c.FullPath() {
	case pathHealth, pathReady, pathMetrics:
		return slog.LevelDebug
	}
	return slog.LevelInfo
}
