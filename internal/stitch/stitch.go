// Package stitch joins parts that were compressed once each into one gzip
// member, so that a long document is neither held whole nor compressed again
// for every client.
package stitch

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/flate"
)

// Part is a piece of a document, deflated up to a byte boundary.
type Part struct {
	Deflated []byte `json:"deflated"`
	CRC      uint32 `json:"crc"`  // IEEE, of the plain bytes
	Size     int64  `json:"size"` // of the plain bytes
}

// Deflate compresses a part.
func Deflate(plain []byte) (*Part, error) {
	var buf bytes.Buffer
	w, err := flate.NewWriter(&buf, flate.DefaultCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	// A sync flush ends on a byte boundary without ending the stream.
	if err := w.Flush(); err != nil {
		return nil, err
	}
	return &Part{Deflated: buf.Bytes(), CRC: crc32.ChecksumIEEE(plain), Size: int64(len(plain))}, nil
}

// Writer writes parts as one gzip member (RFC 1952).
type Writer struct {
	w      io.Writer
	begun  bool
	crc    uint32
	length int64
}

// NewWriter returns a Writer. Its first Append or Close writes the header.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// header is that of a member with no name and no time, from an unknown system.
const header = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

// Append adds a part.
func (s *Writer) Append(p *Part) error {
	if err := s.begin(); err != nil {
		return err
	}
	s.crc = combine(s.crc, p.CRC, p.Size)
	s.length += p.Size
	_, err := s.w.Write(p.Deflated)
	return err
}

// Close ends the member. It does not close the underlying writer.
func (s *Writer) Close() error {
	if err := s.begin(); err != nil {
		return err
	}
	end := []byte{0x03, 0x00} // an empty last block
	end = binary.LittleEndian.AppendUint32(end, s.crc)
	end = binary.LittleEndian.AppendUint32(end, uint32(s.length)) // modulo 2^32 by definition
	if _, err := s.w.Write(end); err != nil {
		return fmt.Errorf("error ending gzip member: %w", err)
	}
	return nil
}

func (s *Writer) begin() error {
	if s.begun {
		return nil
	}
	s.begun = true
	_, err := io.WriteString(s.w, header)
	return err
}
