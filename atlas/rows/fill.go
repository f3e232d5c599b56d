// Package rows makes rows of every table, whatever its columns are at the time:
// for tests, and for the linter of migrations.
package rows

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// FillOptions say how many rows Fill makes.
type FillOptions struct {
	Rows int // in a table of facts
	// Few is how many rows the tables have that hold a row per model, symbol or
	// conversation; the rows of the others belong to them in turn.
	Few int
	// Values replace the expression that makes a column, by "table.column"; i is
	// the number of the row.
	Values map[string]string
}

// Facts are the tables that grow with time.
func Facts() []string {
	return []string{
		"price_ticks", "account_equity_snapshots", "positions", "trades", "conversation_messages",
		"decision_cycles", "outbox_events", "idempotency_keys",
	}
}

// Fill puts rows into every table that has none, whatever its columns are at the
// time: each value says where it belongs, half of those that may be null are,
// and checks and foreign keys are kept.
func Fill(ctx context.Context, db *sql.DB, o FillOptions) error {
	tables, err := readTables(ctx, db)
	if err != nil {
		return err
	}
	for _, table := range inOrder(tables) {
		if err := table.fill(ctx, db, o); err != nil {
			return fmt.Errorf("error filling %s: %w", table.name, err)
		}
	}
	return nil
}

// inOrder are the tables, those first that others refer to.
func inOrder(tables map[string]*filled) []*filled {
	return slices.SortedFunc(maps.Values(tables), func(a, b *filled) int {
		return cmp.Or(a.references-b.references, strings.Compare(a.name, b.name))
	})
}

type filled struct {
	name        string
	partitioned bool
	references  int // how many foreign keys it has
	columns     []filledColumn
}

type filledColumn struct {
	name, kind string
	nullable   bool
	serial     bool
	key        int      // its place in the primary key, from 1; 0 is none
	alone      bool     // the primary key is this column
	foreign    string   // the column of another table that it must have the value of
	values     []string // those that a check allows
}

// querier is a database or a transaction of it.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func readTables(ctx context.Context, db querier) (_ map[string]*filled, err error) {
	rows, err := db.QueryContext(ctx, `
SELECT c.relname, c.relkind = 'p', a.attname, format_type(a.atttypid, NULL), NOT a.attnotnull,
  coalesce(pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%', false),
  coalesce(array_position(k.conkey, a.attnum), 0), coalesce(cardinality(k.conkey) = 1, false),
  coalesce((SELECT r.attname FROM pg_constraint f JOIN pg_attribute r ON r.attrelid = f.confrelid AND r.attnum = f.confkey[array_position(f.conkey, a.attnum)]
    WHERE f.conrelid = c.oid AND f.contype = 'f' AND a.attnum = ANY (f.conkey) LIMIT 1), ''),
  coalesce((SELECT pg_get_constraintdef(h.oid) FROM pg_constraint h WHERE h.conrelid = c.oid AND h.contype = 'c' AND h.conkey = ARRAY[a.attnum] LIMIT 1), '')
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
LEFT JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p'
WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND c.relname <> 'atlas_schema_revisions' AND a.attgenerated = ''
ORDER BY c.relname, a.attnum`)
	if err != nil {
		return nil, fmt.Errorf("error reading the tables to fill: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	tables := map[string]*filled{}
	for rows.Next() {
		var (
			table  filled
			column filledColumn
			check  string
		)
		if err := rows.Scan(&table.name, &table.partitioned, &column.name, &column.kind, &column.nullable, &column.serial,
			&column.key, &column.alone, &column.foreign, &check); err != nil {
			return nil, fmt.Errorf("error reading a column to fill: %w", err)
		}
		for _, literal := range regexp.MustCompile(`'([^']*)'::text`).FindAllStringSubmatch(check, -1) {
			column.values = append(column.values, literal[1])
		}
		if tables[table.name] == nil {
			tables[table.name] = &table
		}
		if column.foreign != "" {
			tables[table.name].references++
		}
		tables[table.name].columns = append(tables[table.name].columns, column)
	}
	return tables, rows.Err()
}

// partition makes the partition of a partitioned table in which its rows lie.
func (f *filled) partition(ctx context.Context, db querier) error {
	if !f.partitioned {
		return nil
	}
	_, err := db.ExecContext(ctx, fmt.Sprintf(
		`CREATE TABLE IF NOT EXISTS "%[1]s_2026_01" PARTITION OF "%[1]s" FOR VALUES FROM ('2026-01-01 00:00+00') TO ('2026-02-01 00:00+00')`, f.name))
	if err != nil {
		return fmt.Errorf("error making a partition: %w", err)
	}
	return nil
}

func (f *filled) fill(ctx context.Context, db *sql.DB, o FillOptions) error {
	if err := f.partition(ctx, db); err != nil {
		return err
	}
	rows := o.Few
	if slices.Contains(Facts(), f.name) {
		rows = o.Rows
	}
	insert, err := f.insert(o)
	if err != nil {
		return err
	}
	var some bool
	err = db.QueryRowContext(ctx, fmt.Sprintf(`SELECT EXISTS (SELECT FROM %q)`, f.name)).Scan(&some)
	if err != nil || some {
		return err
	}
	_, err = db.ExecContext(ctx, insert, 1, rows)
	return err
}

// Inserts returns for each table of facts the statement that adds the rows from
// number $1 to $2 to those that Fill has made.
func Inserts(ctx context.Context, db *sql.DB, o FillOptions) (map[string]string, error) {
	tables, err := readTables(ctx, db)
	if err != nil {
		return nil, err
	}
	inserts := map[string]string{}
	for _, name := range Facts() {
		if inserts[name], err = tables[name].insert(o); err != nil {
			return nil, err
		}
	}
	return inserts, nil
}

func (f *filled) insert(o FillOptions) (string, error) {
	var names, values []string
	for _, column := range f.columns {
		if column.serial {
			continue
		}
		value, ok := o.Values[f.name+"."+column.name]
		if column.name == "competition_id" && !ok {
			value, ok = "'season-1'", true // as the default has it, also where a foreign key has it besides
		}
		if !ok {
			var err error
			if value, err = column.value(o.Few); err != nil {
				return "", err
			}
		}
		names, values = append(names, `"`+column.name+`"`), append(values, value)
	}
	return fmt.Sprintf(`INSERT INTO %q (%s) SELECT %s FROM generate_series($1::bigint, $2::bigint) AS i`,
		f.name, strings.Join(names, ", "), strings.Join(values, ", ")), nil
}

// value is the expression that makes the column of row i.
func (c filledColumn) value(few int) (string, error) {
	var value string
	inTurn := fmt.Sprintf("1 + i %% %d", few)
	switch c.kind {
	case "text":
		of, number := c.name, "i"
		if c.name == "model_id" {
			c.foreign = "id"
		}
		if c.foreign != "" {
			of = c.foreign
		}
		if !c.alone && (c.foreign != "" || c.key == 1) {
			number = inTurn
		}
		value = fmt.Sprintf("'%s-' || (%s)", of, number)
		if len(c.values) > 0 {
			value = fmt.Sprintf("(ARRAY['%s'])[1 + i %% %d]", strings.Join(c.values, "', '"), len(c.values))
		}
	case "timestamp with time zone":
		value = "timestamptz '2026-01-01 00:00+00' + i * interval '1 second'"
	case "double precision", "real", "numeric":
		value = "i * 1.25"
	case "bigint", "integer", "smallint":
		value = "i"
	case "boolean":
		value = "i % 3 = 0"
	case "jsonb":
		value = "jsonb_build_object('of', i)"
	case "uuid":
		value = "md5(i::text)::uuid"
	case "date":
		value = "date '2026-01-01' + i::integer"
	case "bytea":
		value = "int8send(i)"
	default:
		if !c.nullable {
			return "", fmt.Errorf("column %s has the type %s, of which no value is known here", c.name, c.kind)
		}
		value = "NULL"
	}
	if c.nullable {
		value = fmt.Sprintf("CASE WHEN i %% 2 = 0 THEN %s END", value)
	}
	return value, nil
}

// Digests returns the digest of each column of each table by "table.column",
// whatever the order of the rows, and the number of rows of each table.
func Digests(ctx context.Context, db *sql.DB) (map[string]string, error) {
	tables, err := readTables(ctx, db)
	if err != nil {
		return nil, err
	}
	digests := map[string]string{}
	for _, table := range tables {
		for _, column := range append([]filledColumn{{}}, table.columns...) {
			query := fmt.Sprintf(`SELECT count(*)::text FROM "%s"`, table.name) //nolint:gosec // names from the catalog
			if column.name != "" {
				query = fmt.Sprintf(`SELECT coalesce(md5(string_agg(value, E'\n' ORDER BY value)), '') FROM (SELECT coalesce("%s"::text, 'null') AS value FROM "%s") AS v`, column.name, table.name)
			}
			var digest string
			if err := db.QueryRowContext(ctx, query).Scan(&digest); err != nil {
				return nil, fmt.Errorf("error reading %s.%s: %w", table.name, column.name, err)
			}
			digests[strings.TrimSuffix(table.name+"."+column.name, ".")] = digest
		}
	}
	return digests, nil
}
