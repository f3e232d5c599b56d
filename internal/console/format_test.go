package console

import (
	"html/template"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/internal/wire"
)

func TestFiguresForPeople(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		shown template.HTML
		want  string
	}{
		{data(10986.119986, dollars), `<data value="10986.119986">$10,986.12</data>`},
		{data(wire.Some(-1234567.005), dollars), `<data value="-1234567.005">−$1,234,567.00</data>`},
		{data(-0.001, dollars), `<data value="-0.001">$0.00</data>`},
		{data(wire.Opt[float64]{}, dollars), "–"},
		{data(wire.Null[float64](), dollars), "–"},
		{data(31.98, change), `<data value="31.98">+$31.98</data>`},
		{data(int64(0), change), `<data value="0">$0.00</data>`},
		{data(-20.166, percent), `<data value="-20.166">−20.17%</data>`},
		{data(0.00001234, price), `<data value="0.00001234">$0.00001234</data>`},
		{data(105883.7, price), `<data value="105883.7">$105,883.7</data>`},
		{data(-9.010000000000002, plain), `<data value="-9.010000000000002">−9.01</data>`},
		{data(1e-9, plain), `<data value="0.000000001">0.000000001</data>`},
		{data(0.0, plain), `<data value="0">0</data>`},
		{data(1e21, plain), `<data value="1000000000000000000000">1,000,000,000,000,000,000,000</data>`},
		{moment(1761452335.123456), `<time datetime="2025-10-26T04:18:55.123456Z">26 Oct 04:18 UTC</time>`},
		{moment(wire.Opt[float64]{}), "–"},
		{moment(math.MaxFloat64), "–"},
	} {
		require.Equal(t, c.want, string(c.shown))
	}
	require.Equal(t, []string{"gain", "loss", "", ""}, []string{sign(1.0), sign(wire.Some(-1.0)), sign(0.0), sign(wire.Opt[float64]{})})
}
