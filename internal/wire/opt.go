package wire

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Opt is a member that may be absent, null, or hold a value. Its zero value is
// absent; with the omitzero option it is then left out.
type Opt[T any] struct {
	value T
	state optState
}

type optState uint8

const (
	optAbsent optState = iota
	optNull
	optSet
)

// Some is a member that holds v.
func Some[T any](v T) Opt[T] { return Opt[T]{value: v, state: optSet} }

// Null is a member that is there and null.
func Null[T any]() Opt[T] { return Opt[T]{state: optNull} }

// FromPtr is absent where p is nil, and *p otherwise.
func FromPtr[T any](p *T) Opt[T] {
	if p == nil {
		return Opt[T]{}
	}
	return Some(*p)
}

// Get returns the value, and whether there is one.
func (o Opt[T]) Get() (T, bool) { return o.value, o.state == optSet }

// Or returns the value, or v where there is none.
func (o Opt[T]) Or(v T) T {
	if o.state == optSet {
		return o.value
	}
	return v
}

// Ptr returns a pointer to a copy of the value, or nil where there is none.
func (o Opt[T]) Ptr() *T {
	if o.state != optSet {
		return nil
	}
	v := o.value
	return &v
}

// IsZero reports whether the member is absent.
func (o Opt[T]) IsZero() bool { return o.state == optAbsent }

// IsNull reports whether the member is there and null.
func (o Opt[T]) IsNull() bool { return o.state == optNull }

// MarshalJSONTo implements json.MarshalerTo. An absent member without omitzero
// is written as null.
func (o Opt[T]) MarshalJSONTo(enc *jsontext.Encoder) error {
	if o.state != optSet {
		return enc.WriteToken(jsontext.Null)
	}
	return json.MarshalEncode(enc, o.value)
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (o *Opt[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() == 'n' {
		*o = Null[T]()
		return dec.SkipValue()
	}
	var v T
	if err := json.UnmarshalDecode(dec, &v); err != nil {
		return err
	}
	*o = Some(v)
	return nil
}
