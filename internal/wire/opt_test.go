package wire

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOptKeepsAbsentNullZeroAndFalseApart(t *testing.T) {
	t.Parallel()
	type members struct {
		N Opt[int64]   `json:"n,omitzero"`
		F Opt[float64] `json:"f,omitzero"`
		B Opt[bool]    `json:"b,omitzero"`
		S Opt[string]  `json:"s,omitzero"`
	}
	for text, want := range map[string]members{
		`{}`:                                 {},
		`{"n":null}`:                         {N: Null[int64]()},
		`{"n":0}`:                            {N: Some[int64](0)},
		`{"n":-7}`:                           {N: Some[int64](-7)},
		`{"n":9223372036854775807}`:          {N: Some[int64](1<<63 - 1)},
		`{"f":null}`:                         {F: Null[float64]()},
		`{"f":0}`:                            {F: Some(0.0)},
		`{"f":0.1}`:                          {F: Some(0.1)},
		`{"b":null}`:                         {B: Null[bool]()},
		`{"b":false}`:                        {B: Some(false)},
		`{"b":true}`:                         {B: Some(true)},
		`{"s":null}`:                         {S: Null[string]()},
		`{"s":""}`:                           {S: Some("")},
		`{"s":"null"}`:                       {S: Some("null")},
		`{"n":null,"f":0,"b":false,"s":"é"}`: {Null[int64](), Some(0.0), Some(false), Some("é")},
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			// A value that was there before must not shine through.
			got := members{N: Some[int64](5)}
			if want.N.IsZero() {
				got.N = Opt[int64]{}
			}
			require.NoError(t, Unmarshal([]byte(text), &got))
			require.Equal(t, want, got)
			back, err := Marshal(got)
			require.NoError(t, err)
			require.Equal(t, text, string(back))
		})
	}
}

func TestOptAccessors(t *testing.T) {
	t.Parallel()
	zero := 0.0
	for name, c := range map[string]struct {
		opt          Opt[float64]
		absent, null bool
		ptr          *float64
		or           float64
	}{
		"absent":   {opt: Opt[float64]{}, absent: true, or: 9},
		"null":     {opt: Null[float64](), null: true, or: 9},
		"zero":     {opt: Some(0.0), ptr: &zero, or: 0},
		"from ptr": {opt: FromPtr(&zero), ptr: &zero, or: 0},
		"from nil": {opt: FromPtr[float64](nil), absent: true, or: 9},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.absent, c.opt.IsZero())
			require.Equal(t, c.null, c.opt.IsNull())
			require.Equal(t, c.ptr, c.opt.Ptr())
			require.InDelta(t, c.or, c.opt.Or(9), 0)
			_, ok := c.opt.Get()
			require.Equal(t, c.ptr != nil, ok)
		})
	}
}

func TestOptPtrIsACopy(t *testing.T) {
	t.Parallel()
	o := Some(1)
	*o.Ptr() = 2
	require.Equal(t, Some(1), o)
}

func TestAbsentOptWithoutOmitzeroIsNull(t *testing.T) {
	t.Parallel()
	got, err := Marshal(struct {
		N Opt[int64] `json:"n"`
	}{})
	require.NoError(t, err)
	require.Equal(t, `{"n":null}`, string(got))
}

func TestOptRefusesAWrongType(t *testing.T) {
	t.Parallel()
	o := Some[int64](3)
	require.Error(t, Unmarshal([]byte(`"3"`), &o))
	require.Equal(t, Some[int64](3), o, "and keeps what it held")
}
