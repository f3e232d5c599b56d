package config

import (
	"fmt"
	"reflect"
	"strings"
)

// Row is one key of the effective configuration, fit to be shown.
type Row struct {
	Key    string `json:"key"`
	Env    string `json:"env"`
	Value  string `json:"value"` // secrets are masked
	Origin Origin `json:"origin"`
}

// Print returns the effective configuration, a row for each key in the order of
// Config. With faults it returns them beside the rows, which then show what
// would be in force without the faulty values.
func Print(o Options) ([]Row, error) {
	l := load(o)
	rows := make([]Row, len(l.keys))
	for i, k := range l.keys {
		rows[i] = Row{
			Key:    k.path,
			Env:    k.env,
			Value:  mask(k.secret, render(k.in(&l.config))),
			Origin: l.origins[k.path],
		}
	}
	if len(l.faults) > 0 {
		return rows, l.faults
	}
	return rows, nil
}

// render writes a value in its environment form.
func render(v reflect.Value) string {
	if list, ok := reflect.TypeAssert[[]string](v); ok {
		return strings.Join(list, ",")
	}
	return fmt.Sprint(v.Interface())
}
