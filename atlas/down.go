package atlas

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/schema"
)

// Down undoes the newest migration of the database with the file of the same
// name among the rollbacks, and forgets it, so that Apply would run it again.
// It runs in a transaction unless the file says "-- atlas:txmode none". On a
// database without history it does nothing.
//
// Errors: *SumError, *LockedError, *NoWayBackError, *StatementError, or that of
// the connection.
func (m *Migrator) Down(ctx context.Context) (Report, error) {
	if _, err := openDir(m.opts.Migrations); err != nil {
		return Report{}, err
	}
	s, err := m.lockedSession(ctx)
	if err != nil {
		return Report{}, err
	}
	defer s.close()

	history := revisions{s.conn}
	exists, err := history.exists(ctx)
	if err != nil {
		return Report{}, err
	}
	if !exists {
		return Report{Files: []Step{}}, nil
	}
	applied, err := history.ReadRevisions(ctx)
	if err != nil {
		return Report{}, err
	}
	if len(applied) == 0 {
		return Report{Files: []Step{}}, nil
	}
	newest := applied[len(applied)-1]
	report := Report{From: newest.Version, To: newest.Version, Files: []Step{}}
	step, err := m.undo(ctx, s, newest)
	if err != nil {
		m.opts.Logger.ErrorContext(ctx, "rollback failed", "version", newest.Version, "error", err)
		return report, err
	}
	m.opts.Logger.InfoContext(ctx, "migration undone", "file", step.File, "statements", step.Statements, "took", step.Took)
	report.Files = []Step{step}
	report.To = ""
	if len(applied) > 1 {
		report.To = applied[len(applied)-2].Version
	}
	return report, nil
}

func (m *Migrator) undo(ctx context.Context, s *session, revision *migrate.Revision) (Step, error) {
	begin := time.Now()
	if revision.Applied < revision.Total {
		return Step{}, &NoWayBackError{Version: revision.Version, Reason: "it is applied in part; mend it and apply it to its end first"}
	}
	file, err := m.rollback(revision)
	if err != nil {
		return Step{}, err
	}
	inTx, err := transactional(file)
	if err != nil {
		return Step{}, err
	}
	statements, err := migrate.FileStmtDecls(s.driver, file)
	if err != nil {
		return Step{}, fmt.Errorf("error reading the statements of %s: %w", file.Name(), err)
	}
	run := func(db schema.ExecQuerier) error {
		if err := runStatements(ctx, db, file, statements, inTx); err != nil {
			return err
		}
		return revisions{db}.DeleteRevision(ctx, revision.Version)
	}
	if inTx {
		err = s.inTx(ctx, func(tx *sql.Tx, _ migrate.Driver) error { return run(tx) })
	} else {
		err = run(s.conn)
	}
	if err != nil {
		return Step{}, err
	}
	return Step{File: file.Name(), Statements: len(statements), Took: time.Since(begin)}, nil
}

// rollback is the file that undoes a migration.
func (m *Migrator) rollback(revision *migrate.Revision) (*migrate.LocalFile, error) {
	name := fmt.Sprintf("%s_%s.sql", revision.Version, revision.Description)
	content, err := fs.ReadFile(m.opts.Rollbacks, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &NoWayBackError{Version: revision.Version, Reason: fmt.Sprintf("this binary has no rollback file %s", name)}
	}
	if err != nil {
		return nil, fmt.Errorf("error reading rollback file %s: %w", name, err)
	}
	return migrate.NewLocalFile(name, content), nil
}
