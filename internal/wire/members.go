package wire

import (
	"reflect"
	"slices"
	"strings"
)

// Members lists the names of the members of every payload that is kept in the
// columns of a table, in order, each once.
func Members() (names []string) {
	for _, row := range []any{
		Price{},
		AccountTotal{},
		Position{},
		Trade{},
		SinceInception{},
		Decision{},
		Thread{},
		Message{},
		Model{},
		Competition{},
		Symbol{},
		TraderState{},
		MarketAsset{},
		MarketContext{},
	} {
		for field := range reflect.TypeOf(row).Fields() {
			if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
