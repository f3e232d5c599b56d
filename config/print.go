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
	if len(l.faults) > 0 {
		return l.config.Rows(), l.faults
	}
	return l.config.Rows(), nil
}

// Rows returns the configuration in force, a row for each key in the order of Config. What
// the program has changed since Load is derived.
func (c Config) Rows() []Row {
	all := keys()
	rows := make([]Row, len(all))
	for i, k := range all {
		rows[i] = Row{Key: k.path, Env: k.env, Value: mask(k.secret, render(k.in(&c))), Origin: OriginDerived}
		if i < len(c.Loaded) && c.Loaded[i].Value == rows[i].Value {
			rows[i].Origin = c.Loaded[i].Origin
		}
	}
	return rows
}

// render writes a value in its environment form.
func render(v reflect.Value) string {
	if list, ok := reflect.TypeAssert[[]string](v); ok {
		return strings.Join(list, ",")
	}
	return fmt.Sprint(v.Interface())
}
