package telemetry

import (
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Throttle says which of many lines of one kind are logged, and counts the others. It
// is safe for concurrent use. A nil one lets every line pass.
type Throttle struct {
	limit *rate.Limiter
	left  atomic.Int64
}

// NewThrottle lets burst lines pass at once, and then one each interval.
func NewThrottle(interval time.Duration, burst int) *Throttle {
	return &Throttle{limit: rate.NewLimiter(rate.Every(interval), burst)}
}

// OncePerOutage is for lines that each failing request would write: one speaks of an
// outage as it begins, and one a minute that it lasts.
func OncePerOutage() *Throttle { return NewThrottle(time.Minute, 1) }

// Pass reports whether a line is logged, and how many were not since the last one.
func (t *Throttle) Pass(now time.Time) (leftOut int64, ok bool) {
	if t == nil {
		return 0, true
	}
	if !t.limit.AllowN(now, 1) {
		t.left.Add(1)
		return 0, false
	}
	return t.left.Swap(0), true
}
