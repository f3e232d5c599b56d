package wire

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Marshal renders a payload: numbers as the shortest text that gives the same
// double, members of maps in order, no insignificant white space. The same
// value gives the same bytes.
func Marshal(v any) ([]byte, error) {
	return json.Marshal(v,
		json.Deterministic(true),
		jsontext.CanonicalizeRawFloats(true),
		jsontext.SpaceAfterColon(false),
		jsontext.SpaceAfterComma(false),
	)
}

// Unmarshal reads a value that this system wrote. Rows from outside go through
// Decode, which also validates them.
func Unmarshal(data []byte, v any) error { return json.Unmarshal(data, v) }
