package rows

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// What says nothing of the table: that it has such a row, which the migration
// made, and that a check does not want the values that were made up.
const uniqueViolation, checkViolation = "23505", "23514"

// Exercise inserts, updates and deletes two rows of every table, one with and
// one without what may be null, and returns what the database refused, a line
// each. Nothing is left: all of it is in a transaction that is rolled back.
func Exercise(ctx context.Context, db *sql.DB) (refused []string, err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("error beginning transaction: %w", err)
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	tables, err := readTables(ctx, tx)
	if err != nil {
		return nil, err
	}
	try := func(what string, table *filled, statement string, args ...any) (done bool, err error) {
		if _, err := tx.ExecContext(ctx, "SAVEPOINT exercise"); err != nil {
			return false, fmt.Errorf("error exercising the tables: %w", err)
		}
		_, failed := tx.ExecContext(ctx, statement, args...)
		if failed == nil {
			_, failed = tx.ExecContext(ctx, "SET CONSTRAINTS ALL IMMEDIATE")
		}
		if failed == nil {
			return true, nil
		}
		if pg, ok := errors.AsType[*pgconn.PgError](failed); !ok || pg.Code != uniqueViolation && pg.Code != checkViolation {
			refused = append(refused, fmt.Sprintf("%s of %s fails: %v", what, table.name, failed))
		}
		if _, err := tx.ExecContext(ctx, "ROLLBACK TO SAVEPOINT exercise"); err != nil {
			return false, fmt.Errorf("error exercising the tables: %w", err)
		}
		return false, nil
	}
	const some = 2
	var filled []*filled
	for _, table := range inOrder(tables) {
		if err := table.partition(ctx, tx); err != nil {
			return nil, err
		}
		insert, err := table.insert(FillOptions{Few: some})
		if err != nil {
			return nil, fmt.Errorf("error making a row of %s: %w", table.name, err)
		}
		done, err := try("an INSERT", table, insert, 1, some)
		if err != nil {
			return nil, err
		}
		if done {
			filled = append(filled, table)
		}
	}
	for _, table := range slices.Backward(filled) {
		assignments := make([]string, len(table.columns))
		for i, column := range table.columns {
			assignments[i] = fmt.Sprintf("%[1]q = %[1]q", column.name)
		}
		update, remove := fmt.Sprintf("UPDATE %q SET %s", table.name, strings.Join(assignments, ", ")), fmt.Sprintf("DELETE FROM %q", table.name)
		if _, err := try("an UPDATE", table, update); err != nil {
			return nil, err
		}
		if _, err := try("a DELETE", table, remove); err != nil {
			return nil, err
		}
	}
	return refused, nil
}
