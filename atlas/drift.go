package atlas

import (
	"context"
	"database/sql"
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
// build: tables, and also what Atlas does not see: views, functions, triggers
// and rules and whether they are in force, row-level security, the settings of
// sequences, names of indexes and constraints, constraints that were not
// validated, UNLOGGED tables, and indexes that are not in use. What differs is a
// *DriftError. The database is only read.
//
// Owners, grants, storage parameters, tablespaces and replica identities are
// the installation's own: they differ between installations and change no
// statement's result.
//
// Errors besides: *HalfAppliedError and *NewerError, since nobody knows what
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
	home, err := currentSchema(ctx, live)
	if err != nil {
		return err
	}
	return scratch.in(home).Use(ctx, func(ctx context.Context, wanted *sql.DB) error {
		if err := build(ctx, wanted); err != nil {
			return err
		}
		found, err := changes(ctx, live, wanted)
		if err != nil {
			return err
		}
		var have, want, hasNames, wantNames map[string]string
		for _, read := range []struct {
			into *map[string]string
			from func(context.Context, schema.ExecQuerier) (map[string]string, error)
			db   *sql.DB
		}{{&have, definitions, live}, {&want, definitions, wanted}, {&hasNames, objectNames, live}, {&wantNames, objectNames, wanted}} {
			if *read.into, err = read.from(ctx, read.db); err != nil {
				return err
			}
		}
		return drift(ctx, found, slices.Concat(definitionDifferences(have, want), renamed(hasNames, wantNames)), DriftError{
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

// definitions are what a database has beside its tables, by what it is, without
// the parts of extensions; and what is wrong with tables and indexes for as long
// as it lasts.
func definitions(ctx context.Context, db schema.ExecQuerier) (map[string]string, error) {
	var name, definition string
	found := make(map[string]string)
	err := eachRow(ctx, db, `
WITH home AS (SELECT quote_ident(current_schema())::regnamespace AS oid),
relation AS (
  SELECT c.oid, c.relname, c.relkind, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity
  FROM pg_class c JOIN home ON home.oid = c.relnamespace
)
SELECT CASE c.relkind WHEN 'm' THEN 'materialized view ' ELSE 'view ' END || c.relname, pg_get_viewdef(c.oid)
FROM relation c
WHERE c.relkind IN ('v', 'm')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
UNION ALL
SELECT 'function ' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', pg_get_functiondef(p.oid)
FROM pg_proc p JOIN home ON home.oid = p.pronamespace
WHERE p.prokind IN ('f', 'p')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
UNION ALL
SELECT 'trigger ' || t.tgname || ' on ' || c.relname, pg_get_triggerdef(t.oid)
FROM pg_trigger t JOIN relation c ON c.oid = t.tgrelid
WHERE NOT t.tgisinternal AND t.tgparentid = 0
UNION ALL
SELECT CASE t.tgenabled WHEN 'D' THEN 'disabled' WHEN 'A' THEN 'always enabled' ELSE 'for replicas enabled' END || ' trigger ' ||
  CASE WHEN t.tgisinternal THEN 'of the foreign key ' || coalesce(k.conname, t.tgname) ELSE t.tgname END || ' on ' || c.relname, ''
FROM pg_trigger t JOIN relation c ON c.oid = t.tgrelid LEFT JOIN pg_constraint k ON k.oid = t.tgconstraint
WHERE t.tgenabled <> 'O'
UNION ALL
SELECT 'rule ' || r.rulename || ' on ' || c.relname, pg_get_ruledef(r.oid) || ' enabled: ' || r.ev_enabled::text
FROM pg_rewrite r JOIN relation c ON c.oid = r.ev_class
WHERE r.rulename <> '_RETURN'
UNION ALL
SELECT 'row-level security of ' || c.relname, CASE WHEN c.relforcerowsecurity THEN 'forced' ELSE '' END
FROM relation c WHERE c.relrowsecurity
UNION ALL
SELECT 'policy ' || p.polname || ' on ' || c.relname, concat_ws(' ', p.polpermissive, p.polcmd, p.polroles::regrole[],
  pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid))
FROM pg_policy p JOIN relation c ON c.oid = p.polrelid
UNION ALL
SELECT 'unlogged table ' || c.relname, ''
FROM relation c WHERE c.relpersistence = 'u' AND c.relkind IN ('r', 'p')
UNION ALL
SELECT 'sequence ' || c.relname, concat_ws(' ', s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle)
FROM pg_sequence s JOIN relation c ON c.oid = s.seqrelid
UNION ALL
SELECT 'constraint ' || k.conname || ' of ' || c.relname || ', which is not validated,', pg_get_constraintdef(k.oid)
FROM pg_constraint k JOIN relation c ON c.oid = k.conrelid
WHERE NOT k.convalidated
UNION ALL
SELECT 'invalid index ' || c.relname, pg_get_indexdef(c.oid)
FROM pg_index i JOIN relation c ON c.oid = i.indexrelid
WHERE NOT i.indisvalid`, []any{&name, &definition}, func() { found[name] = strings.TrimSpace(definition) })
	if err != nil {
		return nil, fmt.Errorf("error reading views and functions: %w", err)
	}
	return found, nil
}

// objectNames are the names of indexes and constraints by what they are, which
// is all that Atlas compares. Those of partitions follow from the table's.
func objectNames(ctx context.Context, db schema.ExecQuerier) (map[string]string, error) {
	var what, name string
	found := map[string]string{}
	err := eachRow(ctx, db, `
WITH relation AS (
  SELECT c.oid, c.relname FROM pg_class c
  WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND NOT c.relispartition
)
SELECT 'index of ' || t.relname || ' ' || regexp_replace(pg_get_indexdef(i.indexrelid), '^CREATE( UNIQUE)? INDEX .*? ON (ONLY )?', '\1'), c.relname
FROM pg_index i JOIN relation c ON c.oid = i.indexrelid JOIN relation t ON t.oid = i.indrelid
UNION ALL
SELECT 'constraint of ' || t.relname || ' ' || pg_get_constraintdef(k.oid), k.conname
FROM pg_constraint k JOIN relation t ON t.oid = k.conrelid
WHERE k.contype IN ('c', 'f') AND k.convalidated`, []any{&what, &name}, func() { found[what] = name })
	if err != nil {
		return nil, fmt.Errorf("error reading the names of indexes: %w", err)
	}
	return found, nil
}

// renamed are the differences in names. What only one side has is a difference
// that Atlas finds.
func renamed(have, want map[string]string) (found []string) {
	for _, what := range slices.Sorted(maps.Keys(want)) {
		if name, ok := have[what]; ok && name != want[what] {
			kind, _, _ := strings.Cut(what, " ")
			found = append(found, fmt.Sprintf("%s %s is named %s", kind, want[what], name))
		}
	}
	return found
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
