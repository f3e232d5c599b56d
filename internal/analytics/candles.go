package analytics

import (
	"slices"
	"time"
)

// Candle is what a series was within a span of time: its first, highest, lowest and last
// sample, of those that are equal the earliest.
type Candle struct {
	From                   time.Time // when the span begins
	Open, High, Low, Close Sample
	Count                  int64
}

// Candles makes candles of a series that is handed to it in order of time. A span begins
// at a multiple of its width since 1970, UTC, and has no candle where nothing was.
type Candles struct {
	Width time.Duration
	All   []Candle // oldest first
}

// Begin is when the span of a time begins.
func (c *Candles) Begin(at time.Time) time.Time { return at.UTC().Truncate(c.Width) }

// Add adds the next sample.
func (c *Candles) Add(s Sample) { c.AddCandle(Candle{Open: s, High: s, Low: s, Close: s, Count: 1}) }

// AddCandle adds what the series was next, within one span.
func (c *Candles) AddCandle(next Candle) {
	next.From = c.Begin(time.UnixMicro(next.Open.At))
	n := len(c.All)
	if n == 0 || !c.All[n-1].From.Equal(next.From) {
		c.All = append(c.All, next)
		return
	}
	last := &c.All[n-1]
	if next.High.Value > last.High.Value {
		last.High = next.High
	}
	if next.Low.Value < last.Low.Value {
		last.Low = next.Low
	}
	last.Close = next.Close
	last.Count += next.Count
}

// Samples are those that the candle names, in order of time, each once.
func (c *Candle) Samples() []Sample {
	one, other := c.High, c.Low
	if other.At < one.At {
		one, other = other, one
	}
	return slices.Compact([]Sample{c.Open, one, other, c.Close})
}
