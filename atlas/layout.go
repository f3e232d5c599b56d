package atlas

import (
	"slices"
	"strings"
)

// layOut breaks a CREATE TABLE statement into a line per column and constraint,
// so that a review of schema.sql shows the column that changed and not a whole
// table, and sorts the named constraints, which GORM keeps in a map and prints
// in another order each time. Other statements stay as they are.
func layOut(statement string) string {
	if !strings.HasPrefix(statement, "CREATE TABLE") {
		return statement
	}
	head, items, tail := splitTable(statement)
	constraints := slices.IndexFunc(items, isConstraint)
	if constraints >= 0 {
		// They are the last items.
		slices.Sort(items[constraints:])
	}
	return head + "\n  " + strings.Join(items, ",\n  ") + "\n" + tail
}

func isConstraint(item string) bool { return strings.HasPrefix(item, "CONSTRAINT ") }

// splitTable cuts a CREATE TABLE statement into what is before its columns, the
// columns and constraints, and what follows them, parentheses included.
func splitTable(statement string) (head string, items []string, tail string) {
	var (
		depth int
		begin int  // of the current item
		quote rune // the quote that the current text is inside of, or 0
	)
	for at, r := range statement {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case r == '\'' || r == '"':
			quote = r
		case r == '(':
			if depth++; depth == 1 {
				begin = at + 1
				head = statement[:begin]
			}
		case r == ',' && depth == 1:
			items = append(items, statement[begin:at])
			begin = at + 1
		case r == ')':
			if depth--; depth == 0 {
				return head, append(items, statement[begin:at]), statement[at:]
			}
		}
	}
	return head, items, statement[begin:]
}
