// Package mapping translates between payload rows and table rows. A payload
// row that goes through a table row and back is the same, field for field.
package mapping

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/entities"
	"nof0/internal/wire"
)

// extra gathers what the columns of a row cannot express: members that no
// column names, explicit nulls, and values that a column's type would change.
type extra map[string]jsontext.Value

// newExtra starts from the members of a payload that its type does not name.
func newExtra(unknown jsontext.Value) extra {
	x := extra{}
	if len(unknown) == 0 {
		return x
	}
	if err := wire.Unmarshal(unknown, &x); err != nil {
		// The decoder that filled it has already read it as an object.
		panic(fmt.Sprintf("unknown members are no object: %v", err))
	}
	return x
}

// column is the value of a member for a nullable column.
func column[T any](x extra, name string, o wire.Opt[T]) *T {
	if o.IsNull() {
		x[name] = jsontext.Value("null")
	}
	return o.Ptr()
}

// seconds is the time of a member in unix seconds. One that has more than
// microseconds is kept beside it.
func (x extra) seconds(name string, s float64) time.Time {
	t := wire.Time(s)
	if wire.Seconds(t) != s {
		x.set(name, s)
	}
	return t
}

func (x extra) optSeconds(name string, o wire.Opt[float64]) *time.Time {
	s := column(x, name, o)
	if s == nil {
		return nil
	}
	t := x.seconds(name, *s)
	return &t
}

// provider is the venue of a row, which most payloads leave out.
func (x extra) provider(o wire.Opt[string], primary string) string {
	if p := column(x, "provider", o); p != nil {
		x.set("provider", *p)
		return *p
	}
	return primary
}

func (x extra) set(name string, v any) {
	raw, err := wire.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("cannot render %T: %v", v, err)) // a string or a finite double
	}
	x[name] = raw
}

// json is the value of the extra column: NULL where there is nothing to keep.
func (x extra) json() entities.JSON {
	if len(x) == 0 {
		return nil
	}
	raw, err := wire.Marshal(map[string]jsontext.Value(x))
	if err != nil {
		panic(fmt.Sprintf("cannot render raw members: %v", err)) // each was read as JSON
	}
	return entities.JSON(raw)
}

// Overlay puts the extra column of a row over the payload that its columns gave.
// A member that the payload's type refuses was stored before the type named it:
// it comes out as it came in, among the payload's own Extra. Payload is a
// pointer to a struct with a field Extra of raw JSON.
func Overlay(column entities.JSON, payload any) error {
	if column == nil {
		return nil
	}
	whole := wire.Unmarshal(column, payload)
	if whole == nil {
		return nil
	}
	members, refused := extra{}, extra{}
	if err := wire.Unmarshal(column, &members); err != nil {
		return fmt.Errorf("error reading column extra: %w", err)
	}
	row := reflect.ValueOf(payload).Elem()
	rest := row.FieldByName("Extra")
	rest.SetZero() // what the attempt above left there
	for name, value := range members {
		one, err := wire.Marshal(extra{name: value})
		if err != nil {
			return fmt.Errorf("error reading column extra: %w", err)
		}
		if err := wire.Unmarshal(one, payload); err != nil {
			refused[name] = value
			clearMember(row, name)
		}
	}
	if len(refused) == 0 {
		return fmt.Errorf("error reading column extra: %w", whole)
	}
	if rest.Len() > 0 {
		if err := wire.Unmarshal(rest.Bytes(), &refused); err != nil {
			return fmt.Errorf("error reading column extra: %w", err)
		}
	}
	rest.SetBytes(refused.json())
	return nil
}

// clearMember makes the member of a payload absent.
func clearMember(row reflect.Value, name string) {
	for i := range row.NumField() {
		tag, _, _ := strings.Cut(row.Type().Field(i).Tag.Get("json"), ",")
		if tag == name {
			row.Field(i).SetZero()
		}
	}
}

func raw(j entities.JSON) jsontext.Value { return jsontext.Value(j) }

func optTime(t *time.Time) wire.Opt[float64] {
	if t == nil {
		return wire.Opt[float64]{}
	}
	return wire.Some(wire.Seconds(*t))
}
