package atlas

import (
	"context"
	"errors"
	"fmt"

	"ariga.io/atlas/sql/schema"
)

// catalog is what the database itself knows of its tables, by identities that
// outlive a rename. Only the first schema of the search path is in it.
type catalog struct {
	relations   map[uint32]relation
	columns     map[columnKey]string // the name
	indexes     map[uint32]index
	constraints map[uint32]constraint // checks and foreign keys
}

const (
	ordinaryTable    = "r"
	partitionedTable = "p"
)

type relation struct {
	name   string
	kind   string // as in pg_class
	file   uint32 // another one once the table was written anew
	parent uint32 // of a partition; else 0
}

type columnKey struct {
	table  uint32
	number int16
}

type index struct{ table uint32 }

type constraint struct {
	name    string
	table   uint32
	valid   bool
	notNull string // the column of a check that it is not null
}

func (c catalog) table(name string) (uint32, bool) {
	for oid, r := range c.relations {
		if r.name == name && (r.kind == ordinaryTable || r.kind == partitionedTable) {
			return oid, true
		}
	}
	return 0, false
}

func (c catalog) hasTable(name string) bool {
	_, ok := c.table(name)
	return ok
}

func (c catalog) hasColumn(table, column string) bool {
	oid, _ := c.table(table)
	for key, name := range c.columns {
		if key.table == oid && name == column {
			return true
		}
	}
	return false
}

func readCatalog(ctx context.Context, db schema.ExecQuerier) (catalog, error) {
	c := catalog{
		relations: map[uint32]relation{}, columns: map[columnKey]string{},
		indexes: map[uint32]index{}, constraints: map[uint32]constraint{},
	}
	var (
		oid uint32
		r   relation
		key columnKey
		col string
		i   index
		con constraint
	)
	for _, read := range []struct {
		query string
		dest  []any
		keep  func()
	}{
		{
			`SELECT c.oid, c.relname, c.relkind::text, coalesce(pg_relation_filenode(c.oid), 0), coalesce((SELECT inhparent FROM pg_inherits WHERE inhrelid = c.oid), 0)
FROM pg_class c WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')`,
			[]any{&oid, &r.name, &r.kind, &r.file, &r.parent},
			func() { c.relations[oid] = r },
		},
		{
			`SELECT a.attrelid, a.attnum, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped`,
			[]any{&key.table, &key.number, &col},
			func() { c.columns[key] = col },
		},
		{
			`SELECT i.indexrelid, i.indrelid FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
WHERE c.relnamespace = quote_ident(current_schema())::regnamespace`,
			[]any{&oid, &i.table},
			func() { c.indexes[oid] = i },
		},
		{
			`SELECT k.oid, k.conname, k.conrelid, k.convalidated,
  coalesce(substring(pg_get_constraintdef(k.oid) FROM '^CHECK \(\("?(\w+)"? IS NOT NULL\)\)'), '')
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND k.contype IN ('c', 'f')`,
			[]any{&oid, &con.name, &con.table, &con.valid, &con.notNull},
			func() { c.constraints[oid] = con },
		},
	} {
		if err := eachRow(ctx, db, read.query, read.dest, read.keep); err != nil {
			return c, fmt.Errorf("error reading the catalog of the database: %w", err)
		}
	}
	return c, nil
}

// modes are the locks on one relation.
type modes map[string]bool

const rowExclusive = "RowExclusiveLock"

// blocking is the strongest lock that keeps writers out; empty where there is none.
func (m modes) blocking() string {
	for _, mode := range []string{"AccessExclusiveLock", "ExclusiveLock", "ShareRowExclusiveLock", "ShareLock"} {
		if m[mode] {
			return mode
		}
	}
	return ""
}

// locks are what a transaction holds, by relation.
type locks map[uint32]modes

func readLocks(ctx context.Context, db schema.ExecQuerier) (locks, error) {
	var (
		held = locks{}
		oid  uint32
		mode string
	)
	err := eachRow(ctx, db, `SELECT relation, mode FROM pg_locks
WHERE pid = pg_backend_pid() AND locktype = 'relation' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
		[]any{&oid, &mode}, func() {
			if held[oid] == nil {
				held[oid] = modes{}
			}
			held[oid][mode] = true
		})
	if err != nil {
		return nil, fmt.Errorf("error reading the locks of the migration: %w", err)
	}
	return held, nil
}

// eachRow scans each row of a query into dest and calls keep.
func eachRow(ctx context.Context, db schema.ExecQuerier, query string, dest []any, keep func()) (err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		keep()
	}
	return rows.Err()
}
