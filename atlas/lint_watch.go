package atlas

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlcheck"
	"ariga.io/atlas/sql/sqlcheck/datadepend"
	"ariga.io/atlas/sql/sqlcheck/destructive"
	"ariga.io/atlas/sql/sqlcheck/incompatible"
)

// watch looks at what one statement did.
func (f *linted) watch(ctx context.Context, db schema.ExecQuerier, statement *migrate.Stmt, inside bool) error {
	line := lineOf(f.file, statement)
	after, err := readCatalog(ctx, db)
	if err != nil {
		return err
	}
	if inside {
		if err := f.watchLocks(ctx, db, line, statement); err != nil {
			return err
		}
		f.watchIndexes(line, after)
	}
	f.watchTables(line, statement, after)
	f.watchConstraints(line, after)

	next, _, err := inspect(ctx, db)
	if err != nil {
		return err
	}
	found, err := f.driver.SchemaDiff(f.schema, next)
	if err != nil {
		return fmt.Errorf("error comparing two schemas: %w", err)
	}
	found = renames(found, f.now, after)
	f.watchTypes(line, found)
	f.atlas.Changes = append(f.atlas.Changes, &sqlcheck.Change{Changes: found, Stmt: statement})

	have, err := definitions(ctx, db)
	if err != nil {
		return err
	}
	for name := range f.views {
		if _, ok := have[name]; !ok && f.gone[name] == 0 {
			f.gone[name] = line
		}
	}
	f.now, f.schema = after, next
	return nil
}

// watchLocks looks at what a statement locked that was there before its file.
func (f *linted) watchLocks(ctx context.Context, db schema.ExecQuerier, line int, statement *migrate.Stmt) error {
	var timeout string
	if err := queryRow(ctx, db, `SELECT current_setting('lock_timeout')`, &timeout); err != nil {
		return fmt.Errorf("error reading lock_timeout: %w", err)
	}
	taken, err := readLocks(ctx, db)
	if err != nil {
		return err
	}
	for _, oid := range slices.Sorted(maps.Keys(taken)) {
		relation, old := f.before.relations[oid]
		if !old || relation.parent != 0 {
			continue
		}
		modes := taken[oid]
		if blocking := modes.blocking(); blocking != "" && !f.held[oid][blocking] && timeout == "0" {
			f.findf(RuleLockTimeout, line, "it takes %s on %q without lock_timeout", blocking, relation.name)
		}
		if !modes[rowExclusive] || !changesRows.MatchString(notChanges.ReplaceAllString(statement.Text, "")) {
			continue
		}
		if deletesRows.MatchString(statement.Text) {
			f.findf(RuleDestructive, line, "it deletes rows of %q", relation.name)
		} else {
			f.findf(RuleDataDepend, line, "it changes rows of %q in one transaction, however many there are", relation.name)
		}
	}
	if whole, err := transactional(f.file); err == nil && whole {
		f.held = taken
	}
	return nil
}

var (
	notChanges  = regexp.MustCompile(`(?i)\b(ON|DO|FOR|NO\s+KEY|BEFORE|AFTER)\s+(UPDATE|DELETE)\b`)
	changesRows = regexp.MustCompile(`(?i)\b(UPDATE|DELETE|MERGE)\b`)
	deletesRows = regexp.MustCompile(`(?i)\bDELETE\s+FROM\b`)
	truncates   = regexp.MustCompile(`(?i)^\s*TRUNCATE\b`)
)

// watchIndexes looks for indexes that were built while writers waited.
func (f *linted) watchIndexes(line int, after catalog) {
	for oid, index := range after.indexes {
		table, old := f.before.relations[index.table]
		_, known := f.now.indexes[oid]
		if known || !old || table.kind == partitionedTable {
			// The index of a partitioned table is made of those of its partitions.
			continue
		}
		if table.parent != 0 {
			table = f.before.relations[table.parent]
		}
		f.findf(RuleConcurrentIndex, line, "it builds an index on %q while nobody can write to it", table.name)
	}
}

func (f *linted) watchTables(line int, statement *migrate.Stmt, after catalog) {
	for oid, was := range f.before.relations {
		is, ok := after.relations[oid]
		if !ok || was.kind != ordinaryTable || is.file == f.now.relations[oid].file {
			continue
		}
		if was.parent != 0 {
			was = f.before.relations[was.parent]
		}
		if truncates.MatchString(statement.Text) {
			f.findf(RuleDestructive, line, "it deletes every row of %q", was.name)
		} else {
			f.findf(RuleRewrite, line, "it writes %q anew while nobody can read it", was.name)
		}
	}
}

// watchConstraints looks for checks and foreign keys that every row has to pass
// while the table is locked.
func (f *linted) watchConstraints(line int, after catalog) {
	for oid, constraint := range after.constraints {
		table, old := f.before.relations[constraint.table]
		if _, known := f.now.constraints[oid]; known || !old || !constraint.valid || table.parent != 0 {
			continue
		}
		f.findf(RuleDataDepend, line, "the constraint %q is checked against every row of %q while it is locked: add it NOT VALID, and validate it in a later file", constraint.name, table.name)
	}
}

func (f *linted) watchTypes(line int, found []schema.Change) {
	for _, change := range found {
		modify, ok := change.(*schema.ModifyTable)
		if !ok || !f.before.hasTable(modify.T.Name) {
			continue
		}
		for _, c := range modify.Changes {
			column, ok := c.(*schema.ModifyColumn)
			if ok && column.Change.Is(schema.ChangeType) && f.before.hasColumn(modify.T.Name, column.From.Name) {
				f.findf(RuleIncompatible, line, "Changing the type of column %q from %s to %s", column.From.Name, column.From.Type.Raw, column.To.Type.Raw)
			}
		}
	}
}

// dropped looks for views and functions that are gone for good.
func (f *linted) dropped(ctx context.Context) error {
	have, err := definitions(ctx, f.db)
	if err != nil {
		return err
	}
	for name, line := range f.gone {
		if _, ok := have[name]; !ok {
			f.findf(RuleDestructive, line, "Dropping %s", name)
		}
	}
	return nil
}

// analyze asks the analyzers of Atlas.
func (f *linted) analyze(ctx context.Context) error {
	drops, err := destructive.New(nil)
	if err != nil {
		return err
	}
	breaks, err := incompatible.New(nil)
	if err != nil {
		return err
	}
	depends, err := datadepend.New(nil, datadepend.Handler{AddNotNull: addNotNull, ModifyNotNull: f.modifyNotNull})
	if err != nil {
		return err
	}
	for rule, analyzer := range map[Rule]sqlcheck.Analyzer{
		RuleDestructive: drops, RuleIncompatible: breaks, RuleDataDepend: depends,
	} {
		reported := false
		report := func(r sqlcheck.Report) {
			reported = true
			for _, d := range r.Diagnostics {
				f.findf(rule, lineAt(f.file, d.Pos), "%s", d.Text)
			}
		}
		// It returns an error as well where it has reported something.
		err := analyzer.Analyze(ctx, &sqlcheck.Pass{File: f.atlas, Reporter: sqlcheck.ReportWriterFunc(report)})
		if err != nil && !reported {
			return fmt.Errorf("error analysing %s: %w", f.file.Name(), err)
		}
	}
	return nil
}

// addNotNull checks a new column that may not be null and has no default.
func addNotNull(p *datadepend.ColumnPass) ([]sqlcheck.Diagnostic, error) {
	_, serial := p.Column.Type.Type.(*postgres.SerialType)
	for _, attr := range p.Column.Attrs {
		switch attr.(type) {
		case *postgres.Identity, *schema.GeneratedExpr:
			serial = true
		}
	}
	if serial {
		return nil, nil // it fills itself; what that costs is the rule rewrite
	}
	return []sqlcheck.Diagnostic{{
		Pos:  p.Change.Stmt.Pos,
		Text: fmt.Sprintf("Adding the column %q, NOT NULL and without a default, fails where %q has rows", p.Column.Name, p.Table.Name),
	}}, nil
}

// modifyNotNull checks a column that must no longer be null. A check that is
// valid already spares the database the look at every row.
func (f *linted) modifyNotNull(p *datadepend.ColumnPass) ([]sqlcheck.Diagnostic, error) {
	for _, c := range f.before.constraints {
		if c.valid && f.before.relations[c.table].name == p.Table.Name && c.notNull == p.Column.Name {
			return nil, nil
		}
	}
	return []sqlcheck.Diagnostic{{
		Pos:  p.Change.Stmt.Pos,
		Text: fmt.Sprintf("Making the column %q of %q NOT NULL fails where it is null, and looks at every row under a lock: validate a check (%s IS NOT NULL) first", p.Column.Name, p.Table.Name, p.Column.Name),
	}}, nil
}

// renames makes a rename of what looks like a drop and an addition, by the
// identity that a table and a column have in the database.
func renames(found []schema.Change, before, after catalog) []schema.Change {
	dropped, added := map[string]*schema.DropTable{}, map[string]*schema.AddTable{}
	for _, change := range found {
		switch c := change.(type) {
		case *schema.DropTable:
			dropped[c.T.Name] = c
		case *schema.AddTable:
			added[c.T.Name] = c
		case *schema.ModifyTable:
			c.Changes = renamedColumns(c, before, after)
		}
	}
	for oid, was := range before.relations {
		is, ok := after.relations[oid]
		from, to := dropped[was.name], added[is.name]
		if !ok || was.name == is.name || from == nil || to == nil {
			continue
		}
		found = slices.DeleteFunc(found, func(c schema.Change) bool { return c == schema.Change(from) || c == schema.Change(to) })
		found = append(found, &schema.RenameTable{From: from.T, To: to.T})
	}
	return found
}

func renamedColumns(modify *schema.ModifyTable, before, after catalog) []schema.Change {
	changes := modify.Changes
	for key, was := range before.columns {
		is, ok := after.columns[key]
		if !ok || was == is || after.relations[key.table].name != modify.T.Name {
			continue
		}
		from, to := schema.Changes(changes).IndexDropColumn(was), schema.Changes(changes).IndexAddColumn(is)
		if from < 0 || to < 0 {
			continue
		}
		gone := []schema.Change{changes[from], changes[to]}
		drop, _ := gone[0].(*schema.DropColumn)
		add, _ := gone[1].(*schema.AddColumn)
		rename := &schema.RenameColumn{From: drop.C, To: add.C}
		changes = append(slices.DeleteFunc(slices.Clone(changes), func(c schema.Change) bool { return slices.Contains(gone, c) }), rename)
	}
	return changes
}

func lineOf(file migrate.File, statement *migrate.Stmt) int { return lineAt(file, statement.Pos) }

func lineAt(file migrate.File, position int) int {
	content := file.Bytes()
	return 1 + strings.Count(string(content[:min(position, len(content))]), "\n")
}
