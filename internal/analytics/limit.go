package analytics

import (
	"math"
	"reflect"
)

// limit keeps every number of the document one that JSON can hold: trades of
// absurd size have sums that no double can.
func (d *Document) limit() { limit(reflect.ValueOf(d).Elem()) }

func limit(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for _, f := range v.Fields() {
			if f.CanSet() {
				limit(f)
			}
		}
	case reflect.Float64:
		switch x := v.Float(); {
		case math.IsNaN(x):
			v.SetFloat(0)
		case math.IsInf(x, 0):
			v.SetFloat(math.Copysign(math.MaxFloat64, x))
		}
	}
}
