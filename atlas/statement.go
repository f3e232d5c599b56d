package atlas

import (
	"context"
	"fmt"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/schema"
)

// transactional reports whether a file runs in a transaction: always, unless it
// says otherwise (CREATE INDEX CONCURRENTLY cannot).
func transactional(file migrate.File) (bool, error) {
	local, ok := file.(*migrate.LocalFile)
	if !ok {
		return true, nil
	}
	modes := local.Directive("txmode")
	switch {
	case len(modes) == 0, len(modes) == 1 && modes[0] == "file":
		return true, nil
	case len(modes) == 1 && modes[0] == "none":
		return false, nil
	default:
		return false, fmt.Errorf("%s has the transaction mode %q: use one of \"file\" and \"none\"", file.Name(), modes)
	}
}

// statementError describes the failure of one of a file's statements.
func statementError(file migrate.File, statements []*migrate.Stmt, failed *migrate.Stmt, inTx bool, err error) *StatementError {
	result := &StatementError{
		File:       file.Name(),
		Of:         len(statements),
		Line:       lineOf(file, failed),
		Statement:  failed.Text,
		RolledBack: inTx,
		Err:        err,
	}
	for i, statement := range statements {
		if statement.Pos == failed.Pos {
			result.Number = i + 1
		}
	}
	return result
}

// runStatements runs the statements of a file that no history records.
func runStatements(ctx context.Context, db schema.ExecQuerier, file migrate.File, statements []*migrate.Stmt, inTx bool) error {
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement.Text); err != nil {
			return statementError(file, statements, statement, inTx, err)
		}
	}
	return nil
}
