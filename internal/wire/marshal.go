package wire

import (
	"bytes"
	"errors"
	"math"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Marshal renders a payload: numbers as the shortest text that gives the same
// double, members of maps in order, no insignificant white space. The same
// value gives the same bytes. A member that is no finite number is absent.
func Marshal(v any) ([]byte, error) {
	raw, _, err := MarshalFinite(v)
	return raw, err
}

// MarshalFinite is Marshal that says which members are absent because they are
// not finite, as JSON pointers.
func MarshalFinite(v any) (raw []byte, absent []jsontext.Pointer, err error) {
	raw, err = marshal(v)
	if err == nil {
		return raw, nil, nil
	}
	// Rare enough to be rendered twice: once with null in their place.
	missing := make(map[jsontext.Pointer]bool)
	raw, again := marshal(v, json.WithMarshalers(json.MarshalToFunc(func(enc *jsontext.Encoder, x float64) error {
		if !math.IsNaN(x) && !math.IsInf(x, 0) {
			return errors.ErrUnsupported
		}
		if err := enc.WriteToken(jsontext.Null); err != nil {
			return err
		}
		absent = append(absent, enc.StackPointer())
		missing[enc.StackPointer()] = true
		return nil
	})))
	if again != nil || len(absent) == 0 || missing[""] { // what is no member cannot be left out
		return nil, nil, err
	}
	raw, err = without(raw, missing)
	return raw, absent, err
}

func marshal(v any, also ...json.Options) ([]byte, error) {
	return json.Marshal(v, append(also,
		json.Deterministic(true),
		jsontext.CanonicalizeRawFloats(true),
		jsontext.SpaceAfterColon(false),
		jsontext.SpaceAfterComma(false),
	)...)
}

// without leaves out the members of objects at the given places.
func without(raw []byte, missing map[jsontext.Pointer]bool) ([]byte, error) {
	var out bytes.Buffer
	dec, enc := jsontext.NewDecoder(bytes.NewReader(raw)), jsontext.NewEncoder(&out)
	for {
		token, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		if kind, n := dec.StackIndex(dec.StackDepth()); kind == '{' && n%2 == 1 && missing[dec.StackPointer()] {
			if err := dec.SkipValue(); err != nil {
				return nil, err
			}
			continue
		}
		if err := enc.WriteToken(token); err != nil {
			return nil, err
		}
		if dec.StackDepth() == 0 {
			return bytes.TrimSpace(out.Bytes()), nil
		}
	}
}

// Unmarshal reads a value that this system wrote. Rows from outside go through
// Decode, which also validates them.
func Unmarshal(data []byte, v any) error { return json.Unmarshal(data, v) }
