package atlas

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/schema"
)

// RenameError says that a column or a table seems to have been renamed, which
// drops it with all that it holds and breaks the binary that runs.
type RenameError struct {
	Table, From, To, Type string // Table is empty where tables are renamed
}

func (e *RenameError) Error() string {
	if e.Table == "" {
		return fmt.Sprintf(`table %[1]s goes and table %[2]s comes with the same columns: renamed, it would lose every row. Nothing was written.
  Keep the name: TableName() returns %[1]q, whatever the struct is called.
  If they have nothing to do with each other, add %[2]s first, and drop %[1]s in a later migration named contract_…`, e.From, e.To)
	}
	return fmt.Sprintf(`column %[2]s of %[1]s goes and %[3]s comes with the same type: renamed, every value would be lost, and the binary that runs would break. Nothing was written.
  1. Expand: keep both fields; the binary writes both and reads %[2]s. Run diff again, and add to the migration, with what undoes it in its rollback:
       CREATE FUNCTION keep_%[3]s() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN NEW.%[3]s := COALESCE(NEW.%[3]s, NEW.%[2]s); RETURN NEW; END $$;
       CREATE TRIGGER keep_%[3]s BEFORE INSERT OR UPDATE ON %[1]s FOR EACH ROW EXECUTE FUNCTION keep_%[3]s();
  2. Fill, with psql, in batches:
%[4]s
     The next binary reads %[3]s.
  3. Contract, once no binary reads %[2]s: take its field out, and name the migration contract_%[2]s; it drops the trigger and the function first.
  If they have nothing to do with each other, add %[3]s first, and drop %[2]s in a later migration named contract_….`,
		e.Table, e.From, e.To, indent(Fill(e.Table, fmt.Sprintf("%[1]s = %[2]s", e.To, e.From), fmt.Sprintf("%[1]s IS NULL AND %[2]s IS NOT NULL", e.To, e.From)), "       "))
}

func indent(text, by string) string {
	return by + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+by)
}

// Fill returns the statement that sets columns of a table where a condition
// holds, in batches, each a transaction of its own, so that no row is locked for
// longer than its batch. It must not run in a transaction, can be stopped, and
// goes on when it is run again.
func Fill(table, set, where string) string {
	return fmt.Sprintf(`DO $$
DECLARE
  block bigint := 0;
  blocks bigint := (
    SELECT max(pg_relation_size(oid)) / current_setting('block_size')::bigint
    FROM (SELECT relid::oid AS oid FROM pg_partition_tree('%[1]s') UNION SELECT '%[1]s'::regclass) AS parts);
BEGIN
  WHILE block <= blocks LOOP
    UPDATE %[1]s SET %[2]s
    WHERE ctid >= format('(%%s,0)', block)::tid AND ctid < format('(%%s,0)', block + 500)::tid
      AND %[3]s;
    COMMIT;
    block := block + 500;
  END LOOP;
END $$;
`, table, set, where)
}

// refuseRenames returns a *RenameError where something goes and its like comes.
func refuseRenames(changes []schema.Change) error {
	var gone []*schema.Table
	for _, change := range changes {
		if drop, ok := change.(*schema.DropTable); ok {
			gone = append(gone, drop.T)
		}
	}
	for _, change := range changes {
		switch c := change.(type) {
		case *schema.AddTable:
			for _, table := range gone {
				if sameColumns(table, c.T) {
					return &RenameError{From: table.Name, To: c.T.Name}
				}
			}
		case *schema.ModifyTable:
			if err := refuseRenamedColumns(c); err != nil {
				return err
			}
		}
	}
	return nil
}

func sameColumns(a, b *schema.Table) bool {
	names := func(t *schema.Table) (names []string) {
		for _, c := range t.Columns {
			names = append(names, c.Name+" "+c.Type.Raw)
		}
		slices.Sort(names)
		return names
	}
	return slices.Equal(names(a), names(b))
}

func refuseRenamedColumns(modify *schema.ModifyTable) error {
	for _, change := range modify.Changes {
		drop, ok := change.(*schema.DropColumn)
		if !ok {
			continue
		}
		for _, change := range modify.Changes {
			if add, ok := change.(*schema.AddColumn); ok && reflect.DeepEqual(add.C.Type.Type, drop.C.Type.Type) {
				return &RenameError{Table: modify.T.Name, From: drop.C.Name, To: add.C.Name, Type: drop.C.Type.Raw}
			}
		}
	}
	return nil
}

// dropUsers puts in front of the statements that drop columns those that drop the
// triggers whose functions name one of them: they come back with the rollback. A
// function that others may call is named in the comment instead.
func dropUsers(planned *migrate.Plan, changes []schema.Change, functions []function) {
	var before []*migrate.Change
	for _, f := range functions {
		var named []string // by the table
		for _, change := range changes {
			modify, ok := change.(*schema.ModifyTable)
			if !ok {
				continue
			}
			for _, c := range modify.Changes {
				if column, ok := c.(*schema.DropColumn); ok && f.names(modify.T.Name, column.C.Name) {
					named = append(named, modify.T.Name)
				}
			}
		}
		if len(named) == 0 {
			continue
		}
		if len(f.triggers) == 0 || slices.ContainsFunc(f.triggers, func(t trigger) bool { return !slices.Contains(named, t.table) }) {
			planned.Changes[0].Comment += fmt.Sprintf("; %s names what goes: drop or replace it in this file", f.name)
			continue
		}
		for _, t := range f.triggers {
			before = append(before, &migrate.Change{
				Cmd: fmt.Sprintf("DROP TRIGGER %q ON %q", t.name, t.table), Comment: fmt.Sprintf("drop trigger %q, which uses what goes", t.name), Reverse: t.body,
			})
		}
		before = append(before, &migrate.Change{Cmd: "DROP " + f.name, Comment: fmt.Sprintf("drop %s, which names what goes", f.name), Reverse: f.body})
	}
	planned.Changes = append(before, planned.Changes...)
}
