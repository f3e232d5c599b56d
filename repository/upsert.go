package repository

import (
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// replaceAll is the conflict clause that overwrites every column of a stored
// row but its key and created_at. GORM's own UpdateAll leaves out columns that
// have a default, updated_at among them.
func replaceAll[T any](db *gorm.DB) (clause.OnConflict, error) {
	stmt := &gorm.Statement{DB: db}
	if err := stmt.Parse(new(T)); err != nil {
		return clause.OnConflict{}, err
	}
	var conflict clause.OnConflict
	var columns []string
	for _, f := range stmt.Schema.PrimaryFields {
		conflict.Columns = append(conflict.Columns, clause.Column{Name: f.DBName})
	}
	for _, name := range stmt.Schema.DBNames {
		if name != "created_at" && !slices.Contains(stmt.Schema.PrimaryFieldDBNames, name) {
			columns = append(columns, name)
		}
	}
	conflict.DoUpdates = clause.AssignmentColumns(columns)
	return conflict, nil
}
