package wiretest

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"nof0/internal/wire"
)

// Members returns the names of the members that a payload's type has, in their
// order. Payload is a pointer to it.
func Members(payload any) []string {
	var names []string
	row := reflect.TypeOf(payload).Elem()
	for field := range row.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// Optional returns the names of those members that may be absent.
func Optional(payload any) []string {
	row := reflect.TypeOf(payload).Elem()
	return slices.DeleteFunc(Members(payload), func(name string) bool {
		_, required := row.FieldByNameFunc(func(f string) bool {
			field, _ := row.FieldByName(f)
			return field.Tag.Get("json") == name
		})
		return required
	})
}

// Full returns a value for each member of a payload's type, no two alike: those
// given, and for the others one that the type takes. Payload is a pointer to it.
func Full(t testing.TB, payload any, given map[string]any) map[string]any {
	t.Helper()
	row := reflect.TypeOf(payload).Elem()
	full := make(map[string]any)
	for i, name := range Members(payload) {
		if value, ok := given[name]; ok {
			full[name] = value
			continue
		}
		n := float64(i + 1)
		candidates := []any{n + 0.25, n, fmt.Sprintf("%s %d é", name, i), true, []any{}}
		if field, ok := row.FieldByNameFunc(func(f string) bool { return memberOf(row, f) == name }); ok && field.Type == reflect.TypeFor[jsontext.Value]() {
			candidates = []any{map[string]any{"of": name, "deep": []any{nil, n + 0.5}}}
		}
		for _, value := range candidates {
			text, err := wire.Marshal(map[string]any{name: value})
			require.NoError(t, err)
			if wire.Unmarshal(text, reflect.New(row).Interface()) == nil {
				full[name] = value
				break
			}
		}
		require.Contains(t, full, name, "no value is known here for %s.%s", row, name)
	}
	return full
}

func memberOf(row reflect.Type, field string) string {
	f, _ := row.FieldByName(field)
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// Read makes a payload of its members. Payload is a pointer, which it fills.
func Read(t testing.TB, members map[string]any, payload any) {
	t.Helper()
	text, err := wire.Marshal(members)
	require.NoError(t, err)
	require.NoError(t, wire.Unmarshal(text, payload), "%s", text)
}
