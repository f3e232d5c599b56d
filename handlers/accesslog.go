package handlers

import (
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"nof0/internal/telemetry"
)

// throttles keep what happens to many requests in the same way from filling the disk.
// A fault of the program is none of that: each has its line.
type throttles struct {
	fine, refused *telemetry.Throttle
	outages       map[problemType]*telemetry.Throttle
}

func newThrottles(perSecond int) throttles {
	t := throttles{outages: map[problemType]*telemetry.Throttle{}}
	if perSecond > 0 {
		interval := time.Second / time.Duration(perSecond)
		t.fine, t.refused = telemetry.NewThrottle(interval, perSecond), telemetry.NewThrottle(interval, perSecond)
	}
	for _, f := range failures {
		if f.status == http.StatusServiceUnavailable {
			t.outages[f.kind] = telemetry.OncePerOutage()
		}
	}
	return t
}

func (t throttles) of(c *gin.Context, r *record, status int) *telemetry.Throttle {
	switch {
	case isAdminAct(c, r):
		return nil
	case status == http.StatusServiceUnavailable:
		return t.outages[r.problem]
	case isFault(status):
		return nil
	case status >= http.StatusBadRequest:
		return t.refused
	default:
		return t.fine
	}
}

// isFault reports whether a status is of the program or of what it needs: 501 says what
// the configuration leaves out, as often as clients ask for it.
func isFault(status int) bool {
	return status >= http.StatusInternalServerError && status != http.StatusNotImplemented
}

// isAdminAct reports whether a request changes what operators control: each has its line.
func isAdminAct(c *gin.Context, r *record) bool {
	return r.token != "" && strings.HasPrefix(c.FullPath(), "/admin/") &&
		c.Request.Method != http.MethodGet && c.Request.Method != http.MethodHead
}

// accessLog writes lines about requests, which also say why a failed one failed.
// It runs deferred: a response that is broken off leaves by panic.
func accessLog(log *slog.Logger, which throttles) gin.HandlerFunc {
	return func(c *gin.Context) {
		defer func() {
			r := recordOf(c.Request.Context())
			status := statusOf(c, r)
			level := accessLevel(c, status)
			if !log.Enabled(c.Request.Context(), level) {
				return
			}
			leftOut, ok := which.of(c, r, status).Pass(r.ended)
			if !ok {
				return
			}
			attrs := []slog.Attr{
				slog.String("method", c.Request.Method),
				slog.String("route", routeOf(c)),
				slog.String("path", c.Request.URL.EscapedPath()),
				slog.Int("status", status),
				slog.Duration("duration", r.ended.Sub(r.started)),
				slog.Int("bytes", max(c.Writer.Size(), 0)),
				slog.String("source", c.Writer.Header().Get(headerSource)),
				slog.String("client", c.ClientIP()),
			}
			if r.token != "" {
				attrs = append(attrs, slog.String("token", r.token))
			}
			if r.err != nil {
				attrs = append(attrs, slog.Any("error", r.err))
			}
			if leftOut > 0 {
				attrs = append(attrs, slog.Int64("left_out", leftOut))
			}
			message := "request"
			if isAdminAct(c, r) {
				message = "admin act"
			}
			log.LogAttrs(c.Request.Context(), level, message, attrs...) //nolint:sloglint // one of two constants
		}()
		c.Next()
	}
}

// accessLevel keeps what goes well all the time out of the log: what probes and
// scrapers ask every few seconds, and the writes of a feed. What fails is in it.
func accessLevel(c *gin.Context, status int) slog.Level {
	route := c.FullPath()
	switch {
	case isFault(status):
		return slog.LevelError
	case route == pathHealth, route == pathReady, route == pathMetrics:
		return slog.LevelDebug
	case strings.HasPrefix(route, pathIngest) && status < http.StatusBadRequest:
		return slog.LevelDebug
	}
	return slog.LevelInfo
}
