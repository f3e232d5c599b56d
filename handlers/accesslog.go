package handlers

import (
	"log/slog"
	"net/http"
	"strings"
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

// accessLevel keeps what goes well all the time out of the log: what probes and
// scrapers ask every few seconds, and the writes of a feed. What fails is in it.
func accessLevel(c *gin.Context, status int) slog.Level {
	route := c.FullPath()
	switch {
	case status >= http.StatusInternalServerError:
		return slog.LevelError
	case route == pathHealth, route == pathReady, route == pathMetrics:
		return slog.LevelDebug
	case strings.HasPrefix(route, pathIngest) && status < http.StatusBadRequest:
		return slog.LevelDebug
	}
	return slog.LevelInfo
}
