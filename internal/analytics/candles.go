package analytics

import "time"

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
func (c *Candles) Add(s Sample) {
	from := c.Begin(time.UnixMicro(s.At))
	if n := len(c.All); n == 0 || !c.All[n-1].From.Equal(from) {
		c.All = append(c.All, Candle{From: from, Open: s, High: s, Low: s})
	}
	last := &c.All[len(c.All)-1]
	if s.Value > last.High.Value {
		last.High = s
	}
	if s.Value < last.Low.Value {
		last.Low = s
	}
	last.Close = s
	last.Count++
}
