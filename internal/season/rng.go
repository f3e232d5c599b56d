package season

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
)

// stream returns the random numbers of one part of the season. Each part has
// its own, so that a model does the same in a season of two and of two hundred.
func stream(seed uint64, part string) *rand.Rand {
	key := sha256.Sum256(append(binary.LittleEndian.AppendUint64(nil, seed), part...))
	return rand.New(rand.NewChaCha8(key))
}

// bell draws from about the standard normal distribution, within ±6. Unlike
// NormFloat64 it needs no logarithm, which machines round differently.
func bell(r *rand.Rand) float64 {
	sum := -6.0
	for range 12 {
		sum += r.Float64()
	}
	return sum
}

// between draws from lo to hi, both included.
func between[T int | int64](r *rand.Rand, lo, hi T) T { return lo + T(r.Int64N(int64(hi-lo)+1)) }

func chance(r *rand.Rand, percent int) bool { return r.IntN(100) < percent }

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// uuid draws a version 4 UUID.
func uuid(r *rand.Rand) string {
	hi, lo := r.Uint64(), r.Uint64()
	hi = hi&^0xf000 | 0x4000
	lo = lo&^(3<<62) | 2<<62
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", hi>>32, hi>>16&0xffff, hi&0xffff, lo>>48, lo&0xffffffffffff)
}
