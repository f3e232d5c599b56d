package handlers

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Levels at which 4 MiB of rows take well under 100 ms on one core. A level
// more costs up to twice the time for a few percent of the size.
const (
	brotliLevel = 4
	zstdLevel   = zstd.SpeedBetterCompression
	gzipLevel   = 6
)

// zstdWindow is the largest window that a client has to accept for the coding
// zstd (RFC 9659); the level's own is larger, and browsers refuse it.
const zstdWindow = 8 << 20

// compressor compresses whole bodies. It is safe for concurrent use.
type compressor struct {
	brotli sync.Pool
	gzip   sync.Pool
	zstd   *zstd.Encoder
}

func newCompressor() (*compressor, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstdLevel), zstd.WithWindowSize(zstdWindow))
	if err != nil {
		return nil, fmt.Errorf("error setting up zstd: %w", err)
	}
	if _, err := gzip.NewWriterLevel(io.Discard, gzipLevel); err != nil {
		return nil, fmt.Errorf("error setting up gzip: %w", err)
	}
	return &compressor{
		brotli: sync.Pool{New: func() any { return brotli.NewWriterLevel(io.Discard, brotliLevel) }},
		gzip: sync.Pool{New: func() any {
			w, _ := gzip.NewWriterLevel(io.Discard, gzipLevel) // the level was tried above
			return w
		}},
		zstd: encoder,
	}, nil
}

// compress returns the body in a coding, in memory of just that size.
func (c *compressor) compress(to coding, body []byte) ([]byte, error) {
	switch to {
	case brotlied:
		return compressWith(&c.brotli, body)
	case gzipped:
		return compressWith(&c.gzip, body)
	case zstandard:
		return bytes.Clone(c.zstd.EncodeAll(body, make([]byte, 0, len(body)/8))), nil
	default:
		return nil, fmt.Errorf("no compressor for coding %q", to)
	}
}

type resettableWriter interface {
	io.WriteCloser
	Reset(dst io.Writer)
}

func compressWith(pool *sync.Pool, body []byte) ([]byte, error) {
	w := pool.Get().(resettableWriter) //nolint:forcetypeassert // the pools hold nothing else
	var out bytes.Buffer
	out.Grow(len(body) / 8)
	w.Reset(&out)
	if _, err := w.Write(body); err != nil {
		return nil, fmt.Errorf("error compressing: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("error compressing: %w", err)
	}
	w.Reset(io.Discard) // a pooled writer must not keep the buffer alive
	pool.Put(w)
	return bytes.Clone(out.Bytes()), nil
}
