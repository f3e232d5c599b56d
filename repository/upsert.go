package repository

import (
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// bookkeeping returns the columns that the database sets by itself, also where a
// row that is handed in was read from a table and carries them.
func bookkeeping() []string { return []string{"created_at", "updated_at"} }

// registerAll inserts the rows whose identity is not there yet and returns
// those.
func registerAll[T any](db *gorm.DB, rows []T) (added []T, err error) {
	table, err := tableOf[T](db)
	if err != nil {
		return nil, err
	}
	for at := range slices.Chunk(table.sorted(rows), table.batch) {
		inserted, err := insertMissing(db, table, pick(rows, at))
		if err != nil {
			return nil, err
		}
		for _, k := range at {
			if inserted[k.key] {
				added = append(added, rows[k.at])
				delete(inserted, k.key) // one may be given twice
			}
		}
	}
	return added, nil
}

// withdraw deletes rows by their identities. It is for what the transaction
// itself has registered and does not need after all.
func withdraw[T any](db *gorm.DB, rows []T) error {
	if len(rows) == 0 {
		return nil
	}
	return db.Delete(&rows).Error
}

// upsert inserts rows, or does with those whose identity is stored what
// conflict says, later. No identity may stand twice among them.
func upsert[T any](db *gorm.DB, conflict clause.OnConflict, rows []T) error {
	_, err := upsertCounted(later(db), conflict, rows)
	return err
}

// upsertCounted is upsert, and returns how many rows it inserted or changed.
func upsertCounted[T any](db *gorm.DB, conflict clause.OnConflict, rows []T) (changed int64, err error) {
	table, err := tableOf[T](db)
	if err != nil {
		return 0, err
	}
	for at := range slices.Chunk(table.sorted(rows), table.batch) {
		batch := pick(rows, at)
		res := db.Clauses(conflict).Omit(bookkeeping()...).Create(&batch)
		if res.Error != nil {
			return 0, res.Error
		}
		changed += res.RowsAffected
	}
	return changed, nil
}

// pick copies the rows at the given places: GORM writes into what it stores.
func pick[T any](rows []T, at []keyed) []T {
	picked := make([]T, len(at))
	for i, k := range at {
		picked[i] = rows[k.at]
	}
	return picked
}

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
