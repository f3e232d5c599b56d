package repository

import (
	"errors"

	"gorm.io/gorm"
)

// eachRow runs a query and hands its rows to fn one by one, with what reads the
// columns of the row. However many rows there are, few are in memory.
func eachRow(db *gorm.DB, query string, args []any, fn func(scan func(...any) error) error) (err error) {
	rows, err := db.Raw(query, args...).Rows()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := fn(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
