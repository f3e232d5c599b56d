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

// prepared is a file that is ready to run.
type prepared struct {
	migrate.File

	statements []*migrate.Stmt
	inTx       bool // in one transaction
	limits     limits
}

// prepare reads a file of migrations or rollbacks.
func (o Options) prepare(driver migrate.Driver, file migrate.File) (p prepared, err error) {
	p.File = file
	if p.inTx, err = transactional(file); err != nil {
		return p, err
	}
	if p.limits, err = o.limitsOf(file, p.inTx); err != nil {
		return p, err
	}
	if p.statements, err = migrate.FileStmtDecls(driver, file); err != nil {
		return p, fmt.Errorf("error reading the statements of %s: %w", file.Name(), err)
	}
	return p, nil
}

// failed describes the failure of one of the statements.
func (p prepared) failed(failed *migrate.Stmt, err error) *StatementError {
	result := &StatementError{
		File:       p.Name(),
		Of:         len(p.statements),
		Line:       lineOf(p.File, failed),
		Statement:  failed.Text,
		RolledBack: p.inTx,
		Err:        err,
	}
	for i, statement := range p.statements {
		if statement.Pos == failed.Pos {
			result.Number = i + 1
		}
	}
	return result
}

// run runs the statements; no history records it.
func (p prepared) run(ctx context.Context, db schema.ExecQuerier) error {
	for _, statement := range p.statements {
		if _, err := db.ExecContext(ctx, statement.Text); err != nil {
			return p.failed(statement, err)
		}
	}
	return nil
}
