package mapping

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/entities"
	"nof0/internal/wire"
)

// mapper moves what a payload P and its table row R have under the same name. P has a
// field Extra of raw JSON, and R a column of that name.
type mapper[P, R any] struct {
	members []member
	extra   int // the field of R
}

// member is one member of a payload, and the column of its name.
type member struct {
	form

	name            string // of the member
	payload, column int    // their fields
}

// newMapper returns the mapper of two types. Others are the fields of P that have no
// column of their name and form: whoever uses the mapper moves those.
func newMapper[P, R any](others ...string) mapper[P, R] {
	var m mapper[P, R]
	row := reflect.TypeFor[R]()
	rest, _ := row.FieldByName("Extra")
	m.extra = rest.Index[0]
	for _, field := range reflect.VisibleFields(reflect.TypeFor[P]()) {
		if field.Name == "Extra" || slices.Contains(others, field.Name) {
			continue
		}
		column, ok := row.FieldByName(field.Name)
		if !ok {
			panic(fmt.Sprintf("%s has no column for %s", row, field.Name)) // which every start of the program shows
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		m.members = append(m.members, member{formOf(field.Type, column.Type), name, field.Index[0], column.Index[0]})
	}
	return m
}

// row fills the columns of a row from a payload. What they cannot express goes to x, which
// becomes the column extra.
func (m mapper[P, R]) row(p P, x extra, r R) R {
	from, to := reflect.ValueOf(&p).Elem(), reflect.ValueOf(&r).Elem()
	for _, one := range m.members {
		one.in(x, one.name, from.Field(one.payload).Addr().Interface(), to.Field(one.column).Addr().Interface())
	}
	to.Field(m.extra).SetBytes(x.json())
	return r
}

// payload fills a payload from the columns of a row, its column extra included.
func (m mapper[P, R]) payload(r R, p P) (P, error) {
	from, to := reflect.ValueOf(&r).Elem(), reflect.ValueOf(&p).Elem()
	for _, one := range m.members {
		one.out(from.Field(one.column).Addr().Interface(), to.Field(one.payload).Addr().Interface())
	}
	return p, Overlay(entities.JSON(from.Field(m.extra).Bytes()), &p)
}

// form is how members of a type become columns of another, and come back: each is given
// pointers to both.
type form struct {
	member, column reflect.Type
	in             func(x extra, name string, member, column any)
	out            func(column, member any)
}

var forms = []form{
	as(same[string], itself[string]), as(same[int64], itself[int64]), as(same[float64], itself[float64]),
	as(column[string], wire.FromPtr[string]), as(column[int64], wire.FromPtr[int64]),
	as(column[float64], wire.FromPtr[float64]), as(column[bool], wire.FromPtr[bool]),
	as(extra.seconds, wire.Seconds), as(extra.optSeconds, optTime),
	as(func(_ extra, _ string, v jsontext.Value) entities.JSON { return entities.JSON(v) }, raw),
}

func as[M, C any](in func(x extra, name string, m M) C, out func(C) M) form {
	return form{
		reflect.TypeFor[M](), reflect.TypeFor[C](),
		func(x extra, name string, member, column any) { *column.(*C) = in(x, name, *member.(*M)) }, //nolint:forcetypeassert // formOf chose it by both types
		func(column, member any) { *member.(*M) = out(*column.(*C)) },                               //nolint:forcetypeassert // as above
	}
}

func formOf(member, column reflect.Type) form {
	i := slices.IndexFunc(forms, func(f form) bool { return f.member == member && f.column == column })
	if i < 0 {
		panic(fmt.Sprintf("no %s becomes a column of %s", member, column))
	}
	return forms[i]
}

func same[T any](_ extra, _ string, v T) T { return v }

func itself[T any](v T) T { return v }
