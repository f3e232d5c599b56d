package repository

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm/schema"

	"nof0/entities"
)

// A program that does not know a column keeps its member in extra, and one that
// knows it may keep it in both: the rows are the same, and no others.
func TestAMemberIsTheSameInItsColumnAndInExtra(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 4, 5, 6, 7, 125000000, time.UTC)
	text, number, count, yes := "a \"b\" é", 0.1, int64(1)<<60, false
	for _, row := range entities.All() {
		table, err := schema.Parse(row, &parsedEntities, schema.NamingStrategy{})
		require.NoError(t, err)
		if table.FieldsByDBName["extra"] == nil {
			continue
		}
		for _, field := range table.Fields {
			var value any
			var member, other string
			switch reflect.Zero(field.FieldType).Interface().(type) {
			case *string:
				value, member, other = &text, `"a \"b\" é"`, `"a"`
			case *float64:
				value, member, other = &number, `1.0e-1`, `0.2`
			case *int64:
				value, member, other = &count, `1152921504606846976`, `5`
			case *bool:
				value, member, other = &yes, `false`, `true`
			case *time.Time:
				value, member, other = &at, `1772600767.125`, `1772600767.1250002`
			case entities.JSON:
				value, member, other = entities.JSON(`{"a":[1,null]}`), `{"a":[1.0,null]}`, `null`
			}
			if value == nil || field.DBName == "extra" || field.DBName == "" {
				continue
			}
			rowOf := func(column any, extra string) any {
				made := reflect.New(reflect.TypeOf(row).Elem())
				if column != nil {
					made.Elem().FieldByName(field.Name).Set(reflect.ValueOf(column))
				}
				if extra != "" {
					made.Elem().FieldByName("Extra").SetBytes([]byte(extra))
				}
				return made.Interface()
			}
			extra := func(member string) string { return `{"` + field.DBName + `":` + member + `,"other":1}` }
			same := []any{rowOf(value, `{"other":1}`), rowOf(nil, extra(member)), rowOf(value, extra(member))}
			differ := []any{rowOf(nil, `{"other":1}`), rowOf(nil, extra(other)), rowOf(value, extra(other)), rowOf(value, ""), rowOf(value, extra("[{}]"))}
			if _, isJSON := value.(entities.JSON); !isJSON {
				differ = append(differ, rowOf(nil, extra("null")))
			}
			for i, a := range same {
				before, err := json.Marshal(a)
				require.NoError(t, err)
				for j, b := range same {
					assert.True(t, sameRow(a, b), "%s.%s: %d and %d", table.Table, field.DBName, i, j)
				}
				for j, b := range differ {
					assert.False(t, sameRow(a, b) || sameRow(b, a), "%s.%s: %d and other %d", table.Table, field.DBName, i, j)
				}
				after, err := json.Marshal(a)
				require.NoError(t, err)
				assert.Equal(t, before, after, "comparing changes nothing")
			}
		}
	}
}
