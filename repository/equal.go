package repository

import (
	"encoding/json"
	"reflect"
	"slices"
	"time"

	"nof0/entities"
)

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
// do not.
func sameJSON(a, b entities.JSON) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	return reflect.DeepEqual(x, y)
}
