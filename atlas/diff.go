package atlas

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/schema"
)

// versionLayout is the form of a version: a UTC time.
const versionLayout = "20060102150405"

// DiffParams say what Diff compares and where it writes.
type DiffParams struct {
	Scratch    Scratch
	Migrations string // directory of the migration files, which is written to
	Rollbacks  string // directory of the files that undo them, which is written to
	Schema     string // the wanted schema, as Schema prints it
	Name       string // what the migration does, in words joined by underscores
	Now        time.Time
}

// Diff writes the migration that leads from what the migration files build to
// the wanted schema, with the rollback that undoes it, rewrites atlas.sum, and
// returns the names of the migrations it wrote: none when there is no
// difference. Two things come in files of their own, outside a transaction: what
// fills new columns from the members in extra, in batches, and new indexes on
// existing tables, which are built concurrently.
//
// Partitions, views and functions appear on neither side, but for the triggers
// that use a column that goes: they go before it and come back after it. What
// looks like a rename is a *RenameError.
func Diff(ctx context.Context, params DiffParams) ([]string, error) {
	if !migrationName.MatchString(params.Name) {
		return nil, &NameError{Name: params.Name}
	}
	files := os.DirFS(params.Migrations)
	if err := Validate(files); err != nil {
		return nil, err
	}
	var functions []function
	replayed := func(ctx context.Context, db *sql.DB) error {
		if err := replay(files, "")(ctx, db); err != nil {
			return err
		}
		var err error
		functions, err = readFunctions(ctx, db)
		return err
	}
	found, err := between(ctx, params.Scratch, replayed, realize(params.Schema))
	if err != nil {
		return nil, err
	}
	if err := refuseRenames(found); err != nil {
		return nil, err
	}
	dir, err := migrate.NewLocalDir(params.Migrations)
	if err != nil {
		return nil, fmt.Errorf("error opening the migration directory: %w", err)
	}
	version, err := nextVersion(dir, params.Now)
	if err != nil {
		return nil, err
	}

	var plans []*migrate.Plan
	tables, indexes := splitIndexes(found)
	write := func(planned *migrate.Plan, name string, directives ...string) {
		planned.Name, planned.Directives = name, directives
		planned.Version = version.Add(time.Duration(len(plans)) * time.Second).Format(versionLayout)
		plans = append(plans, planned)
	}
	add := func(changes []schema.Change, name string, directives ...string) error {
		if len(changes) == 0 {
			return nil
		}
		planned, err := plan(ctx, changes)
		if err != nil {
			return err
		}
		dropUsers(planned, changes, functions)
		write(planned, name, directives...)
		return nil
	}
	if err := add(tables, params.Name); err != nil {
		return nil, err
	}
	if moves := planMoves(tables); len(moves.Changes) > 0 {
		write(moves, params.Name+"_from_extra", "-- atlas:txmode none")
	}
	// Two files need two names, and what is named after its indexes needs no more.
	ofIndexes := params.Name
	if len(plans) > 0 {
		ofIndexes += "_indexes"
	}
	if err := add(indexes, ofIndexes, "-- atlas:txmode none"); err != nil {
		return nil, err
	}
	return writePlans(dir, params, plans)
}

// writePlans writes the rollbacks first: a migration without one is what must
// not be left behind.
func writePlans(dir *migrate.LocalDir, params DiffParams, plans []*migrate.Plan) ([]string, error) {
	var written []string
	for _, planned := range plans {
		file, err := migrate.DefaultFormatter.FormatFile(planned)
		if err != nil {
			return written, fmt.Errorf("error laying out migration %s: %w", planned.Name, err)
		}
		undo, err := rollbackOf(planned, file.Name())
		if err != nil {
			return written, err
		}
		if err := os.WriteFile(filepath.Join(params.Rollbacks, file.Name()), undo, 0o644); err != nil { //nolint:gosec // source code, read by everybody
			return written, fmt.Errorf("error writing the rollback of %s: %w", file.Name(), err)
		}
		if err := dir.WriteFile(file.Name(), file.Bytes()); err != nil {
			return written, fmt.Errorf("error writing migration %s: %w", file.Name(), err)
		}
		written = append(written, file.Name())
	}
	if len(written) == 0 {
		return nil, nil
	}
	return written, WriteSum(params.Migrations)
}

// byHand marks in a rollback what no tool can undo.
const byHand = "Write by hand how to undo"

// rollbackOf is the text of the file that undoes a plan, last change first.
func rollbackOf(planned *migrate.Plan, name string) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "-- Undoes %s.\n", name)
	for _, directive := range planned.Directives {
		fmt.Fprintln(&b, directive)
	}
	b.WriteByte('\n')
	for _, change := range slices.Backward(planned.Changes) {
		statements, err := change.ReverseStmts()
		if err != nil {
			return nil, fmt.Errorf("error planning the rollback of %s: %w", name, err)
		}
		if len(statements) == 0 {
			fmt.Fprintf(&b, "-- %s: %s\n", byHand, change.Comment)
		}
		for _, statement := range statements {
			fmt.Fprintf(&b, "%s;\n", statement)
		}
	}
	return b.Bytes(), nil
}

// nextVersion is now, or, where the newest file is not older (a fast hand, or a
// clock that went back), the second after it.
func nextVersion(dir migrate.Dir, now time.Time) (time.Time, error) {
	files, err := dir.Files()
	if err != nil {
		return time.Time{}, fmt.Errorf("error listing the migration files: %w", err)
	}
	next := now.UTC().Truncate(time.Second)
	if len(files) == 0 {
		return next, nil
	}
	newest, err := time.Parse(versionLayout, files[len(files)-1].Version())
	if err != nil {
		return time.Time{}, fmt.Errorf("error reading the version of %s: %w", files[len(files)-1].Name(), err)
	}
	if !next.After(newest) {
		next = newest.Add(time.Second)
	}
	return next, nil
}

var migrationName = regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*$`)

// NameError says that a migration cannot be named like this.
type NameError struct{ Name string }

func (e *NameError) Error() string {
	return fmt.Sprintf("%q cannot name a migration: use lower-case words and digits joined by underscores, such as add_trade_fees", e.Name)
}
