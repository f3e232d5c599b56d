package atlas

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/schema"
)

// extraColumn is the column in which a table keeps the members of payloads that
// have no column of their own.
const extraColumn = "extra"

// memberMove is how the member of a payload becomes the value of a column, and
// back. In its expressions %[1]s is the name of both.
type memberMove struct{ condition, value, back string }

// Within these bounds no cast of a jsonb number fails. A cast must not be tried
// outside of its CASE: the order of ANDs is the planner's.
const (
	asText    = `jsonb_typeof(extra -> '%[1]s') = 'string'`
	asBoolean = `jsonb_typeof(extra -> '%[1]s') = 'boolean'`
	asNumber  = `CASE jsonb_typeof(extra -> '%[1]s') WHEN 'number' THEN (extra ->> '%[1]s')::numeric `
	asDouble  = asNumber + `= 0 OR abs((extra ->> '%[1]s')::numeric) BETWEEN 1e-300 AND 1e300 ELSE FALSE END`
	asInteger = asNumber + `BETWEEN %[2]s AND (extra ->> '%[1]s')::numeric = trunc((extra ->> '%[1]s')::numeric) ELSE FALSE END`
	asTime    = asNumber + `BETWEEN 0 AND 253402300799 ELSE FALSE END
      AND CASE jsonb_typeof(extra -> '%[1]s') WHEN 'number' THEN
        extract(epoch FROM to_timestamp(least((extra ->> '%[1]s')::numeric, 253402300799)::float8))::float8 = (extra ->> '%[1]s')::numeric::float8 ELSE FALSE END`
)

// moveOf is the move of a member for a type of columns; ok is false for a type
// that no member is moved to.
func moveOf(columnType string) (m memberMove, ok bool) {
	integer := func(bounds string) memberMove {
		return memberMove{strings.ReplaceAll(asInteger, "%[2]s", bounds), `(extra ->> '%[1]s')::numeric::` + columnType, `%[1]s`}
	}
	switch columnType {
	case "text":
		return memberMove{asText, `extra ->> '%[1]s'`, `%[1]s`}, true
	case "boolean":
		return memberMove{asBoolean, `(extra ->> '%[1]s')::boolean`, `%[1]s`}, true
	case "double precision":
		return memberMove{asDouble, `(extra ->> '%[1]s')::float8`, `%[1]s`}, true
	case "integer":
		return integer("-2147483648 AND 2147483647"), true
	case "bigint":
		return integer("-9223372036854775808 AND 9223372036854775807"), true
	case "jsonb":
		return memberMove{`extra ? '%[1]s'`, `extra -> '%[1]s'`, `%[1]s`}, true
	case "timestamptz", "timestamp with time zone":
		return memberMove{asTime, `to_timestamp((extra ->> '%[1]s')::float8)`, `extract(epoch FROM %[1]s)::float8`}, true
	}
	return memberMove{}, false
}

// newMembers lists the nullable columns that changes add to tables that were there
// with an extra column, by table.
func newMembers(changes []schema.Change) (tables []string, columns map[string][]*schema.Column) {
	columns = make(map[string][]*schema.Column)
	for _, change := range changes {
		modify, ok := change.(*schema.ModifyTable)
		if !ok {
			continue
		}
		var added []*schema.Column
		hadExtra := false
		for _, column := range modify.T.Columns {
			isNew := slices.ContainsFunc(modify.Changes, func(c schema.Change) bool {
				add, ok := c.(*schema.AddColumn)
				return ok && add.C.Name == column.Name
			})
			switch {
			case isNew && column.Type.Null:
				added = append(added, column)
			case !isNew && column.Name == extraColumn:
				hadExtra = true
			}
		}
		if hadExtra && len(added) > 0 {
			tables, columns[modify.T.Name] = append(tables, modify.T.Name), added
		}
	}
	return tables, columns
}

// planMoves plans what fills new columns from the members of their names that
// clients have sent before. They stay in extra too, from where a binary answers
// that does not know the column; the way back puts there what it lacks.
func planMoves(changes []schema.Change) *migrate.Plan {
	planned := &migrate.Plan{}
	tables, columns := newMembers(changes)
	for _, table := range tables {
		for _, column := range columns[table] {
			move, ok := moveOf(column.Type.Raw)
			if !ok {
				continue
			}
			named := func(format string) string { return strings.ReplaceAll(format, "%[1]s", column.Name) }
			planned.Changes = append(planned.Changes, &migrate.Change{
				Comment: fmt.Sprintf("fill column %q of %q from the member of that name in extra, in batches", column.Name, table),
				Cmd:     statement(Fill(table, column.Name+" = "+named(move.value), column.Name+" IS NULL AND "+named(move.condition))),
				Reverse: statement(Fill(table, named("extra = COALESCE(extra, '{}') || jsonb_build_object('%[1]s', "+move.back+")"),
					named("%[1]s IS NOT NULL AND NOT COALESCE(extra ? '%[1]s', FALSE)"))),
			})
		}
	}
	return planned
}

func statement(text string) string { return strings.TrimSuffix(strings.TrimSpace(text), ";") }

// unmoved looks for new columns of the names of members which no statement of this
// file or a later one fills from extra.
func (f *linted) unmoved() error {
	for _, change := range f.atlas.Changes {
		tables, columns := newMembers(change.Changes)
		for _, table := range tables {
			for _, column := range columns[table] {
				if !slices.Contains(f.members, column.Name) {
					continue
				}
				moved, err := f.isMoved(table, column.Name)
				if err != nil {
					return err
				}
				if !moved {
					f.findf(RuleUnmoved, lineOf(f.file, change.Stmt), "it adds column %q to %q, and nothing fills it from the member that rows have in extra", column.Name, table)
				}
			}
		}
	}
	return nil
}

func (f *linted) isMoved(table, column string) (bool, error) {
	fills := regexp.MustCompile(`(?is)\bUPDATE\s+(ONLY\s+)?"?` + regexp.QuoteMeta(table) + `"?\s[^;]*\bSET\b[^;]*\b` + regexp.QuoteMeta(column) + `"?\s*=[^;]*\b` + extraColumn + `\b`)
	for _, file := range f.following {
		statements, err := migrate.FileStmtDecls(f.session.driver, file)
		if err != nil {
			return false, fmt.Errorf("error reading the statements of %s: %w", file.Name(), err)
		}
		if slices.ContainsFunc(statements, func(s *migrate.Stmt) bool { return fills.MatchString(s.Text) }) {
			return true, nil
		}
	}
	return false, nil
}
