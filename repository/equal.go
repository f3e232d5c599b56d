package repository

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shopspring/decimal"
	"gorm.io/gorm/schema"

	"nof0/entities"
)

// SameRow reports whether two rows of a table hold the same data, by the rule
// that distinguishes a repeated fact from a conflict.
func SameRow[T any](a, b *T) bool { return sameRow(a, b) }

// sameRow reports whether two rows of a table hold the same data: columns
// equal, times equal to the microsecond, jsonb equal as JSON, and a member of
// the extra column equal to the column of its name, since what had no column
// yet was stored there. Timestamps, the competition, which is that of the
// repository, and the columns named in except are not compared. Both are pointers to the same entity.
func sameRow(a, b any, except ...string) bool {
	return sameColumns(a, b, except) || sameColumns(unfold(a), unfold(b), except)
}

func sameColumns(a, b any, except []string) bool {
	va, vb := reflect.Indirect(reflect.ValueOf(a)), reflect.Indirect(reflect.ValueOf(b))
	t := va.Type()
	for i := range t.NumField() {
		name := t.Field(i).Name
		if t.Field(i).Type == reflect.TypeFor[entities.Timestamps]() || name == "CompetitionID" || slices.Contains(except, name) {
			continue
		}
		if !sameValue(va.Field(i).Interface(), vb.Field(i).Interface()) {
			return false
		}
	}
	return true
}

var parsedEntities sync.Map //nolint:gochecknoglobals // a cache of what the types say

// unfold returns a row with the members of its extra column in the nullable
// columns of their names, as a program writes it that knows those columns.
// What a column cannot express stays.
func unfold(row any) any {
	v := reflect.ValueOf(row).Elem()
	column := v.FieldByName("Extra")
	if !column.IsValid() || column.IsNil() {
		return row
	}
	var extra map[string]json.RawMessage
	table, err := schema.Parse(row, &parsedEntities, schema.NamingStrategy{})
	if err != nil || json.Unmarshal(column.Bytes(), &extra) != nil {
		return row
	}
	members := len(extra)
	unfolded := reflect.New(v.Type())
	unfolded.Elem().Set(v)
	for name, member := range extra {
		field := table.FieldsByDBName[name]
		if field == nil || name == "extra" {
			continue
		}
		if f := unfolded.Elem().FieldByIndex(field.StructField.Index); setMember(f, member) {
			delete(extra, name)
		}
	}
	if len(extra) == members {
		return row
	}
	rest := unfolded.Elem().FieldByName("Extra")
	rest.SetZero()
	if len(extra) > 0 {
		text, err := json.Marshal(extra)
		if err != nil {
			return row
		}
		rest.SetBytes(text)
	}
	return unfolded.Interface()
}

// setMember sets a nullable column that is NULL to the member of a payload. It
// reports whether the column expresses the member whole.
func setMember(column reflect.Value, member json.RawMessage) bool {
	value := reflect.New(column.Type()).Elem()
	switch v := value.Addr().Interface().(type) {
	case *entities.JSON:
		*v = entities.JSON(member)
	case **time.Time:
		var seconds *float64
		if json.Unmarshal(member, &seconds) != nil || seconds == nil {
			return false
		}
		whole, fraction := math.Modf(*seconds)
		at := time.UnixMicro(int64(whole)*1e6 + int64(math.Round(fraction*1e6)))
		if *v = &at; float64(at.UnixMicro())/1e6 != *seconds {
			return false
		}
	default:
		if column.Kind() != reflect.Pointer || json.Unmarshal(member, value.Addr().Interface()) != nil || value.IsNil() {
			return false
		}
	}
	if column.IsNil() {
		column.Set(value)
		return true
	}
	return sameValue(column.Interface(), value.Interface())
}

func sameValue(a, b any) bool {
	switch x := a.(type) {
	case time.Time:
		return sameTime(&x, ptrOf[time.Time](b))
	case *time.Time:
		y, _ := b.(*time.Time)
		return sameTime(x, y)
	case entities.JSON:
		y, _ := b.(entities.JSON)
		return sameJSON(x, y)
	}
	return reflect.DeepEqual(a, b)
}

func ptrOf[T any](v any) *T {
	t, ok := v.(T)
	if !ok {
		return nil
	}
	return &t
}

func sameTime(a, b *time.Time) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.UnixMicro() == b.UnixMicro()
}

// sameJSON compares numbers as doubles: jsonb keeps 51.0 and 51 apart, clients
// do not. Numbers that no double holds are compared exactly.
func sameJSON(a, b entities.JSON) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	x, errX := decodeJSON(a)
	y, errY := decodeJSON(b)
	return errX == nil && errY == nil && reflect.DeepEqual(x, y)
}

func decodeJSON(raw entities.JSON) (v any, err error) {
	if err = json.Unmarshal(raw, &v); err == nil {
		return v, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err = decoder.Decode(&v); err != nil {
		return nil, err
	}
	return withNumbers(v)
}

// withNumbers puts a double in the place of each number, or its normal form
// where it is beyond doubles.
func withNumbers(v any) (_ any, err error) {
	switch x := v.(type) {
	case json.Number:
		if double, err := x.Float64(); err == nil {
			return double, nil
		}
		number, err := decimal.NewFromString(x.String())
		digits := number.Coefficient().String()
		significant := strings.TrimRight(digits, "0")
		exponent := int64(number.Exponent()) + int64(len(digits)-len(significant))
		return json.Number(fmt.Sprintf("%se%d", significant, exponent)), err
	case []any:
		for i := range x {
			if x[i], err = withNumbers(x[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for name := range x {
			if x[name], err = withNumbers(x[name]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}
