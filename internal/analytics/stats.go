package analytics

import (
	"fmt"
	"math"
	"math/big"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/shopspring/decimal"
)

// Stats are the count of a quantity with the exact sums of its values and of
// their squares, from which mean and deviation follow. The zero value is
// empty; a Stats must not be copied after use.
type Stats struct {
	n       int64
	sum     ExactSum
	squares ExactSum
}

// Add adds a value. NaN and infinities are left out and not counted.
func (s *Stats) Add(x float64) {
	var v value
	if v.set(x) {
		s.add(&v)
	}
}

func (s *Stats) add(v *value) {
	s.n++
	s.sum.add(&v.x)
	s.squares.add(&v.square)
}

// Count returns the number of values.
func (s *Stats) Count() int64 { return s.n }

// Sum returns the sum of the values.
func (s *Stats) Sum() float64 { return s.sum.Float64() }

// Mean returns Σx / n, and 0 without values.
func (s *Stats) Mean() float64 {
	if s.n == 0 {
		return 0
	}
	mean, _ := new(big.Rat).Quo(s.sum.rat(), big.NewRat(s.n, 1)).Float64()
	return mean
}

// Std returns the sample standard deviation √((Σx² − (Σx)²/n) / (n−1)), and 0
// for fewer than two values.
func (s *Stats) Std() float64 {
	if s.n < 2 {
		return 0
	}
	sum := s.sum.rat()
	variance := sum.Mul(sum, sum)
	variance.Quo(variance, big.NewRat(s.n, 1))
	variance.Sub(s.squares.rat(), variance)
	variance.Quo(variance, big.NewRat(s.n-1, 1))
	v, _ := variance.Float64()
	return math.Sqrt(v)
}

// value is a number with its square, so that a value that goes into several
// groups is squared once.
type value struct {
	x, square number

	factors [2]number // scratch
}

func (v *value) set(x float64) bool {
	if !v.x.set(x) {
		return false
	}
	v.square.mul(&v.x, &v.x)
	return true
}

// setProduct makes v the exact product of two decimals.
func (v *value) setProduct(a, b float64) bool {
	if !v.factors[0].set(a) || !v.factors[1].set(b) {
		return false
	}
	v.x.mul(&v.factors[0], &v.factors[1])
	v.square.mul(&v.x, &v.x)
	return true
}

func (v *value) setMicros(us int64) {
	v.x.micros(us)
	v.square.mul(&v.x, &v.x)
}

// statsState is what is kept of a Stats.
type statsState struct {
	Count   int64  `json:"n"`
	Sum     string `json:"sum"`
	Squares string `json:"squares"`
}

// MarshalJSONTo implements json.MarshalerTo.
func (s *Stats) MarshalJSONTo(enc *jsontext.Encoder) error {
	return json.MarshalEncode(enc, statsState{s.n, s.sum.Decimal().String(), s.squares.Decimal().String()})
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (s *Stats) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	var state statsState
	if err := json.UnmarshalDecode(dec, &state); err != nil {
		return err
	}
	sum, err := decimal.NewFromString(state.Sum)
	if err != nil {
		return fmt.Errorf("error reading a sum: %w", err)
	}
	squares, err := decimal.NewFromString(state.Squares)
	if err != nil {
		return fmt.Errorf("error reading a sum of squares: %w", err)
	}
	*s = Stats{n: state.Count}
	s.sum.AddDecimal(sum)
	s.squares.AddDecimal(squares)
	return nil
}
