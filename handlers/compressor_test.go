package handlers

import (
	"bytes"
	"io"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func decode(t testing.TB, from coding, body []byte) []byte {
	t.Helper()
	var r io.Reader = bytes.NewReader(body)
	switch from {
	case brotlied:
		r = brotli.NewReader(r)
	case gzipped:
		z, err := gzip.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		r = z
	case zstandard:
		z, err := zstd.NewReader(r, zstd.WithDecoderMaxWindow(zstdWindow))
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		r = z
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("%s: %v", from, err)
	}
	return plain
}

// rows makes a body of about a size, as much alike as rows of a season are.
func rows(size int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	b.WriteString(`{"accountTotals":[`)
	for b.Len() < size {
		b.WriteString(`{"id":"gpt-5_`)
		b.WriteString(strconv.Itoa(r.IntN(2000)))
		b.WriteString(`","timestamp":`)
		b.WriteString(strconv.FormatFloat(1760741958+r.Float64()*1e6, 'f', 6, 64))
		b.WriteString(`,"model_id":"gpt-5","exit_plan":{"invalidation_condition":"BTC breaks below 105,000"},"dollar_equity":`)
		b.WriteString(strconv.FormatFloat(r.Float64()*1e4, 'f', 4, 64))
		b.WriteString(`},`)
	}
	b.WriteString(`{}]}`)
	return b.Bytes()
}

// overTheWindow is larger than the window of any coding, and cheap to compress.
func overTheWindow() []byte {
	part := rows(64 << 10)
	return bytes.Repeat(part, zstdWindow/len(part)+2)
}

func TestCompressGivesBackTheSameBytes(t *testing.T) {
	t.Parallel()
	c, err := newCompressor()
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for _, body := range [][]byte{{}, rows(smallBody), rows(100_000), overTheWindow()} {
		for _, to := range []coding{brotlied, zstandard, gzipped} {
			wg.Go(func() {
				packed, err := c.compress(to, body)
				if err != nil {
					t.Errorf("%s: %v", to, err)
					return
				}
				if !bytes.Equal(decode(t, to, packed), body) {
					t.Errorf("%s of %d bytes differs", to, len(body))
				}
				if len(body) > 0 && len(packed) >= len(body) {
					t.Errorf("%s of %d bytes has %d", to, len(body), len(packed))
				}
				if cap(packed) > len(packed)+len(packed)/4+64 {
					t.Errorf("%s keeps %d bytes for %d", to, cap(packed), len(packed))
				}
			})
		}
	}
	wg.Wait()
}

func TestCompressRefusesWhatItCannot(t *testing.T) {
	t.Parallel()
	c, err := newCompressor()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.compress("deflate", nil); err == nil {
		t.Error("no error")
	}
}

func BenchmarkCompress4MiB(b *testing.B) {
	c, err := newCompressor()
	if err != nil {
		b.Fatal(err)
	}
	body := rows(4 << 20)
	for _, to := range []coding{brotlied, zstandard, gzipped} {
		b.Run(string(to), func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			var packed []byte
			for b.Loop() {
				if packed, err = c.compress(to, body); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(packed)), "bytes")
		})
	}
}
