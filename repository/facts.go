package repository

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"
)

// Postgres takes at most this many bind parameters in one statement.
const maxParameters = 65535

// maxBatch bounds the rows of one statement, so that a wide one stays small
// enough to plan and to cancel.
const maxBatch = 1000

// insertFacts inserts the rows whose identity is not stored yet and tells of
// the others whether what is stored is the same. Nothing stored is changed.
// Outcomes stand in the order of rows.
func insertFacts[T any](db *gorm.DB, rows []T, same func(a, b *T) bool) ([]Outcome, error) {
	table, err := tableOf[T](db)
	if err != nil {
		return nil, err
	}
	outcomes := make([]Outcome, len(rows))
	for start := 0; start < len(rows); start += table.batch {
		end := min(start+table.batch, len(rows))
		if err := insertBatch(db, table, rows[start:end], outcomes[start:end], same); err != nil {
			return nil, err
		}
	}
	return outcomes, nil
}

func insertBatch[T any](db *gorm.DB, table *table, rows []T, outcomes []Outcome, same func(a, b *T) bool) error {
	known, err := loadByKey(db, table, rows)
	if err != nil {
		return err
	}
	var fresh []T
	var freshAt []int
	for i := range rows {
		key := table.key(&rows[i])
		stored, ok := known[key]
		switch {
		case !ok:
			known[key] = &rows[i]
			fresh = append(fresh, rows[i])
			freshAt = append(freshAt, i)
			outcomes[i] = Inserted
		case same(stored, &rows[i]):
			outcomes[i] = Unchanged
		default:
			outcomes[i] = Conflict
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	res := db.Clauses(clause.OnConflict{DoNothing: true}).Create(&fresh)
	if res.Error != nil {
		return res.Error
	}
	if res.RowsAffected == int64(len(fresh)) {
		return nil
	}
	// Somebody else inserted some of them since they were looked up. What is
	// stored decides once more; every one of them is stored by now.
	return reclassify(db, table, rows, freshAt, outcomes, same)
}

// reclassify is reached only by two writers of the same fact at once. Which of
// them inserted it can't be told after the fact, so a row that is stored as it
// is counts as unchanged.
func reclassify[T any](db *gorm.DB, table *table, rows []T, at []int, outcomes []Outcome, same func(a, b *T) bool) error {
	stored, err := loadByKey(db, table, rows)
	if err != nil {
		return err
	}
	for _, i := range at {
		outcomes[i] = Unchanged
		if s, ok := stored[table.key(&rows[i])]; !ok || !same(s, &rows[i]) {
			outcomes[i] = Conflict
		}
	}
	return nil
}

// loadByKey returns the stored rows that have the identity of one of rows.
func loadByKey[T any](db *gorm.DB, table *table, rows []T) (map[string]*T, error) {
	keys := make([][]any, len(rows))
	for i := range rows {
		keys[i] = table.keyValues(&rows[i])
	}
	var found []T
	if err := db.Where(fmt.Sprintf("(%s) IN ?", strings.Join(table.keyColumns, ", ")), keys).Find(&found).Error; err != nil {
		return nil, err
	}
	known := make(map[string]*T, len(rows))
	for i := range found {
		known[table.key(&found[i])] = &found[i]
	}
	return known, nil
}

// table is what the helpers need to know of an entity.
type table struct {
	keyColumns []string
	keyFields  []*schema.Field
	batch      int
	ctx        *gorm.Statement
}

func tableOf[T any](db *gorm.DB) (*table, error) {
	stmt := &gorm.Statement{DB: db}
	if err := stmt.Parse(new(T)); err != nil {
		return nil, err
	}
	t := &table{ctx: db.Statement, batch: min(maxBatch, maxParameters/len(stmt.Schema.DBNames))}
	for _, f := range stmt.Schema.PrimaryFields {
		t.keyColumns = append(t.keyColumns, f.DBName)
		t.keyFields = append(t.keyFields, f)
	}
	return t, nil
}

func (t *table) keyValues(row any) []any {
	values := make([]any, len(t.keyFields))
	for i, f := range t.keyFields {
		values[i], _ = f.ValueOf(t.ctx.Context, reflect.ValueOf(row).Elem())
	}
	return values
}

// key is the identity of a row as a comparable text; times count to the
// microsecond, as they are stored.
func (t *table) key(row any) string {
	var b strings.Builder
	for _, v := range t.keyValues(row) {
		if at, ok := v.(time.Time); ok {
			v = at.UnixMicro()
		}
		fmt.Fprintf(&b, "%v\x00", v)
	}
	return b.String()
}
