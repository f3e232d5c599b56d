package repository

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"nof0/entities"
)

// SameRow reports whether two rows of a table hold the same data, by the rule
// that tells a repeated fact from a conflict.
func SameRow[T any](a, b *T) bool { return sameRow(a, b) }

// sameRow reports whether two rows of a table hold the same data: columns
// equal, times equal to the microsecond, jsonb equal as JSON. Timestamps,
// associations and the columns named in except are not compared.
func sameRow(a, b any, except ...string) bool {
	va, vb := reflect.Indirect(reflect.ValueOf(a)), reflect.Indirect(reflect.ValueOf(b))
	t := va.Type()
	for i := range t.NumField() {
		name := t.Field(i).Name
		if t.Field(i).Type == reflect.TypeFor[entities.Timestamps]() || slices.Contains(except, name) {
			continue
		}
		if !sameValue(va.Field(i).Interface(), vb.Field(i).Interface()) {
			return false
		}
	}
	return true
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
