package repository

import (
	"fmt"
	"strings"

	"gorm.io/gorm"
)

// columnsOf names the columns of an entity in a query, as QueryFields does for
// the queries that GORM writes. A star would have the columns of the table as it
// is at the moment: the next version's migration adds one, and the prepared
// statements of this version, which is still running, fail with "cached plan
// must not change result type".
func columnsOf[T any](db *gorm.DB, alias string) string {
	stmt := &gorm.Statement{DB: db}
	if err := stmt.Parse(new(T)); err != nil {
		return alias + ".*" // the query meets the same error as it reads into T
	}
	columns := make([]string, len(stmt.Schema.DBNames))
	for i, name := range stmt.Schema.DBNames {
		columns[i] = fmt.Sprintf("%s.%q", alias, name)
	}
	return strings.Join(columns, ", ")
}
