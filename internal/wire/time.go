package wire

import (
	"math"
	"time"
)

// MaxSeconds is the first unix second past the year 9999, beyond which a time
// is a mistake, most often milliseconds where seconds were meant.
const MaxSeconds = 253402300800

// Time converts unix seconds to a UTC time rounded to microseconds.
func Time(seconds float64) time.Time {
	return time.UnixMicro(int64(math.Round(seconds * 1e6))).UTC()
}

// Seconds converts a time to unix seconds. A decimal of up to six places that
// went through Time comes back as the same double.
func Seconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }

// Millis converts a time to integer unix milliseconds.
func Millis(t time.Time) int64 { return t.UnixMilli() }

// MillisTime converts unix milliseconds to a UTC time.
func MillisTime(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
