package repository

import (
	"fmt"
	"reflect"
	"strings"
	"sync"

	"gorm.io/gorm"
)

// columnsOf names the columns of an entity in a query, as QueryFields does for
// the queries that GORM writes. A star would have the columns of the table as it
// is at the moment: the next version's migration adds one, and the prepared
// statements of this version, which is still running, fail with "cached plan
// must not change result type".
func columnsOf[T any](db *gorm.DB, alias string) string {
	key := spelledColumns{reflect.TypeFor[T](), alias}
	if spelled, ok := columnTexts.Load(key); ok {
		return spelled.(string) //nolint:forcetypeassert // which has been stored
	}
	stmt := &gorm.Statement{DB: db}
	if err := stmt.Parse(new(T)); err != nil {
		return alias + ".*" // the query meets the same error as it reads into T
	}
	names := make([]string, len(stmt.Schema.DBNames))
	for i, name := range stmt.Schema.DBNames {
		names[i] = fmt.Sprintf("%s.%q", alias, name)
	}
	spelled := strings.Join(names, ", ")
	columnTexts.Store(key, spelled)
	return spelled
}

// columnTexts are the columns of entities, as they have been spelled.
var columnTexts sync.Map //nolint:gochecknoglobals // what is in it depends on nothing that changes

type spelledColumns struct {
	of    reflect.Type
	alias string
}
