package analytics

import (
	"math"
	"math/big"
	"strconv"

	"github.com/shopspring/decimal"
)

// ExactSum adds numbers without rounding, so that neither their order nor
// their grouping shows in the result. A float64 stands for the shortest
// decimal that gives it, which is what a payload says and what Postgres keeps
// as numeric. The zero value is 0; an ExactSum must not be copied after use.
type ExactSum struct {
	coef big.Int // the sum is coef · 10^exp
	exp  int     // never above 0

	scaled, power big.Int // scratch
}

// Add adds x. NaN and infinities, which no payload can hold, are left out.
func (s *ExactSum) Add(x float64) {
	var t number
	if t.set(x) {
		s.add(&t)
	}
}

// AddProduct adds x·y, which may be beyond what a double can hold. It leaves out
// what Add does.
func (s *ExactSum) AddProduct(x, y float64) {
	var a, b, product number
	if a.set(x) && b.set(y) {
		product.mul(&a, &b)
		s.add(&product)
	}
}

// AddDecimal adds d.
func (s *ExactSum) AddDecimal(d decimal.Decimal) {
	s.add(&number{coef: *d.Coefficient(), exp: int(d.Exponent())})
}

// AddSum adds another sum.
func (s *ExactSum) AddSum(o *ExactSum) {
	var t number
	t.coef.Set(&o.coef)
	t.exp = o.exp
	s.add(&t)
}

func (s *ExactSum) add(t *number) {
	if t.exp < s.exp {
		s.coef.Mul(&s.coef, powerOfTen(&s.power, s.exp-t.exp))
		s.exp = t.exp
	}
	if t.exp == s.exp {
		s.coef.Add(&s.coef, &t.coef)
		return
	}
	s.scaled.Mul(&t.coef, powerOfTen(&s.power, t.exp-s.exp))
	s.coef.Add(&s.coef, &s.scaled)
}

// Float64 returns the double nearest to the sum.
func (s *ExactSum) Float64() float64 {
	f, _ := s.rat().Float64()
	return f
}

// Decimal returns the sum as it is.
func (s *ExactSum) Decimal() decimal.Decimal {
	return decimal.NewFromBigInt(&s.coef, int32(s.exp)) // a double's exponent is a few hundred
}

func (s *ExactSum) rat() *big.Rat {
	return new(big.Rat).SetFrac(&s.coef, powerOfTen(new(big.Int), -s.exp))
}

// number is the decimal coef · 10^exp.
type number struct {
	coef big.Int
	exp  int
}

// set makes t the shortest decimal that gives x, and reports false for what is
// no number.
func (t *number) set(x float64) bool {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return false
	}
	var buf [32]byte
	text := strconv.AppendFloat(buf[:0], math.Abs(x), 'e', -1, 64)
	var digits uint64 // at most 17 of them
	fraction, i := 0, 0
	for point := false; text[i] != 'e'; i++ {
		if text[i] == '.' {
			point = true
			continue
		}
		digits = digits*10 + uint64(text[i]-'0')
		if point {
			fraction++
		}
	}
	exp := 0
	for _, c := range text[i+2:] {
		exp = exp*10 + int(c-'0')
	}
	if text[i+1] == '-' {
		exp = -exp
	}
	t.exp = exp - fraction
	t.coef.SetUint64(digits)
	if x < 0 {
		t.coef.Neg(&t.coef)
	}
	return true
}

// micros makes t a number of microseconds, in seconds.
func (t *number) micros(us int64) {
	t.coef.SetInt64(us)
	t.exp = -6
}

func (t *number) mul(a, b *number) {
	t.coef.Mul(&a.coef, &b.coef)
	t.exp = a.exp + b.exp
}

// powerOfTen sets z to 10^n and returns it.
func powerOfTen(z *big.Int, n int) *big.Int {
	const wordDigits = 19 // the largest power of ten in 64 bits
	if n > wordDigits {
		return z.Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
	}
	power := uint64(1)
	for range n {
		power *= 10
	}
	return z.SetUint64(power)
}
