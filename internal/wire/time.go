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
	// Apart, both parts are exact; their product with 1e6 would not be.
	whole, fraction := math.Modf(seconds)
	return time.UnixMicro(int64(whole)*1e6 + int64(math.Round(fraction*1e6))).UTC()
}

// Seconds converts a time to unix seconds. A decimal of up to six places that
// went through Time comes back as the same double.
func Seconds(t time.Time) float64 {
	const exact = 1 << 53 // microseconds that a double holds, to the year 2255
	micros := t.UnixMicro()
	if -exact <= micros && micros <= exact {
		return float64(micros) / 1e6
	}
	return float64(micros/1e6) + float64(micros%1e6)/1e6
}

// Millis converts a time to integer unix milliseconds.
func Millis(t time.Time) int64 { return t.UnixMilli() }

// MillisTime converts unix milliseconds to a UTC time.
func MillisTime(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// CompareTimes orders unix seconds as the times that they are stored as: what
// is less than a microsecond apart is the same moment.
func CompareTimes(a, b float64) int { return Time(a).Compare(Time(b)) }
