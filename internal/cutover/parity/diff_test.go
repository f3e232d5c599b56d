package parity

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"nof0/internal/wire"
)

func TestDiff(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		a, b string
		want []jsontext.Pointer
	}{
		"spelling of numbers":    {`{"a": 51.0, "b": 1e3, "c": -0}`, `{"c":0,"b":1000,"a":51}`, nil},
		"a last digit":           {`[0.1]`, `[0.10000000000000002]`, []jsontext.Pointer{"/0"}},
		"the same double":        {`1.0000000000000000001`, `1`, nil},
		"beyond doubles":         {`1e999`, `10e998`, nil},
		"beyond doubles, others": {`1e999`, `1e998`, []jsontext.Pointer{""}},
		"beyond one double":      {`1e999`, `1`, []jsontext.Pointer{""}},
		"null, zero and absent":  {`{"a":null,"b":0,"c":null}`, `{"a":0,"b":null}`, []jsontext.Pointer{"/a", "/b", "/c"}},
		"false and zero":         {`[false, ""]`, `[0, null]`, []jsontext.Pointer{"/0", "/1"}},
		"a spelled string":       {`"\u00e9\/"`, `"é/"`, nil},
		"escapes in names":       {`{"a/b":{"c~d":1}}`, `{"a/b":{"c~d":2}}`, []jsontext.Pointer{"/a~1b/c~0d"}},
		"a shorter list":         {`{"l":[1,2,3]}`, `{"l":[1]}`, []jsontext.Pointer{"/l/1", "/l/2"}},
		"an object for a list":   {`{"l":[]}`, `{"l":{}}`, []jsontext.Pointer{"/l"}},
		"an empty object":        {`{"exit_plan":{}}`, `{}`, []jsontext.Pointer{"/exit_plan"}},
		"order of members":       {`{"a":1,"b":[{"c":2,"d":3}]}`, `{"b":[{"d":3,"c":2}],"a":1}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, way := range []struct{ a, b string }{{c.a, c.b}, {c.b, c.a}} {
				found, err := diff(jsontext.Value(way.a), jsontext.Value(way.b))
				require.NoError(t, err)
				var fields []jsontext.Pointer
				for _, d := range found {
					fields = append(fields, d.field)
				}
				require.Equal(t, c.want, fields)
			}
		})
	}
}

// tree makes up a value, and notes where its leaves are.
type tree struct {
	rand   *rand.Rand
	leaves []leaf
}

type leaf struct {
	at  jsontext.Pointer
	set func(any)
	was any
}

func (g *tree) value(at jsontext.Pointer, depth int, set func(any)) any {
	kind := g.rand.IntN(8)
	if depth == 0 {
		kind %= 6
	}
	var v any
	switch kind {
	case 0:
		v = nil
	case 1:
		v = g.rand.IntN(2) == 0
	case 2:
		v = float64(g.rand.IntN(3))
	case 3:
		v = (g.rand.Float64() - 0.5) * 1e6
	case 4, 5:
		v = []string{"", "0", "null", "naïve ~/", "\u0000\n\""}[g.rand.IntN(5)]
	case 6:
		object := map[string]any{}
		for range 1 + g.rand.IntN(4) {
			name := []string{"a", "b/c", "d~e", "", "ü", "0", "messages"}[g.rand.IntN(7)]
			if _, there := object[name]; !there {
				object[name] = nil
				object[name] = g.value(at.AppendToken(name), depth-1, func(v any) { object[name] = v })
			}
		}
		return object
	default:
		list := make([]any, 1+g.rand.IntN(4))
		for i := range list {
			list[i] = g.value(at.AppendToken(strconv.Itoa(i)), depth-1, func(v any) { list[i] = v })
		}
		return list
	}
	g.leaves = append(g.leaves, leaf{at, set, v})
	return v
}

// another is a leaf that is not the one that was.
func another(r *rand.Rand, was any) any {
	all := []any{nil, true, false, 0.0, 1.0, -1.0, 1e-300, "", "0", "null", "true", map[string]any{}, []any{}}
	if f, ok := was.(float64); ok {
		all = append(all, f+1e-6*max(1, f), -f-1)
	}
	all = slices.DeleteFunc(all, func(v any) bool {
		x, _ := json.Marshal(v)
		y, _ := json.Marshal(was)
		return string(x) == string(y)
	})
	return all[r.IntN(len(all))]
}

// TestAnyChangedLeafIsFound changes one leaf of any payload: that is what is
// found, where it is and what it was.
func TestAnyChangedLeafIsFound(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2000) {
		checkLeaf(t, seed, seed)
	}
}

func FuzzChangedLeaf(f *testing.F) {
	f.Add(uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, a, b uint64) { checkLeaf(t, a, b) })
}

func checkLeaf(t *testing.T, a, b uint64) {
	t.Helper()
	g := &tree{rand: rand.New(rand.NewPCG(a, b))}
	var root any
	root = g.value("", 5, func(v any) { root = v })
	before, err := json.Marshal(root)
	require.NoError(t, err)
	same, err := wire.Marshal(root)
	require.NoError(t, err)
	found, err := diff(before, same)
	require.NoError(t, err)
	require.Empty(t, found, "%s", before)

	changed := g.leaves[g.rand.IntN(len(g.leaves))]
	to := another(g.rand, changed.was)
	changed.set(to)
	after, err := json.Marshal(root)
	require.NoError(t, err)
	found, err = diff(before, after)
	require.NoError(t, err)
	require.Len(t, found, 1, "%s\n%s", before, after)
	require.Equal(t, changed.at, found[0].field, "%s\n%s", before, after)
	was, err := json.Marshal(changed.was)
	require.NoError(t, err)
	require.Equal(t, string(was), string(found[0].json))
	is, err := json.Marshal(to)
	require.NoError(t, err)
	require.Equal(t, string(is), string(found[0].store))
}
