package repository

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"
	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"nof0/entities"
)

// Postgres takes at most this many bind parameters in one statement.
const maxParameters = 65535

// maxBatch bounds the rows of one statement, so that a wide one stays small
// enough to plan and to cancel.
const maxBatch = 1000

// insertFacts inserts the rows whose identity is not stored yet and returns
// the others whether what is stored is the same. Nothing stored is changed, and
// what an operator has voided stays so.
// Of rows with the same identity the first counts. Outcomes stand in the order
// of rows; of several writers of a fact at once, one sees it as inserted.
func insertFacts[T any](db *gorm.DB, rows []T, same func(a, b *T) bool) ([]Outcome, error) {
	table, err := tableOf[T](db)
	if err != nil {
		return nil, err
	}
	outcomes := make([]Outcome, len(rows))
	same = once(same)
	for at := range slices.Chunk(table.sorted(rows), table.batch) {
		if err := insertBatch(db, table, rows, at, outcomes, same); err != nil {
			return nil, err
		}
	}
	return outcomes, nil
}

// once compares no row with itself and no pair of rows twice: to read the JSON in them
// costs more than all else of an import.
func once[T any](same func(a, b *T) bool) func(a, b *T) bool {
	known := make(map[[2]*T]bool)
	return func(a, b *T) bool {
		pair := [2]*T{a, b}
		is, compared := known[pair]
		if !compared {
			is = a == b || same(a, b)
			known[pair] = is
		}
		return is
	}
}

// keyed is the identity of a row and where the row stands.
type keyed struct {
	key string
	at  int
}

// insertBatch inserts the rows at the given places.
func insertBatch[T any](db *gorm.DB, table *table, rows []T, at []keyed, outcomes []Outcome, same func(a, b *T) bool) error {
	q := queries{db: db}
	open := askFactsAt(&q, table, rows, at)
	if err := q.run(); err != nil {
		return err
	}
	known, corrected := open().known, open().corrected
	var fresh []T
	var freshAt []keyed
	for _, k := range at {
		if _, stored := known[k.key]; !stored && corrected[k.key] == nil {
			known[k.key] = &rows[k.at]
			fresh = append(fresh, rows[k.at])
			freshAt = append(freshAt, k)
		}
	}
	inserted, err := insertMissing(db, table, fresh)
	if err != nil {
		return err
	}
	if len(inserted) < len(fresh) {
		// Somebody else inserted some of them since they were looked up, and
		// has committed.
		if known, err = loadByKey(db, table, rows, at); err != nil {
			return err
		}
	}
	for _, k := range at {
		outcomes[k.at] = Conflict
		if stored, ok := known[k.key]; ok && same(stored, &rows[k.at]) {
			outcomes[k.at] = Unchanged
		} else if corrected[k.key] != nil {
			outcomes[k.at] = Corrected
		}
	}
	for _, k := range freshAt {
		if inserted[k.key] {
			outcomes[k.at] = Inserted
		}
	}
	return nil
}

// insertMissing inserts the rows whose identity is not stored and returns the
// identities of those that it inserted itself, as the database names them.
func insertMissing[T any](db *gorm.DB, table *table, rows []T) (map[string]bool, error) {
	inserted := make(map[string]bool, len(rows))
	if len(rows) == 0 {
		return inserted, nil
	}
	query, args, err := insertOf(db, table, rows)
	if err != nil {
		return nil, err
	}
	var returned []T
	query += ` ON CONFLICT DO NOTHING RETURNING "` + strings.Join(table.keyColumns, `", "`) + `"`
	if err := db.Raw(query, args...).Find(&returned).Error; err != nil {
		return nil, err
	}
	for i := range returned {
		inserted[table.key(&returned[i])] = true
	}
	return inserted, nil
}

// insertOf is an INSERT of rows, the same text for any number of them, since each column
// comes as one array. A column that a row leaves at zero gets its default.
func insertOf[T any](db *gorm.DB, table *table, rows []T) (query string, args []any, err error) {
	list := reflect.ValueOf(slices.Clone(rows))
	if table.scope != nil {
		for i := range rows {
			if err := stampRow(db, table.scope, list.Index(i)); err != nil {
				return "", nil, err
			}
		}
	}
	var columns, arrays, values []string
	for _, f := range table.fields {
		name, of, value := fmt.Sprintf("%q", f.DBName), string(f.DataType), fmt.Sprintf("given.%q", f.DBName)
		switch {
		case f.FieldType == reflect.TypeFor[entities.JSON](), f.FieldType == reflect.TypeFor[decimal.Decimal]():
			of, value = "text", value+"::"+of
		case hasExpression(f):
			value = "coalesce(" + value + ", " + f.DefaultValue + ")"
		}
		columns, arrays, values, args = append(columns, name), append(arrays, "?::"+of+"[]"), append(values, value), append(args, columnOf(db, f, list))
	}
	return fmt.Sprintf("INSERT INTO %q (%[2]s) SELECT %[3]s FROM unnest(%[4]s) AS given (%[2]s)",
		table.name, strings.Join(columns, ", "), strings.Join(values, ", "), strings.Join(arrays, ", ")), args, nil
}

// hasExpression reports whether the server computes the default of a column.
func hasExpression(f *schema.Field) bool { return f.HasDefaultValue && f.DefaultValueInterface == nil }

// columnOf points to a slice of what rows have in a column. GORM would spread a slice.
func columnOf(db *gorm.DB, f *schema.Field, rows reflect.Value) any {
	of := f.FieldType
	switch {
	case of == reflect.TypeFor[entities.JSON](), of == reflect.TypeFor[decimal.Decimal]():
		of = reflect.TypeFor[*string]()
	case hasExpression(f):
		of = reflect.PointerTo(of)
	}
	column := reflect.New(reflect.SliceOf(of))
	column.Elem().Set(reflect.MakeSlice(reflect.SliceOf(of), rows.Len(), rows.Len()))
	for i := range rows.Len() {
		value, cell := f.ReflectValueOf(db.Statement.Context, rows.Index(i)), column.Elem().Index(i)
		json, isJSON := reflect.TypeAssert[entities.JSON](value)
		number, isNumber := reflect.TypeAssert[decimal.Decimal](value)
		switch {
		case isNumber:
			cell.Set(reflect.ValueOf(new(number.String())))
		case isJSON && json != nil:
			cell.Set(reflect.ValueOf(new(string(json))))
		case isJSON || hasExpression(f) && value.IsZero():
		case hasExpression(f):
			cell.Set(value.Addr())
		case f.HasDefaultValue && value.IsZero():
			cell.Set(reflect.ValueOf(f.DefaultValueInterface).Convert(of))
		default:
			cell.Set(value)
		}
	}
	return column.Interface()
}

// loadByKey returns the stored rows that have the identity of one of the rows
// at the given places.
func loadByKey[T any](db *gorm.DB, table *table, rows []T, at []keyed) (map[string]*T, error) {
	if len(at) == 0 {
		return map[string]*T{}, nil
	}
	var found []T
	query, args := byKey(db, table, columnsOf[T](db, "found"), rows, at)
	q := queries{db: db}
	q.find(&found, query, args...)
	err := q.run()
	return keyedBy(table, found), err
}

// foundByKey joins, to rows named given, the one that a table has with the values of
// their columns, as found: the first of them in an order. It is the first at or behind
// the key, if that is of the key. Were the columns one by one equal, the planner would
// take any index that begins with the account for as good, as long as it knows nothing of
// the table, and read the whole account; no other has the rows in the order of the key.
func foundByKey(table, order string, columns ...string) string {
	return fmt.Sprintf(`
		CROSS JOIN LATERAL (
			SELECT ctid, *
			FROM %[1]q
			WHERE (competition_id, %[2]s) >= (@competition, given.%[3]s)
			ORDER BY competition_id, %[2]s%[5]s
			LIMIT 1
		) found
		WHERE found.competition_id = @competition AND (found.%[4]s) = (given.%[3]s)`,
		table, strings.Join(columns, ", "), strings.Join(columns, ", given."), strings.Join(columns, ", found."), order)
}

// byKey is a query of the stored rows that have the identity of one of the rows at the given
// places, the same text for any number of rows. It probes the key once for each: "(a, b) IN (…)" takes the planner seconds where there are a thousand of
// them and a few partitions.
func byKey[T any](db *gorm.DB, table *table, what string, rows []T, at []keyed) (query string, args []any) {
	columns, given, same := make([]string, len(table.keyFields)), make([]string, len(table.keyFields)), make([]string, len(table.keyFields))
	for i, f := range table.keyFields {
		columns[i] = fmt.Sprintf("%q", f.DBName)
		given[i] = "?::" + string(f.DataType) + "[]"
		same[i] = fmt.Sprintf("stored.%[1]q = given.%[1]q", f.DBName)
		values := reflect.New(reflect.SliceOf(f.FieldType))
		for _, k := range at {
			values.Elem().Set(reflect.Append(values.Elem(), f.ReflectValueOf(db.Statement.Context, reflect.ValueOf(&rows[k.at]).Elem())))
		}
		args = append(args, values.Interface())
	}
	found := foundByKey(table.name, "", columns...)
	if table.scope != nil {
		args = append(args, in(db))
	} else { // of ticks: an equal time tells the partition, which has no other index
		found = fmt.Sprintf(" CROSS JOIN LATERAL (SELECT * FROM %q AS stored WHERE %s LIMIT 1) found", table.name, strings.Join(same, " AND "))
	}
	return fmt.Sprintf("SELECT %s FROM unnest(%s) AS given (%s)", what, strings.Join(given, ", "), strings.Join(columns, ", ")) + found, args
}

// deleteByKey deletes the stored row that has the identity of one.
func deleteByKey[T any](db *gorm.DB, row *T) error {
	table, err := tableOf[T](db)
	if err != nil {
		return err
	}
	query, args := byKey(db, table, "found.ctid", []T{*row}, []keyed{{}})
	return db.Exec(fmt.Sprintf("DELETE FROM %q WHERE competition_id = @competition AND ctid = (%s)", table.name, query), args...).Error
}

// keyedBy returns rows by their keys.
func keyedBy[T any](table *table, rows []T) map[string]*T {
	by := make(map[string]*T, len(rows))
	for i := range rows {
		by[table.key(&rows[i])] = &rows[i]
	}
	return by
}

// table is what the helpers need to know of an entity.
type table struct {
	name       string
	scope      *schema.Field   // the competition, which the key of its rows leaves out; nil where they are of none
	fields     []*schema.Field // that a row brings
	keyColumns []string
	keyFields  []*schema.Field
	batch      int
	stmt       *gorm.Statement
}

func tableOf[T any](db *gorm.DB) (*table, error) {
	stmt := &gorm.Statement{DB: db}
	if err := stmt.Parse(new(T)); err != nil {
		return nil, err
	}
	scope := scopeField(stmt.Schema)
	t := &table{name: stmt.Table, scope: scope, stmt: db.Statement, batch: min(maxBatch, maxParameters/len(stmt.Schema.DBNames))}
	for _, name := range stmt.Schema.DBNames {
		if f := stmt.Schema.FieldsByDBName[name]; !f.AutoIncrement && !slices.Contains(bookkeeping(), name) {
			t.fields = append(t.fields, f)
		}
	}
	for _, f := range stmt.Schema.PrimaryFields {
		if f == scope {
			continue
		}
		t.keyColumns = append(t.keyColumns, f.DBName)
		t.keyFields = append(t.keyFields, f)
	}
	return t, nil
}

// key is the identity of a row as a comparable text; times count to the
// microsecond, as they are stored.
func (t *table) key(row any) string {
	var b []byte
	for _, f := range t.keyFields {
		value := f.ReflectValueOf(t.stmt.Context, reflect.ValueOf(row).Elem())
		switch at, isTime := reflect.TypeAssert[time.Time](value); {
		case isTime:
			b = strconv.AppendInt(b, at.UnixMicro(), 10)
		case value.Kind() == reflect.String:
			b = append(b, value.String()...)
		default:
			b = fmt.Append(b, value.Interface())
		}
		b = append(b, 0)
	}
	return string(b)
}

// sorted returns the places of rows in the order of their identities, so that
// two writers of the same rows can't wait for each other. Rows of one identity
// keep their order.
func (t *table) sorted(rows any) []keyed {
	list := reflect.ValueOf(rows)
	at := make([]keyed, list.Len())
	for i := range at {
		at[i] = keyed{key: t.key(list.Index(i).Addr().Interface()), at: i}
	}
	slices.SortStableFunc(at, func(a, b keyed) int { return cmp.Compare(a.key, b.key) })
	return at
}
