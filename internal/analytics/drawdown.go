package analytics

// Drawdown finds how far a series of equities fell from its highest value so
// far, at the worst. It advances by one equity in constant time. The zero value
// is empty.
type Drawdown struct {
	started bool
	peak    Sample

	worst    float64 // fraction of the peak
	dollars  float64
	from, to Sample
	last     Sample
}

// Add adds the next equity.
func (d *Drawdown) Add(s Sample) {
	d.last = s
	if !d.started || s.Value > d.peak.Value {
		d.started, d.peak = true, s
		return
	}
	// There is no share of nothing: an account that begins at 0 or below cannot fall.
	if d.peak.Value <= 0 {
		return
	}
	if fall := (d.peak.Value - s.Value) / d.peak.Value; fall > d.worst {
		d.worst, d.dollars, d.from, d.to = fall, d.peak.Value-s.Value, d.peak, s
	}
}

// Within reports whether a candle that comes next may hide a fall from a peak of its own
// that is as large as worst, in percent: fall is at least the largest within it, as a
// fraction of its peak. Otherwise its samples say all of it.
func (d *Drawdown) Within(c *Candle, fall, worst float64) bool {
	const rounding = 1e-9
	newPeak := !d.started || c.High.Value > d.peak.Value
	highFirst := c.High.At <= c.Low.At && c.Low.Value >= 0
	return c.Count > 2 && newPeak && !highFirst && fall > 0 && 100*fall*(1+rounding) >= worst
}

// Max returns the largest fall in percent of the peak before it, in USD, and the
// peak and the trough themselves; 0 and nothing while it has never fallen. More
// than 100 percent are lost where the equity fell below 0.
func (d *Drawdown) Max() (pct, dollars float64, peak, trough Sample) {
	return 100 * d.worst, d.dollars, d.from, d.to
}

// Worst returns the largest fall, in percent of the equity that it began at.
func (d *Drawdown) Worst() (pct float64) { return 100 * d.worst }

// Current returns how far the last equity is below the highest, in percent.
func (d *Drawdown) Current() (pct float64) {
	if d.peak.Value <= 0 {
		return 0
	}
	return 100 * (d.peak.Value - d.last.Value) / d.peak.Value
}
