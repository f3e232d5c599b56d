package atlas

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"slices"
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
	return m.down(ctx, newestOnly)
}

// DownTo undoes every migration that is newer than a version, newest first; the
// version "0" is the empty database. One that the database does not have is a
// *VersionError; the others are those of Down.
func (m *Migrator) DownTo(ctx context.Context, version string) (Report, error) {
	return m.down(ctx, newerThan(version))
}

// DownAsPlanned undoes what PlanDown planned. Where another process has migrated
// since, it undoes nothing and returns a *ChangedError; the others are those of
// Down.
func (m *Migrator) DownAsPlanned(ctx context.Context, planned []Planned) (Report, error) {
	return m.down(ctx, func(applied []*migrate.Revision) ([]*migrate.Revision, error) {
		undo := applied[max(0, len(applied)-len(planned)):]
		for i, revision := range slices.Backward(undo) {
			if name := revision.Version + "_" + revision.Description + ".sql"; name != planned[len(undo)-1-i].File {
				return nil, &ChangedError{Newest: name}
			}
		}
		if len(undo) < len(planned) {
			return nil, &ChangedError{Newest: "none"}
		}
		return undo, nil
	})
}

// selection picks what is undone from what is applied, oldest first.
type selection func(applied []*migrate.Revision) ([]*migrate.Revision, error)

func newestOnly(applied []*migrate.Revision) ([]*migrate.Revision, error) {
	return applied[max(0, len(applied)-1):], nil
}

func newerThan(version string) selection {
	return func(applied []*migrate.Revision) ([]*migrate.Revision, error) {
		if version == "0" {
			return applied, nil
		}
		at := slices.IndexFunc(applied, func(r *migrate.Revision) bool { return r.Version == version })
		if at < 0 {
			e := &VersionError{Version: version, Newest: "0"}
			if len(applied) > 0 {
				e.Newest = applied[len(applied)-1].Version
			}
			return nil, e
		}
		return applied[at+1:], nil
	}
}

func (m *Migrator) down(ctx context.Context, undone selection) (Report, error) {
	if _, err := openDir(m.opts.Migrations); err != nil {
		return Report{}, err
	}
	s, err := m.lockedSession(ctx)
	if err != nil {
		return Report{}, err
	}
	defer s.close()

	applied, err := appliedTo(ctx, s.conn)
	if err != nil {
		return Report{}, err
	}
	report := Report{Files: []Step{}}
	if len(applied) > 0 {
		report.From = applied[len(applied)-1].Version
		report.To = report.From
	}
	undo, err := undone(applied)
	if err != nil {
		return report, err
	}
	for i, revision := range slices.Backward(undo) {
		step, err := m.undo(ctx, s, revision)
		if err != nil {
			m.opts.Logger.ErrorContext(ctx, "rollback failed", "version", revision.Version, "error", err)
			return report, err
		}
		m.opts.Logger.InfoContext(ctx, "migration undone", "file", step.File, "statements", step.Statements, "took", step.Took)
		report.Files = append(report.Files, step)
		report.To = ""
		if before := len(applied) - len(undo) + i; before > 0 {
			report.To = applied[before-1].Version
		}
	}
	return report, nil
}

func (m *Migrator) undo(ctx context.Context, s *session, revision *migrate.Revision) (Step, error) {
	begin := time.Now()
	file, err := m.rollback(revision)
	if err != nil {
		return Step{}, err
	}
	p, err := m.opts.prepare(s.driver, file)
	if err != nil {
		return Step{}, err
	}
	if err := s.limit(ctx, p.limits); err != nil {
		return Step{}, err
	}
	run := func(db schema.ExecQuerier) error {
		if err := p.run(ctx, db); err != nil {
			return err
		}
		return revisions{db}.DeleteRevision(ctx, revision.Version)
	}
	if p.inTx {
		err = s.inTx(ctx, func(tx *sql.Tx, _ migrate.Driver) error { return run(tx) })
	} else {
		err = run(s.conn)
	}
	if err != nil {
		return Step{}, err
	}
	return Step{File: file.Name(), Statements: len(p.statements), Took: time.Since(begin)}, nil
}

// rollback is the file that undoes a migration.
func (m *Migrator) rollback(revision *migrate.Revision) (*migrate.LocalFile, error) {
	if revision.Applied < revision.Total {
		return nil, &NoWayBackError{Version: revision.Version, Reason: "it is applied in part; mend it and apply it to its end first"}
	}
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
