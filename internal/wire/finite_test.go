package wire

import (
	"math"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"
)

func TestWhatIsNotFiniteIsAbsent(t *testing.T) {
	t.Parallel()
	type inner struct {
		A float64      `json:"a"`
		B Opt[float64] `json:"b,omitzero"`
		C string       `json:"c"`
	}
	raw, absent, err := MarshalFinite(struct {
		Rows []inner          `json:"rows"`
		Map  map[string]inner `json:"map"`
		X    float64          `json:"x"`
		Y    int64            `json:"y"`
	}{
		Rows: []inner{{A: 1, C: "é"}, {A: math.Inf(1), B: Some(math.NaN()), C: ""}, {A: math.NaN(), B: Some(0.0), C: "<"}},
		Map:  map[string]inner{"a/b": {B: Some(math.Inf(-1))}, "null": {B: Null[float64]()}},
		X:    math.Inf(-1), Y: 9007199254740993,
	})
	require.NoError(t, err)
	require.Equal(t, `{"rows":[{"a":1,"c":"é"},{"c":""},{"b":0,"c":"<"}],"map":{"a/b":{"a":0,"c":""},"null":{"a":0,"b":null,"c":""}},"y":9007199254740993}`, string(raw))
	require.Equal(t, []jsontext.Pointer{"/rows/1/a", "/rows/1/b", "/rows/2/a", "/map/a~1b/b", "/x"}, absent)

	raw, absent, err = MarshalFinite(inner{A: math.MaxFloat64, B: Some(5e-324)})
	require.NoError(t, err)
	require.Empty(t, absent)
	require.Equal(t, `{"a":1.7976931348623157e+308,"b":5e-324,"c":""}`, string(raw))
	_, err = Marshal(struct{ F func() }{})
	require.Error(t, err)
}
