package stitch

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPartsBecomeOneMember(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for _, sizes := range [][]int{{}, {0}, {1}, {0, 5, 0}, {70000, 1, 300000}, {33, 32, 31, 30}} {
		var plain, joined bytes.Buffer
		w := NewWriter(&joined)
		for _, n := range sizes {
			part := make([]byte, n)
			for i := range part {
				part[i] = byte('a' + rng.IntN(4))
			}
			plain.Write(part)
			p, err := Deflate(part)
			require.NoError(t, err)
			require.NoError(t, w.Append(p))
		}
		require.NoError(t, w.Close())

		r, err := gzip.NewReader(&joined)
		require.NoError(t, err)
		r.Multistream(false)
		got, err := io.ReadAll(r) // checks CRC and length
		require.NoError(t, err)
		require.True(t, bytes.Equal(plain.Bytes(), got), "sizes %v", sizes)
		require.Zero(t, joined.Len(), "one member and nothing behind it")
	}
}
