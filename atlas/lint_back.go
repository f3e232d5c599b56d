package atlas

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/schema"

	"nof0/atlas/rows"
)

// exercise looks for what the file leaves broken: a function that names a
// column that is gone, and tables into which no row goes for whatever reason.
func (f *linted) exercise(ctx context.Context) error {
	functions, err := readFunctions(ctx, f.db)
	if err != nil {
		return err
	}
	for _, key := range slices.SortedFunc(maps.Keys(f.before.columns), func(a, b columnKey) int {
		return strings.Compare(f.before.columns[a], f.before.columns[b])
	}) {
		table, column := f.before.relations[key.table], f.before.columns[key]
		if _, still := f.now.relations[key.table]; !still || table.parent != 0 || f.now.columns[key] != "" {
			continue
		}
		for _, function := range functions {
			if function.names(table.name, column) {
				f.findf(RuleDangling, 0, "it drops column %q of %q, and %s still names it", column, table.name, strings.Replace(function.name, "FUNCTION", "function", 1))
			}
		}
	}
	refused, err := rows.Exercise(ctx, f.db)
	for _, one := range refused {
		f.findf(RuleUnusable, 0, "after it, %s", one)
	}
	return err
}

// function is one that a migration has made, with the triggers that call it.
type function struct {
	name, body string
	triggers   []trigger
}

type trigger struct{ name, table, body string }

// names reports whether the function may use a column: that of a table of its
// triggers, or of one that it names itself.
func (f function) names(table, column string) bool {
	word := func(name string) bool {
		return regexp.MustCompile(`(^|\W)` + regexp.QuoteMeta(name) + `($|\W)`).MatchString(f.body)
	}
	return word(column) && (word(table) || slices.ContainsFunc(f.triggers, func(t trigger) bool { return t.table == table }))
}

// readFunctions reads the functions of the migrations, as statements without the
// name of the schema that make them.
func readFunctions(ctx context.Context, db schema.ExecQuerier) (found []function, err error) {
	var f function
	var home, of string
	var t trigger
	err = eachRow(ctx, db, `
SELECT 'FUNCTION ' || quote_ident(p.proname) || '(' || pg_get_function_identity_arguments(p.oid) || ')', pg_get_functiondef(p.oid), quote_ident(current_schema()) || '.'
FROM pg_proc p
WHERE p.pronamespace = quote_ident(current_schema())::regnamespace AND p.prokind = 'f'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
ORDER BY 1`, []any{&f.name, &f.body, &home}, func() {
		f.body = strings.TrimSpace(strings.Replace(f.body, "FUNCTION "+home, "FUNCTION ", 1))
		found = append(found, f)
	})
	if err == nil {
		err = eachRow(ctx, db, `
SELECT 'FUNCTION ' || quote_ident(p.proname) || '(' || pg_get_function_identity_arguments(p.oid) || ')', t.tgname, c.relname, pg_get_triggerdef(t.oid)
FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND NOT t.tgisinternal AND t.tgparentid = 0
ORDER BY 2, 3`, []any{&of, &t.name, &t.table, &t.body}, func() {
			if i := slices.IndexFunc(found, func(f function) bool { return f.name == of }); i >= 0 {
				t.body = strings.Replace(strings.Replace(t.body, " ON "+home, " ON ", 1), "FUNCTION "+home, "FUNCTION ", 1)
				found[i].triggers = append(found[i].triggers, t)
			}
		})
	}
	if err != nil {
		return nil, fmt.Errorf("error reading functions: %w", err)
	}
	return found, nil
}

// wayBack undoes a file that has just run, looks at what that leads to, and
// runs the file again. Again says that this could be done.
func (l *linter) wayBack(ctx context.Context, rollbacks fs.FS, file migrate.File) (found []Finding, again bool, err error) {
	findf := func(format string, args ...any) {
		found = append(found, RuleRollback.finding(file.Name(), 0, fmt.Sprintf(format, args...)))
	}
	content, err := fs.ReadFile(rollbacks, file.Name())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		findf("there is no rollback")
		return found, true, nil
	case err != nil:
		return nil, false, fmt.Errorf("error reading the rollback of %s: %w", file.Name(), err)
	case strings.Contains(string(content), byHand):
		findf("its rollback still asks for a statement by hand")
		return found, true, nil
	}
	undo := migrate.NewLocalFile(file.Name(), content)
	var failed *StatementError
	switch err := l.skip(ctx, undo); {
	case errors.As(err, &failed):
		findf("its rollback fails: %v", failed)
		inTx, err := transactional(undo)
		return found, inTx, err
	case err != nil:
		return nil, false, err
	}
	after, err := l.state(ctx)
	if err != nil {
		return nil, false, err
	}
	differences, err := l.start.differences(ctx, l.driver, after)
	if err != nil {
		return nil, false, err
	}
	for _, difference := range differences {
		findf("after its rollback the schema is not what it was: %s", difference)
	}
	refused, err := rows.Exercise(ctx, l.db)
	if err != nil {
		return nil, false, err
	}
	for _, one := range refused {
		findf("after its rollback, %s", one)
	}
	switch err := l.skip(ctx, file); {
	case errors.As(err, &failed):
		findf("it does not run again after its rollback: %v", failed)
		return found, false, nil
	case err != nil:
		return nil, false, err
	}
	return found, true, nil
}

// state is what a database has been brought to.
type state struct {
	schema      *schema.Schema
	definitions map[string]string
}

func (l *linter) state(ctx context.Context) (s state, err error) {
	if s.schema, _, err = inspect(ctx, l.db); err != nil {
		return s, err
	}
	s.definitions, err = definitions(ctx, l.db)
	return s, err
}

// differences are what leads from one state to another, for people to read.
func (s state) differences(ctx context.Context, driver migrate.Driver, to state) ([]string, error) {
	found, err := driver.SchemaDiff(to.schema, s.schema)
	if err != nil {
		return nil, fmt.Errorf("error comparing two schemas: %w", err)
	}
	statements, err := statementsOf(ctx, found)
	return slices.Concat(statements, definitionDifferences(to.definitions, s.definitions)), err
}
