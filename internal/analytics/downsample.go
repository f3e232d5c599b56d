package analytics

import "cmp"

// Sample is a value at a time.
type Sample struct {
	At    int64 // unix microseconds
	Value float64
}

// Downsample thins out a series that is handed to it in order of time to at most
// a number of samples, without losing its extremes. The time between the first
// and the last sample is cut into equal buckets; of each the smallest and the
// largest sample stay, the earlier first, and of the series the first and the
// last. Where there is room for one besides these, it is the extreme that is
// farthest beyond them. A series that has no more samples than asked for stays
// whole. What it holds does not depend on the length of the series. Get one from
// NewDownsample.
type Downsample struct {
	points      int
	first, last int64 // bounds in time
	all         []Sample
	buckets     []bucket // once there are too many
	begin, end  Sample
	n           int64
}

type bucket struct {
	n        int64
	low, top Sample
}

// MinPoints is the least number of samples that a series can be thinned out to.
const MinPoints = 2

// NewDownsample thins out to at most points samples, at least MinPoints, a series
// from one time to another, both in unix microseconds and inclusive.
func NewDownsample(points int, first, last int64) *Downsample {
	return &Downsample{points: max(points, MinPoints), first: first, last: last}
}

// Add adds the next sample.
func (d *Downsample) Add(s Sample) {
	if d.n == 0 {
		d.begin = s
	}
	d.end = s
	d.n++
	if d.buckets == nil {
		d.all = append(d.all, s)
		if len(d.all) <= d.points {
			return
		}
		// Two of each bucket, and the ends.
		d.buckets = make([]bucket, max((d.points-2)/2, 1))
		for _, s := range d.all {
			d.sort(s)
		}
		d.all = nil
		return
	}
	d.sort(s)
}

// sort puts a sample into its bucket.
func (d *Downsample) sort(s Sample) {
	share := float64(s.At-d.first) / (float64(d.last-d.first) + 1)
	b := &d.buckets[min(max(int(share*float64(len(d.buckets))), 0), len(d.buckets)-1)]
	if b.n == 0 || s.Value < b.low.Value {
		b.low = s
	}
	if b.n == 0 || s.Value > b.top.Value {
		b.top = s
	}
	b.n++
}

// Count returns how many samples were added.
func (d *Downsample) Count() int64 { return d.n }

// Samples returns the samples that stay, in order of time.
func (d *Downsample) Samples() []Sample {
	if d.buckets == nil {
		return d.all
	}
	var samples []Sample
	add := func(s Sample) {
		if len(samples) == 0 || s != samples[len(samples)-1] {
			samples = append(samples, s)
		}
	}
	add(d.begin)
	for _, b := range d.buckets {
		if b.n == 0 || d.points == MinPoints {
			continue
		}
		if d.points == MinPoints+1 {
			add(d.farthest(b))
			continue
		}
		if cmp.Less(b.top.At, b.low.At) {
			b.low, b.top = b.top, b.low
		}
		add(b.low)
		add(b.top)
	}
	add(d.end)
	return samples
}

// farthest returns the extreme of a bucket that is farther beyond the first and the
// last sample of the series, the earlier of two that are as far.
func (d *Downsample) farthest(b bucket) Sample {
	below := min(d.begin.Value, d.end.Value) - b.low.Value
	above := b.top.Value - max(d.begin.Value, d.end.Value)
	if below > above || below == above && b.low.At < b.top.At {
		return b.low
	}
	return b.top
}
