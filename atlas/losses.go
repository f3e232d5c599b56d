package atlas

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strings"
)

const sqlName = `((?:"[^"]+"|[\w$]+)(?:\.(?:"[^"]+"|[\w$]+))?)`

var (
	notStatement = regexp.MustCompile(`(?s)--[^\n]*|/\*.*?\*/|\$\$.*?\$\$|'(?:[^']|'')*'`)
	dropsTables  = regexp.MustCompile(`(?is)^\s*DROP\s+TABLE\s+(?:IF\s+EXISTS\s+)?(.+?)\s*(?:CASCADE|RESTRICT)?\s*;?\s*$`)
	altersTable  = regexp.MustCompile(`(?is)^\s*ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?` + sqlName + `\s(.*)$`)
	dropsColumn  = regexp.MustCompile(`(?is)\bDROP\s+(?:COLUMN\s+)(?:IF\s+EXISTS\s+)?` + sqlName)
	writesTable  = regexp.MustCompile(`(?is)^\s*(?:UPDATE|DELETE\s+FROM|TRUNCATE(?:\s+TABLE)?)\s+(?:ONLY\s+)?` + sqlName)
)

// manyRows is the size of a table from which on its rows are estimated: to count
// them would take minutes.
const manyRows = 5_000_000

// losses are what a statement takes away from a database, with the number of
// rows that it drops, for people to read. It reads the statement's own words, as
// they stand outside of functions.
func losses(ctx context.Context, db *sql.DB, statement string) (found []string, err error) {
	text := notStatement.ReplaceAllString(statement, " ")
	add := func(format, table, column string) error {
		rows, err := countRows(ctx, db, table, column)
		if err == nil && rows != "" {
			found = append(found, fmt.Sprintf(format, strings.ReplaceAll(table, `"`, ""), strings.ReplaceAll(column, `"`, ""), rows))
		}
		return err
	}
	if m := dropsTables.FindStringSubmatch(text); m != nil {
		for table := range strings.SplitSeq(m[1], ",") {
			if err := add("table %[1]s: %[3]s", strings.TrimSpace(table), ""); err != nil {
				return nil, err
			}
		}
	}
	if m := altersTable.FindStringSubmatch(text); m != nil {
		for _, column := range dropsColumn.FindAllStringSubmatch(m[2], -1) {
			if err := add("column %[1]s.%[2]s: %[3]s", m[1], column[1]); err != nil {
				return nil, err
			}
		}
	}
	if m := writesTable.FindStringSubmatch(text); m != nil {
		if err := add("what it changes in table %[1]s%[2]s: of %[3]s", m[1], ""); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// countRows counts the rows of a table, or those that have a value in a column;
// nothing where the database has no such table or column by now.
func countRows(ctx context.Context, db *sql.DB, table, column string) (string, error) {
	var (
		exists   bool
		estimate float64
	)
	err := db.QueryRowContext(ctx, `SELECT to_regclass($1) IS NOT NULL AND ($2 = '' OR EXISTS (
    SELECT FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = trim($2, '"') AND attnum > 0 AND NOT attisdropped)),
  coalesce((SELECT sum(c.reltuples) FROM pg_class c WHERE c.reltuples > 0 AND c.relkind = 'r'
    AND c.oid IN (SELECT to_regclass($1)::oid UNION SELECT relid::oid FROM pg_partition_tree(to_regclass($1)))), 0)`,
		table, column).Scan(&exists, &estimate)
	if err != nil {
		return "", fmt.Errorf("error looking for table %s: %w", table, err)
	}
	if !exists {
		return "", nil
	}
	if estimate > manyRows {
		return fmt.Sprintf("about %.0f rows", estimate), nil
	}
	counted := "*"
	if column != "" {
		counted = column
	}
	var rows int64
	query := fmt.Sprintf(`SELECT count(%s) FROM %s`, counted, table) //nolint:gosec // names from a rollback file
	if err := db.QueryRowContext(ctx, query).Scan(&rows); err != nil {
		return "", fmt.Errorf("error counting the rows of %s: %w", table, err)
	}
	return fmt.Sprintf("%d rows", rows), nil
}
