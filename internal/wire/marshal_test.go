package wire

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"
)

func TestMarshalPrintsTheShortestText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		value any
		want  string
	}{
		{0.0, `0`},
		{51.0, `51`},
		{-0.13, `-0.13`},
		{15.479999999999999, `15.479999999999999`},
		{0.30000000000000004, `0.30000000000000004`},
		{1.12e15, `1120000000000000`},
		{1e20, `100000000000000000000`},
		{1e21, `1e+21`},
		{1e-6, `0.000001`},
		{1e-7, `1e-7`},
		{5e-324, `5e-324`},
		{math.MaxFloat64, `1.7976931348623157e+308`},
		{1760741958.847073, `1760741958.847073`},
		{int64(math.MaxInt64), `9223372036854775807`},
		{jsontext.Value(`51.0`), `51`},
		{jsontext.Value(`5.10e1`), `51`},
		{jsontext.Value(`15.4799999999999990`), `15.479999999999999`},
		{jsontext.Value(`1E21`), `1e+21`},
		{jsontext.Value(`0.0000001`), `1e-7`},
		{jsontext.Value(`9223372036854775807`), `9223372036854775807`},
		{jsontext.Value(" { \"b\" : [ 1.0 , null ] ,\n\"a\" : false } "), `{"b":[1,null],"a":false}`},
		{"a<b> & \u2028 é", "\"a<b> & \u2028 é\""},
		{jsontext.Value(`"\u00e9\u003c"`), `"é<"`},
		{map[string]int{"b": 1, "a": 2, "B": 3}, `{"B":3,"a":2,"b":1}`},
	} {
		got, err := Marshal(c.value)
		require.NoError(t, err, c.want)
		require.Equal(t, c.want, string(got))
	}
}

func TestMarshalledDoublesComeBackBitForBit(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	for range 20_000 {
		f := math.Float64frombits(rng.Uint64())
		if math.IsNaN(f) || math.IsInf(f, 0) {
			continue
		}
		text, err := Marshal(f)
		require.NoError(t, err)
		back, err := strconv.ParseFloat(string(text), 64)
		require.NoError(t, err)
		if math.Float64bits(back) != math.Float64bits(f) {
			require.Failf(t, "another double", "%x became %s", math.Float64bits(f), text)
		}
		again, err := Marshal(jsontext.Value(text))
		require.NoError(t, err)
		require.Equal(t, string(text), string(again), "a raw member prints as a named one")
	}
}

func TestMarshalRefusesWhatIsNoNumber(t *testing.T) {
	t.Parallel()
	for _, f := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		_, err := Marshal(f)
		require.Error(t, err)
	}
}

func TestMarshalIsDeterministic(t *testing.T) {
	t.Parallel()
	positions := map[string]Position{}
	for _, symbol := range []string{"XRP", "BTC", "ETH", "SOL", "DOGE", "BNB"} {
		positions[symbol] = Position{Symbol: symbol, EntryPrice: 1, Quantity: 1}
	}
	first, err := Marshal(ModelPositions{ModelID: "m", Positions: positions})
	require.NoError(t, err)
	for range 50 {
		next, err := Marshal(ModelPositions{ModelID: "m", Positions: positions})
		require.NoError(t, err)
		require.Equal(t, string(first), string(next))
	}
}
