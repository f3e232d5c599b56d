package arena

import (
	"slices"
	"time"

	"nof0/internal/analytics"
	"nof0/repository"
)

const day = 24 * time.Hour

// widths returns how long stored candles are.
func widths() []time.Duration {
	return []time.Duration{time.Minute, 15 * time.Minute, time.Hour, day}
}

// rowsPerPoint is how many rows for each point are read rather than candles, which may
// leave out rows that there is room for.
const rowsPerPoint = 4

// ofCandles returns which part of a series to read, and of which widths of candles: up to
// the longest that gives as many spans as a series is thinned out to, or the resolution;
// none where rows are to be read. From is when the shape begins, first and last are the
// ends of the range.
func (s Series) ofCandles(from, first, last time.Time) (repository.Span, []time.Duration) {
	stored, longest := widths(), s.Resolution
	if longest == 0 {
		longest = last.Sub(first) / time.Duration(max((s.points()-2)/2, 1))
	}
	n := 0
	for n < len(stored) && stored[n] <= longest {
		n++
	}
	span := s.span()
	if s.Resolution != 0 && from.After(span.From) {
		span.From = from
	}
	// An open end is that of a day, which has a candle.
	if span.From.IsZero() {
		span.From = first.UTC().Truncate(day)
	}
	if span.To.IsZero() {
		span.To = last.UTC().Truncate(day).Add(day - time.Microsecond)
	}
	return span, stored[:n]
}

// shownBy reports whether pieces give the points that a series is thinned out to: there
// are more rows than that by far, or none that a piece does not name, and one piece ends
// before the next begins.
func (s Series) shownBy(pieces []repository.Piece) bool {
	rows, named := int64(0), true
	for i := range pieces {
		rows += pieces[i].Rows
		named = named && pieces[i].Rows <= 2
		if i > 0 && !pieces[i].OpenAt.After(pieces[i-1].CloseAt) {
			return false
		}
	}
	return rows > 0 && (s.Resolution != 0 || named || rows > int64(rowsPerPoint*s.points()))
}

// segments divides a span into candles, the longest that fit, and rows at its ends, where
// it cuts the shortest ones.
func segments(span repository.Span, widths []time.Duration) []repository.Segment {
	if span.From.After(span.To) {
		return nil
	}
	if len(widths) == 0 {
		return []repository.Segment{{Span: span}}
	}
	shorter, width := widths[:len(widths)-1], widths[len(widths)-1]
	from, to := span.From.UTC().Truncate(width), span.To.Add(time.Microsecond).UTC().Truncate(width)
	if from.Before(span.From) {
		from = from.Add(width)
	}
	if !from.Before(to) {
		return segments(span, shorter)
	}
	before, after := span, span
	before.To, after.From = from.Add(-time.Microsecond), to
	whole := repository.Segment{Resolution: width, Span: repository.Span{From: from, To: to.Add(-time.Microsecond)}}
	return slices.Concat(segments(before, shorter), []repository.Segment{whole}, segments(after, shorter))
}

// madeOf are the segments that the piece at i is made of: of shorter candles, up to what
// the pieces beside it leave of its span. Those of hours are not among them, since hours of
// the account may overlap.
func madeOf(pieces []repository.Piece, i int) []repository.Segment {
	p := &pieces[i]
	from := p.OpenAt.UTC().Truncate(p.Resolution)
	span := repository.Span{From: from, To: from.Add(p.Resolution - time.Microsecond)}
	if i > 0 && !pieces[i-1].CloseAt.Before(span.From) {
		span.From = p.OpenAt
	}
	if i+1 < len(pieces) && !pieces[i+1].OpenAt.After(span.To) {
		span.To = p.CloseAt
	}
	return segments(span, slices.DeleteFunc(widths(), func(w time.Duration) bool { return w >= p.Resolution || w == time.Hour }))
}

func candleOf(p *repository.Piece) analytics.Candle {
	sample := func(value float64, at time.Time) analytics.Sample {
		return analytics.Sample{At: at.UnixMicro(), Value: value}
	}
	return analytics.Candle{
		Open: sample(p.Open, p.OpenAt), High: sample(p.High, p.HighAt), Low: sample(p.Low, p.LowAt), Close: sample(p.Close, p.CloseAt), Count: p.Rows,
	}
}

// withoutDoubles leaves out the candles of minutes of which every tick is there, and the ticks of
// the others.
func withoutDoubles(pieces []repository.Piece) []repository.Piece {
	ticks, counted := make(map[int64]int64), make(map[int64]int64)
	for i := range pieces {
		switch p := &pieces[i]; p.Resolution {
		case 0:
			ticks[p.OpenAt.Unix()/60]++
		case time.Minute:
			counted[p.OpenAt.Unix()/60] = p.Rows
		}
	}
	return slices.DeleteFunc(pieces, func(p repository.Piece) bool {
		minute := p.OpenAt.Unix() / 60
		whole := ticks[minute] >= counted[minute]
		return p.Resolution == 0 && !whole || p.Resolution == time.Minute && whole
	})
}

// cut returns what of a candle is in a span: of one that is not, those of its samples
// that are, since nothing is known of the others.
func cut(c analytics.Candle, span repository.Span) (within []analytics.Candle) {
	from, to := span.From.UnixMicro(), span.To.UnixMicro()
	if from <= c.Open.At && c.Close.At <= to {
		return []analytics.Candle{c}
	}
	for _, s := range c.Samples() {
		if from <= s.At && s.At <= to {
			within = append(within, analytics.Candle{Open: s, High: s, Low: s, Close: s, Count: 1})
		}
	}
	return within
}
