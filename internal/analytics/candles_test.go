package analytics_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/internal/analytics"
)

func TestCandlesTellTheirExtremesAndWhen(t *testing.T) {
	t.Parallel()
	at := time.Date(2025, 10, 31, 23, 40, 0, 0, time.UTC)
	sample := func(after time.Duration, value float64) analytics.Sample {
		return analytics.Sample{At: at.Add(after).UnixMicro(), Value: value}
	}
	c := analytics.Candles{Width: 15 * time.Minute}
	first, top, again, low := sample(0, 3), sample(time.Minute, 7), sample(2*time.Minute, 7), sample(5*time.Minute-time.Microsecond, -1)
	edge := sample(5*time.Minute, -4)
	late := sample(90*time.Minute, 5)
	for _, s := range []analytics.Sample{first, top, again, low, edge, late} {
		c.Add(s)
	}
	require.Equal(t, []analytics.Candle{
		{From: at.Add(-10 * time.Minute), Open: first, High: top, Low: low, Close: low, Count: 4},
		{From: at.Add(5 * time.Minute), Open: edge, High: edge, Low: edge, Close: edge, Count: 1},
		{From: at.Add(80 * time.Minute), Open: late, High: late, Low: late, Close: late, Count: 1},
	}, c.All)
	day := analytics.Candles{Width: 24 * time.Hour}
	require.Equal(t, at.Add(-23*time.Hour-40*time.Minute), day.Begin(at))
}
