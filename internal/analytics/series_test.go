package analytics

import (
	"math/rand/v2"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/internal/wire"
)

func TestDownsampleKeepsExtremes(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 11))
		n, points := 1+r.IntN(3000), 2+r.IntN(300)
		series := make([]Sample, n)
		at := r.Int64N(1e15)
		for i := range series {
			at += 1 + r.Int64N(1+int64(r.IntN(2))*1e9) // now and then a burst
			series[i] = Sample{at, float64(r.IntN(1000))}
		}
		low, top := series[0].Value, series[0].Value
		d := NewDownsample(points, series[0].At, series[n-1].At)
		present := map[Sample]bool{}
		for _, s := range series {
			d.Add(s)
			present[s] = true
			low, top = min(low, s.Value), max(top, s.Value)
		}
		got := d.Samples()
		require.LessOrEqual(t, len(got), points)
		require.Equal(t, int64(n), d.Count())
		gotLow, gotTop := got[0].Value, got[0].Value
		for i, s := range got {
			require.True(t, present[s], "a point is a row")
			if i > 0 {
				require.Greater(t, s.At, got[i-1].At, "in order, each once")
			}
			gotLow, gotTop = min(gotLow, s.Value), max(gotTop, s.Value)
		}
		require.Equal(t, series[0], got[0])
		require.Equal(t, series[n-1], got[len(got)-1])
		if points >= 4 {
			require.InDelta(t, low, gotLow, 0)
			require.InDelta(t, top, gotTop, 0)
		}
		if n <= points {
			require.Equal(t, series, got)
		}
	}
	assert.Empty(t, NewDownsample(10, 0, 0).Samples())
}

// Few points are the first and the newest, and the extreme farthest beyond them.
func TestDownsampleToFewPoints(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values     []float64
		two, three []int64 // the times that stay
	}{
		{nil, nil, nil},
		{[]float64{5}, []int64{0}, []int64{0}},
		{[]float64{5, 5}, []int64{0, 1}, []int64{0, 1}},
		{[]float64{5, 9, 6}, []int64{0, 2}, []int64{0, 1, 2}},
		{[]float64{5, 9, 1, 6}, []int64{0, 3}, []int64{0, 2, 3}}, // 3 beyond 6, 4 beyond 5
		{[]float64{5, 4, 8, 7, 6}, []int64{0, 4}, []int64{0, 2, 4}},
		{[]float64{5, 7, 4, 6}, []int64{0, 3}, []int64{0, 1, 3}}, // as far, and earlier
		{[]float64{1, 2, 3, 4, 5}, []int64{0, 4}, []int64{0, 4}}, // the ends are the extremes
		{[]float64{5, 5, 5, 5}, []int64{0, 3}, []int64{0, 3}},
	} {
		for points, want := range map[int][]int64{2: c.two, 3: c.three} {
			d := NewDownsample(points, 0, int64(len(c.values)-1))
			for at, v := range c.values {
				d.Add(Sample{int64(at), v})
			}
			var got []int64
			for _, s := range d.Samples() {
				got = append(got, s.At)
				require.InDelta(t, c.values[s.At], s.Value, 0)
			}
			require.Equal(t, want, got, "%v to %d", c.values, points)
		}
	}
}

func TestDrawdown(t *testing.T) {
	t.Parallel()
	var d Drawdown
	for i, equity := range []float64{100, 120, 90, 110, 200, 160, 190} {
		d.Add(Sample{int64(i), equity})
	}
	pct, dollars, peak, trough := d.Max()
	assert.InDelta(t, 25, pct, 1e-12, "120 to 90 is more of its peak than 200 to 160")
	assert.InDelta(t, 30, dollars, 0)
	assert.Equal(t, Sample{1, 120}, peak)
	assert.Equal(t, Sample{2, 90}, trough)
	assert.InDelta(t, 5, d.Current(), 1e-12)

	d = Drawdown{}
	for i, equity := range []float64{0, -5, 1, 2} {
		d.Add(Sample{int64(i), equity})
	}
	pct, dollars, _, _ = d.Max()
	assert.Zero(t, dollars)
	assert.Zero(t, pct, "there is no share of nothing, and it never fell since")
	d.Add(Sample{9, -2})
	pct, dollars, _, _ = d.Max()
	assert.InDelta(t, 4, dollars, 0)
	assert.InDelta(t, 200, pct, 1e-12)
	assert.Zero(t, new(Drawdown).Current())
}

func TestExposure(t *testing.T) {
	t.Parallel()
	row := wire.AccountTotal{DollarEquity: 1000, Positions: jsontext.Value(`{
		"BTC": {"quantity": 0.1, "current_price": 20000, "entry_price": 1},
		"ETH": {"quantity": -2, "entry_price": 500},
		"SOL": "what is this", "XRP": {"quantity": null}}`)}
	assert.Equal(t, Exposure{Gross: 3000, Net: 1000, GrossPct: 300, NetPct: 100}, ExposureOf(&row))
	row.DollarEquity = 0
	assert.Equal(t, Exposure{Gross: 3000, Net: 1000}, ExposureOf(&row))
	assert.Equal(t, Exposure{}, ExposureOf(&wire.AccountTotal{DollarEquity: 5}))
	assert.Equal(t, Exposure{}, ExposureOf(&wire.AccountTotal{DollarEquity: 5, Positions: jsontext.Value(`[]`)}))
}
