package analytics

import "math"

// Sharpe returns the Sharpe ratio of equities an hour apart: mean over sample
// standard deviation of the hourly returns, without a risk-free rate and not
// annualised, which is how equity rows state it. The series starts with the
// NAV at inception, so that the first hour counts. It is 0 for fewer than two
// returns and when all are equal.
func Sharpe(equities []float64) float64 {
	var r Returns
	for _, e := range equities {
		r.Add(e)
	}
	return r.Sharpe()
}

// Returns is a series of equities an hour apart that grows at its end. The
// zero value is empty; a Returns must not be copied after use.
type Returns struct {
	stats   Stats
	last    float64
	unknown bool // a return was no number
}

// Add appends an equity. There is no return on nothing: the hour after an
// equity of 0 or below is left out.
func (r *Returns) Add(equity float64) {
	if r.last > 0 {
		before := r.stats.Count()
		r.stats.Add(equity/r.last - 1)
		r.unknown = r.unknown || r.stats.Count() == before
	}
	r.last = equity
}

// Sharpe returns the Sharpe ratio of the series so far, NaN where a return is
// beyond what a double can hold.
func (r *Returns) Sharpe() float64 {
	if r.unknown {
		return math.NaN()
	}
	return ratio(r.stats.Mean(), r.stats.Std())
}
