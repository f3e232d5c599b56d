package stitch

import "hash/crc32"

// combine returns the CRC-32 of two texts joined from their own: the first is
// moved past size zero bytes by repeated squaring of the matrix over GF(2) that
// moves it past one bit.
func combine(first, second uint32, size int64) uint32 {
	if size == 0 {
		return first
	}
	var odd, even [32]uint32
	odd[0] = crc32.IEEE
	for i := range 31 {
		odd[i+1] = 1 << i
	}
	square(&even, &odd) // past 2 bits
	square(&odd, &even) // past 4 bits
	for {
		square(&even, &odd) // past 1, 4, 16… bytes
		if size&1 != 0 {
			first = times(&even, first)
		}
		if size >>= 1; size == 0 {
			break
		}
		square(&odd, &even)
		if size&1 != 0 {
			first = times(&odd, first)
		}
		if size >>= 1; size == 0 {
			break
		}
	}
	return first ^ second
}

func times(m *[32]uint32, v uint32) (sum uint32) {
	for i := 0; v != 0; i, v = i+1, v>>1 {
		if v&1 != 0 {
			sum ^= m[i]
		}
	}
	return sum
}

func square(to, m *[32]uint32) {
	for i := range to {
		to[i] = times(m, m[i])
	}
}
