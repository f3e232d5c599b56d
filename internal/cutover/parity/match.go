package parity

import (
	"maps"
	"slices"
)

// named are the rows of one side by their names, in an order.
type named[T any] struct {
	names []string
	rows  map[string]T
}

// sorted are rows in the order of their names.
func sorted[T any](rows map[string]T) named[T] { return named[T]{slices.Sorted(maps.Keys(rows)), rows} }

// listed are rows in the order of their list.
func listed[T any](rows []T, name func(T) string) named[T] {
	n := named[T]{rows: make(map[string]T, len(rows))}
	for _, row := range rows {
		n.names, n.rows[name(row)] = append(n.names, name(row)), row
	}
	return n
}

// match goes through the rows of both sides, those of the JSON side first: each with that
// of the store where there is one, and what the store alone has.
func match[T any](json, store named[T], both func(name string, json, store T) error, onlyJSON, onlyStore func(name string, one T) error) error {
	for _, name := range json.names {
		var err error
		if other, ok := store.rows[name]; ok {
			err = both(name, json.rows[name], other)
		} else {
			err = onlyJSON(name, json.rows[name])
		}
		if err != nil {
			return err
		}
	}
	for _, name := range store.names {
		if _, ok := json.rows[name]; ok {
			continue
		}
		if err := onlyStore(name, store.rows[name]); err != nil {
			return err
		}
	}
	return nil
}
