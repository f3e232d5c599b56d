package cachelayer

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/internal/catalogue"
)

// Batch gathers the values of projections for [Projections.Rewrite].
type Batch struct {
	tokens map[string]string // by name
	whole  bool
	writes []write
}

// write is the value of one projection.
type write struct {
	Value

	key   Key
	token string
	size  int
}

// Whole says that projections must be given whole: the short way did not lead on.
func (b *Batch) Whole() bool { return b.whole }

// Claimed says that a projection is to be built.
func (b *Batch) Claimed(key Key) bool { return b.tokens[key.Name] != "" }

// Put makes v the value of a projection; of two values the later holds. The error says
// that the projection was not claimed, or is of another structure.
func (b *Batch) Put(key Key, v Value) error {
	token, claimed := b.tokens[key.Name]
	switch {
	case !claimed:
		return fmt.Errorf("projection %s was not claimed", key.Name)
	case v.structure != "" && v.structure != key.structure:
		return fmt.Errorf("projection %s is a %s and no %s", key.Name, key.structure, v.structure)
	}
	w := write{Value: v, key: key, token: token}
	for _, part := range v.parts {
		w.size += sizeOf(part)
	}
	b.writes = slices.DeleteFunc(b.writes, func(old write) bool { return old.key.Name == key.Name })
	b.writes = append(b.writes, w)
	return nil
}

// Value is what a projection holds. The zero value is none: the key is removed, as it is
// of a structure without elements.
type Value struct {
	structure catalogue.Structure
	parts     []any
	appends   bool // the elements after the first take the place of those that are stored after it
}

// String is one document.
func String(doc jsontext.Value) Value { return Value{catalogue.String, []any{[]byte(doc)}, false} }

// Hash is documents by field.
func Hash(docs map[string]jsontext.Value) Value {
	parts := make([]any, 0, 2*len(docs))
	for _, field := range slices.Sorted(maps.Keys(docs)) {
		parts = append(parts, field, []byte(docs[field]))
	}
	return Value{catalogue.Hash, parts, false}
}

// List is documents in their order.
func List(docs []jsontext.Value) Value {
	parts := make([]any, len(docs))
	for i, doc := range docs {
		parts[i] = []byte(doc)
	}
	return Value{catalogue.List, parts, false}
}

// SortedSet is members by their scores.
func SortedSet(scores map[string]float64) Value {
	var parts []any
	for _, member := range slices.Sorted(maps.Keys(scores)) {
		parts = append(parts, strconv.FormatFloat(scores[member], 'g', -1, 64), member)
	}
	return Value{catalogue.SortedSet, parts, false}
}

// Point is a value in USD at a time in unix seconds.
type Point struct{ Time, Equity float64 }

// element spells a point as [time, equity].
func (p Point) element() []byte {
	e := append([]byte{'['}, jsonNumber(p.Time)...)
	e = append(e, ',')
	e = append(e, jsonNumber(p.Equity)...)
	return append(e, ']')
}

func jsonNumber(v float64) jsontext.Value {
	number := jsontext.Value(strconv.FormatFloat(v, 'g', -1, 64))
	_ = number.Canonicalize() // a finite double always has a canonical form
	return number
}

// Points is a list of points, in order of time.
func Points(points []Point) Value {
	parts := make([]any, len(points))
	for i, p := range points {
		parts[i] = p.element()
	}
	return Value{catalogue.List, parts, false}
}

// Append puts points in place of what comes after the first of them in a list. Where the
// list does not have that one among its last, Rewrite asks again, with Whole.
func Append(points []Point) Value {
	v := Points(points)
	v.appends = true
	return v
}
