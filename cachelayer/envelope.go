package cachelayer

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// A stored value is one JSON object with its members in this order:
//
//	{"v":"SCHEMA","key":"KEY","of":"TOKENS","at":1761436800000,"ms":12,"absent":false,"data":…}
//
// v is the schema of the data, key that under which it was stored, of the tokens of the versions that it was made of,
// at when it was loaded in Unix ms, ms what the load took, absent whether it
// says that there is no such thing, with null as data.
const maxMetaLen = 8192

// errForeign reports a value that this schema did not write: it is a miss, and
// is overwritten by the load that follows.
var errForeign = errors.New("foreign value")

// envelope is a stored value whose data is not decoded yet.
type envelope struct {
	meta meta
	data []byte
	size int // of the whole, in bytes
}

type meta struct {
	Schema   string `json:"v"`
	Key      string `json:"key"`
	Versions string `json:"of"`
	LoadedAt int64  `json:"at"` // Unix ms
	Cost     int64  `json:"ms"` // ms
	Absent   bool   `json:"absent"`
}

// dataOptions keep what JSON distinguishes: a nil slice comes back as nil and
// not as an empty one, and JSON that is already rendered keeps its spelling.
// A time.Duration is a number of nanoseconds, as encoding/json has it. Names are
// not checked for duplicates, which rendered JSON answers for itself.
func dataOptions() json.Options {
	return json.JoinOptions(
		json.FormatNilSliceAsNull(true),
		json.FormatNilMapAsNull(true),
		jsonv1.FormatDurationAsNano(true),
		jsontext.PreserveRawStrings(true),
		jsontext.AllowDuplicateNames(true),
	)
}

// seal encodes a value; that of an absent one is null.
func seal(m meta, data any) ([]byte, error) {
	head, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("error encoding envelope: %w", err)
	}
	buf := bytes.NewBuffer(head[:len(head)-1])
	buf.WriteString(`,"data":`)
	if m.Absent {
		buf.WriteString("null")
	} else if err := json.MarshalWrite(buf, data, dataOptions()); err != nil {
		return nil, fmt.Errorf("error encoding value: %w", err)
	}
	buf.WriteByte('}')
	return buf.Bytes(), nil
}

// open reads the envelope around the data and leaves the data as it is. The
// error is errForeign.
func (e *envelope) open(raw []byte) error {
	start, data, ok := bytes.Cut(raw, []byte(`,"data":`))
	if !ok || len(start) > maxMetaLen || len(data) < 2 || data[len(data)-1] != '}' {
		return errForeign
	}
	closed := append(bytes.Clone(start), '}')
	if err := json.Unmarshal(closed, &e.meta, json.RejectUnknownMembers(true)); err != nil {
		return fmt.Errorf("%w: %w", errForeign, err)
	}
	if len(e.meta.Schema) != schemaLen {
		return errForeign
	}
	e.data = data[:len(data)-1]
	e.size = len(raw)
	return nil
}

// cost is what the load took.
func (e *envelope) cost() time.Duration {
	return time.Duration(e.meta.Cost) * time.Millisecond
}

// decode reads the data as a T, if schema wrote it. The error is errForeign, also
// where a decoding method of T panics: what is under a key must not be able to
// fail a read.
func decode[T any](e *envelope, schema string) (value T, err error) {
	if e.meta.Schema != schema {
		return value, fmt.Errorf("%w: schema %s", errForeign, e.meta.Schema)
	}
	if e.meta.Absent {
		return value, nil
	}
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("%w: decoding panicked: %v", errForeign, panicked)
		}
	}()
	if err := json.Unmarshal(e.data, &value, dataOptions()); err != nil {
		return value, fmt.Errorf("%w: %w", errForeign, err)
	}
	return value, nil
}
