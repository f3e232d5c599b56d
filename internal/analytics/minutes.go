package analytics

import "nof0/internal/wire"

const (
	secondsPerMinute = 60
	microsPerMinute  = secondsPerMinute * 1e6
)

// microsBetween returns the microseconds from one time to another, both in unix
// seconds. Payload times have six decimals at most, so that nothing is lost;
// subtracted as doubles they would leave noise in an exact sum.
func microsBetween(from, to float64) int64 {
	return wire.Time(to).UnixMicro() - wire.Time(from).UnixMicro()
}

// minutes converts microseconds.
func minutes(us int64) float64 { return float64(us) / microsPerMinute }

// pct returns 100 · part / whole, and 0 of nothing.
func pct(part, whole float64) float64 { return 100 * ratio(part, whole) }

// ratio returns part / whole, and 0 of nothing.
func ratio(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return part / whole
}
