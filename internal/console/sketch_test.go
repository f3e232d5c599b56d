package console

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/internal/wire"
)

// The range is that of uPlot.rangeNum(low, high, 0.1, true).
func TestSketchHasTheRangeOfTheLibrary(t *testing.T) {
	t.Parallel()
	for _, c := range [][4]float64{
		{7952.3, 11214.9, 7600, 11600},
		{9990, 10010, 9988, 10012},
		{10, 9000, 0, 9900},
		{-500, 9000, -1500, 10000},
		{-9000, -10, -9900, 0},
		{5000, 5000, 0, 10000},
		{-5000, -5000, -10000, 0},
		{0, 0, 0, 100},
		{0, 1, 0, 1.1},
		{1e-9, 3e-9, 8e-10, 3.2e-9},
		{-1e15, 1e15, -1.2e15, 1.2e15},
		{9999.999999, 10000.000001, 9999.9999988, 10000.0000012},
	} {
		from, to := sketchRange(c[0], c[1])
		require.InDelta(t, c[2], from, 1e-6*(c[3]-c[2]), c)
		require.InDelta(t, c[3], to, 1e-6*(c[3]-c[2]), c)
	}
}

func TestSketch(t *testing.T) {
	t.Parallel()
	curve := func(points ...wire.EquityPoint) wire.EquityCurve { return wire.EquityCurve{Points: points} }
	one := model{wire.Model{ID: "one"}, 3}
	other := model{wire.Model{ID: "other", Kind: wire.Some("benchmark")}, 4}
	huge := curve(wire.EquityPoint{Timestamp: 0, DollarEquity: -1.7e308}, wire.EquityPoint{Timestamp: 1, DollarEquity: 1.7e308})
	rising := curve(wire.EquityPoint{Timestamp: 0, DollarEquity: 0}, wire.EquityPoint{Timestamp: 5, DollarEquity: 500}, wire.EquityPoint{Timestamp: 10, DollarEquity: 900})
	late := curve(wire.EquityPoint{Timestamp: 5, DollarEquity: 1000})
	for _, c := range []struct {
		name, query string
		curves      map[string]wire.EquityCurve
		want        []sketched
	}{
		{"curves over one another", "", map[string]wire.EquityCurve{"one": rising, "other": late}, []sketched{{"m3", "M0 1000l500 -455 500 -363"}, {"benchmark", "M500 91"}}},
		{"what the script is asked for", "unit=pct", map[string]wire.EquityCurve{"one": rising}, nil},
		{"one moment", "tz=UTC", map[string]wire.EquityCurve{"other": late}, nil},
		{"nothing", "", nil, nil},
		{"a range that no float has", "", map[string]wire.EquityCurve{"one": huge}, nil},
	} {
		query, err := url.ParseQuery(c.query)
		require.NoError(t, err)
		r := &reading{ask: Ask{Query: query}}
		require.Equal(t, c.want, r.sketch([]model{one, other}, c.curves), c.name)
	}
}
