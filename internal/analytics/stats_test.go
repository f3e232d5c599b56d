package analytics

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestExactSumIsExact(t *testing.T) {
	t.Parallel()
	var s ExactSum
	assert.Zero(t, s.Float64())
	for range 10 {
		s.Add(0.1)
	}
	assert.Equal(t, "1", s.Decimal().String())

	for _, x := range []float64{math.MaxFloat64, 5e-324, -5e-324, -math.MaxFloat64, math.NaN(), math.Inf(-1)} {
		s.Add(x)
	}
	assert.InDelta(t, 1, s.Float64(), 0)
}

func TestExactSumAgreesWithDecimals(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 3))
	var s, halves [2]ExactSum
	want := decimal.Zero
	for i := range 2000 {
		x := r.NormFloat64() * math.Pow10(r.IntN(40)-20)
		s[0].Add(x)
		halves[i%2].Add(x)
		d, err := decimal.NewFromString(decimal.NewFromFloat(x).String())
		require.NoError(t, err)
		want = want.Add(d)
	}
	assert.True(t, want.Equal(s[0].Decimal()))
	s[1].AddSum(&halves[0])
	s[1].AddDecimal(halves[1].Decimal())
	assert.True(t, want.Equal(s[1].Decimal()))
	assert.InDelta(t, want.InexactFloat64(), s[0].Float64(), 0)
}

func TestStatsSurviveCancellation(t *testing.T) {
	t.Parallel()
	var s Stats
	for _, x := range []float64{1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16} {
		s.Add(x)
	}
	assert.InDelta(t, math.Sqrt(30), s.Std(), 0, "doubles lose this variance")
	assert.InDelta(t, 1e9+10, s.Mean(), 0)
}

func TestRestoredStatsContinue(t *testing.T) {
	t.Parallel()
	var whole, first Stats
	for i := range 100 {
		x := math.Sqrt(float64(i)) / 3
		whole.Add(x)
		if i < 50 {
			first.Add(x)
		}
	}
	kept, err := json.Marshal(&first)
	require.NoError(t, err)
	var restored Stats
	require.NoError(t, json.Unmarshal(kept, &restored))
	for i := 50; i < 100; i++ {
		restored.Add(math.Sqrt(float64(i)) / 3)
	}
	assert.Equal(t, whole.Count(), restored.Count())
	assert.InDelta(t, whole.Sum(), restored.Sum(), 0)
	assert.InDelta(t, whole.Mean(), restored.Mean(), 0)
	assert.InDelta(t, whole.Std(), restored.Std(), 0)
}

func TestEqualValuesDoNotDeviate(t *testing.T) {
	t.Parallel()
	var s Stats
	for range 3 {
		s.Add(0.1)
	}
	assert.Zero(t, s.Std())
	assert.InDelta(t, 0.1, s.Mean(), 0)
}
