package atlas

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"ariga.io/atlas/sql/schema"
)

// InSyncParams are the three descriptions of the schema that must agree.
type InSyncParams struct {
	Scratch    Scratch
	Models     []any  // every entity
	Schema     string // the text of schema.sql
	Migrations fs.FS
}

// InSync checks that the entities, schema.sql and the replayed migrations
// describe the same tables. What differs is a *DriftError.
func InSync(ctx context.Context, params InSyncParams) error {
	printed, err := Schema(params.Models)
	if err != nil {
		return err
	}
	if printed != params.Schema {
		return &DriftError{
			Have: "schema.sql", Want: "the entities",
			Differences: lineDifferences(params.Schema, printed),
			Next:        "run nof0 migrate diff NAME and commit what it writes",
		}
	}
	found, err := between(ctx, params.Scratch, replay(params.Migrations, ""), realize(params.Schema))
	if err != nil {
		return err
	}
	return drift(ctx, found, nil, DriftError{
		Have: "the migrations", Want: "schema.sql",
		Next: "run nof0 migrate diff NAME and commit what it writes",
	})
}

// Drift checks that a live database has what the migrations that it has run
// build: tables, and also views, functions and triggers, which Atlas does not
// see, and that every index of it is in use. What differs is a *DriftError. The
// database is only read.
//
// Errors besides: *HalfAppliedError and *NewerError, since nobody can tell what
// such a database should have.
func Drift(ctx context.Context, live *sql.DB, scratch Scratch, files fs.FS) error {
	status, err := New(live, Options{Migrations: files}).Status(ctx)
	switch {
	case err != nil:
		return err
	case status.Half != nil:
		return &HalfAppliedError{File: status.Half.Version + "_" + status.Half.Name + ".sql", Reason: "apply it to its end first"}
	case status.Newer():
		return &NewerError{Version: status.Current}
	}
	build := func(context.Context, *sql.DB) error { return nil }
	if status.Current != "" {
		build = replay(files, status.Current)
	}
	return scratch.Use(ctx, func(ctx context.Context, wanted *sql.DB) error {
		if err := build(ctx, wanted); err != nil {
			return err
		}
		found, err := changes(ctx, live, wanted)
		if err != nil {
			return err
		}
		have, err := definitions(ctx, live)
		if err != nil {
			return err
		}
		want, err := definitions(ctx, wanted)
		if err != nil {
			return err
		}
		return drift(ctx, found, definitionDifferences(have, want), DriftError{
			Have: "the database", Want: "the migrations",
			Next: "somebody changed the database by hand: undo that, or write it down as a migration",
		})
	})
}

// drift completes e with what was found, or returns nil where nothing was.
func drift(ctx context.Context, found []schema.Change, more []string, e DriftError) error {
	statements, err := statementsOf(ctx, found)
	if err != nil {
		return err
	}
	if e.Differences = slices.Concat(statements, more); len(e.Differences) == 0 {
		return nil
	}
	return &e
}

// definitions are the views, functions and triggers of a database, by what they
// are, without those of extensions, and the indexes that are not in use.
func definitions(ctx context.Context, db schema.ExecQuerier) (_ map[string]string, err error) {
	rows, err := db.QueryContext(ctx, `
SELECT CASE c.relkind WHEN 'm' THEN 'materialized view ' ELSE 'view ' END || c.relname, pg_get_viewdef(c.oid)
FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('v', 'm')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
UNION ALL
SELECT 'function ' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', pg_get_functiondef(p.oid)
FROM pg_proc p
WHERE p.pronamespace = 'public'::regnamespace AND p.prokind IN ('f', 'p')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
UNION ALL
SELECT 'trigger ' || t.tgname || ' on ' || c.relname, pg_get_triggerdef(t.oid)
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = 'public'::regnamespace AND NOT t.tgisinternal AND t.tgparentid = 0
UNION ALL
SELECT 'invalid index ' || c.relname, pg_get_indexdef(c.oid)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relnamespace = 'public'::regnamespace AND NOT i.indisvalid`)
	if err != nil {
		return nil, fmt.Errorf("error reading views and functions: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	found := make(map[string]string)
	for rows.Next() {
		var name, definition string
		if err := rows.Scan(&name, &definition); err != nil {
			return nil, fmt.Errorf("error reading the definition of a view or function: %w", err)
		}
		found[name] = strings.TrimSpace(definition)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("error reading views and functions: %w", err)
	}
	return found, nil
}

func definitionDifferences(have, want map[string]string) []string {
	var found []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		switch definition, ok := have[name]; {
		case !ok:
			found = append(found, name+" is missing")
		case definition != want[name]:
			found = append(found, fmt.Sprintf("%s is\n%s\ninstead of\n%s", name, definition, want[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(have)) {
		if _, ok := want[name]; !ok {
			found = append(found, name+" is in no migration")
		}
	}
	return found
}

// lineDifferences are the lines that only one of two texts has, marked as in a
// patch.
func lineDifferences(have, want string) []string {
	has, wants := strings.Split(have, "\n"), strings.Split(want, "\n")
	var found []string
	for _, line := range has {
		if !slices.Contains(wants, line) {
			found = append(found, "-"+line)
		}
	}
	for _, line := range wants {
		if !slices.Contains(has, line) {
			found = append(found, "+"+line)
		}
	}
	if len(found) == 0 {
		found = append(found, "the same lines, in another order")
	}
	return found
}
