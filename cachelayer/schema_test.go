package cachelayer

import (
	"reflect"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"
)

type (
	schemaBase struct {
		A int        `json:"a"`
		B []*float64 `json:"b,omitzero"`
		C map[string]schemaLeaf
	}
	schemaLeaf struct{ X string }
	schemaSame struct {
		A int        `json:"a"`
		B []*float64 `json:"b,omitzero"`
		C map[string]schemaLeaf
		d int    //nolint:unused // not part of the JSON
		E string `json:"-"`
	}
	schemaRenamed struct {
		A int        `json:"aa"`
		B []*float64 `json:"b,omitzero"`
		C map[string]schemaLeaf
	}
	schemaRetyped struct {
		A int64      `json:"a"`
		B []*float64 `json:"b,omitzero"`
		C map[string]schemaLeaf
	}
	schemaOption struct {
		A int        `json:"a,string"`
		B []*float64 `json:"b,omitzero"`
		C map[string]schemaLeaf
	}
	schemaDeeper struct {
		A int        `json:"a"`
		B []*float64 `json:"b,omitzero"`
		C map[string]struct{ Y string }
	}
	schemaPointer struct {
		A int       `json:"a"`
		B []float64 `json:"b,omitzero"`
		C map[string]schemaLeaf
	}
	schemaTree struct {
		Left, Right *schemaTree
		Leaves      []schemaLeaf
	}
	schemaEmbedding struct {
		schemaLeaf
		N int
	}
)

type schemaV1 struct{ X string }

func (schemaV1) CacheSchema() string { return "1" }

type schemaV2 struct{ X string }

func (*schemaV2) CacheSchema() string { return "2" }

type schemaMethod struct{ X string }

func (schemaMethod) MarshalJSON() ([]byte, error) { return []byte(`{}`), nil }

type schemaOtherMethod struct{ X string }

func (*schemaOtherMethod) MarshalText() ([]byte, error) { return nil, nil }

func TestSchemaFollowsTheShape(t *testing.T) {
	t.Parallel()
	var s schemas
	of := func(typ reflect.Type) string {
		fingerprint := s.of(typ, nil)
		require.Len(t, fingerprint, schemaLen)
		require.Equal(t, fingerprint, s.of(typ, nil))
		require.NotEqual(t, fingerprint, s.of(typ, mark(Identity{Database: "another"})))
		return fingerprint
	}
	require.Equal(t, of(reflect.TypeFor[schemaBase]()), of(reflect.TypeFor[schemaSame]()))

	seen := map[string]reflect.Type{}
	for _, typ := range []reflect.Type{
		reflect.TypeFor[schemaBase](), reflect.TypeFor[schemaRenamed](), reflect.TypeFor[schemaRetyped](),
		reflect.TypeFor[schemaOption](), reflect.TypeFor[schemaDeeper](), reflect.TypeFor[schemaPointer](),
		reflect.TypeFor[schemaTree](), reflect.TypeFor[schemaEmbedding](), reflect.TypeFor[schemaLeaf](),
		reflect.TypeFor[*schemaLeaf](), reflect.TypeFor[[]schemaLeaf](), reflect.TypeFor[[2]schemaLeaf](),
		reflect.TypeFor[map[string]schemaLeaf](), reflect.TypeFor[schemaV1](), reflect.TypeFor[schemaV2](),
		reflect.TypeFor[schemaMethod](), reflect.TypeFor[schemaOtherMethod](), reflect.TypeFor[time.Time](),
		reflect.TypeFor[time.Duration](), reflect.TypeFor[int](), reflect.TypeFor[string](), reflect.TypeFor[any](),
		reflect.TypeFor[jsontext.Value](), reflect.TypeFor[[]byte](),
	} {
		fingerprint := of(typ)
		require.Nil(t, seen[fingerprint], "%v and %v", seen[fingerprint], typ)
		seen[fingerprint] = typ
	}
}
