package repository

import (
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"
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
func upsert[T any](db *gorm.DB, conflict string, rows []T) error {
	_, err := upsertCounted(later(db), conflict, rows)
	return err
}

// upsertCounted is upsert, and returns how many rows it inserted or changed.
func upsertCounted[T any](db *gorm.DB, conflict string, rows []T) (changed int64, err error) {
	table, err := tableOf[T](db)
	if err != nil {
		return 0, err
	}
	for at := range slices.Chunk(table.sorted(rows), table.batch) {
		n, err := insert(db, table, pick(rows, at), " ON CONFLICT "+conflict)
		if err != nil {
			return 0, err
		}
		changed += n
	}
	return changed, nil
}

// insert inserts rows, by a statement that GORM does not write anew each time, and returns
// how many it inserted or changed: 0 of what is sent later.
func insert[T any](db *gorm.DB, table *table, rows []T, conflict string) (changed int64, err error) {
	query, args, err := insertOf(db, table, rows)
	if err != nil {
		return 0, err
	}
	text, values := render(query+conflict, args)
	res, err := db.Statement.ConnPool.ExecContext(db.Statement.Context, text, values...)
	if err != nil {
		return 0, err
	}
	changed, _ = res.RowsAffected() // an error is of what is sent later
	return changed, nil
}

// pick copies the rows at the given places.
func pick[T any](rows []T, at []keyed) []T {
	picked := make([]T, len(at))
	for i, k := range at {
		picked[i] = rows[k.at]
	}
	return picked
}

// raise is the conflict that overwrites columns of a stored row, and says when.
func raise(key string, columns ...string) string {
	var set []string
	for _, column := range append(columns, "updated_at") {
		set = append(set, fmt.Sprintf("%[1]q = excluded.%[1]q", column))
	}
	return "(" + key + ") DO UPDATE SET " + strings.Join(set, ", ")
}

// replaceAll is the conflict that overwrites every column of a stored row but its key
// and created_at.
func replaceAll[T any](db *gorm.DB) (string, error) {
	table, err := tableOf[T](db)
	if err != nil {
		return "", err
	}
	key := slices.Clone(table.keyColumns)
	if table.scope != nil {
		key = append(key, table.scope.DBName)
	}
	var columns []string
	for _, f := range table.fields {
		if !slices.Contains(key, f.DBName) {
			columns = append(columns, f.DBName)
		}
	}
	return raise(strings.Join(key, ", "), columns...), nil
}
