package wire

import (
	"bytes"
	"maps"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// Unite puts two valid JSON values together: an object gets the members that only
// the other one has, at any depth. The result is a itself where b adds nothing.
// The error, a Faults, names the places where the two contradict each other.
func Unite(a, b jsontext.Value) (jsontext.Value, error) {
	var f Faults
	united := unite(a, b, "", &f)
	return united, f.err()
}

func unite(a, b jsontext.Value, at jsontext.Pointer, f *Faults) jsontext.Value {
	if a.Kind() != '{' || b.Kind() != '{' {
		if !sameJSON(a, b) {
			f.addf(string(at), "%s and %s are not the same", abbreviate(string(a), maxQuoted), abbreviate(string(b), maxQuoted))
		}
		return a
	}
	var x, y map[string]jsontext.Value
	if Unmarshal(a, &x) != nil || Unmarshal(b, &y) != nil {
		f.addf(string(at), "is not valid")
		return a
	}
	added := false
	for _, name := range slices.Sorted(maps.Keys(y)) {
		known, both := x[name]
		if !both {
			x[name], added = y[name], true
			continue
		}
		if united := unite(known, y[name], at.AppendToken(name), f); !bytes.Equal(united, known) {
			x[name], added = united, true
		}
	}
	if !added {
		return a
	}
	united, err := Marshal(x)
	if err != nil {
		f.addf(string(at), "cannot be rendered: %v", err)
		return a
	}
	return united
}

// sameJSON reports whether two values are the same, numbers as doubles.
func sameJSON(a, b jsontext.Value) bool {
	x, y := a.Clone(), b.Clone()
	return x.Canonicalize() == nil && y.Canonicalize() == nil && bytes.Equal(x, y)
}
