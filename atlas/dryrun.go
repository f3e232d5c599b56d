package atlas

import (
	"context"
	"slices"
	"time"

	"ariga.io/atlas/sql/migrate"
)

// Planned is a file as it would run.
type Planned struct {
	File             string        `json:"file"`
	Transaction      bool          `json:"transaction"` // whether all of it happens or nothing
	LockTimeout      time.Duration `json:"lock_timeout_ns"`
	StatementTimeout time.Duration `json:"statement_timeout_ns"` // 0 is without limit
	Done             int           `json:"done"`                 // statements that ran in an attempt before
	Statements       []string      `json:"statements"`           // those that would run
	Loses            []string      `json:"loses,omitempty"`      // what PlanDown's take away for good, with its rows
}

// Plan returns what ApplyTo would run. It changes nothing and takes no lock.
//
// Errors: those of ApplyTo that can be foreseen.
func (m *Migrator) Plan(ctx context.Context, version string) ([]Planned, error) {
	dir, err := openDir(m.opts.Migrations)
	if err != nil {
		return nil, err
	}
	if err := refuseForeign(ctx, revisions{m.db}); err != nil {
		return nil, err
	}
	applied, err := appliedTo(ctx, m.db)
	if err != nil {
		return nil, err
	}
	pending, err := pendingFiles(ctx, dir, readHistory{revisions: applied})
	if err != nil {
		return nil, err
	}
	if pending, err = upTo(dir, pending, version); err != nil {
		return nil, err
	}
	planned := []Planned{}
	for _, file := range pending {
		done := 0
		if i := slices.IndexFunc(applied, func(r *migrate.Revision) bool { return r.Version == file.Version() }); i >= 0 {
			done = applied[i].Applied
		}
		p, err := m.planned(file, done)
		if err != nil {
			return nil, err
		}
		planned = append(planned, p)
	}
	return planned, nil
}

// PlanDown returns what DownTo, or for an empty version Down, would run. It
// changes nothing and takes no lock.
func (m *Migrator) PlanDown(ctx context.Context, version string) ([]Planned, error) {
	applied, err := appliedTo(ctx, m.db)
	if err != nil {
		return nil, err
	}
	undone := newestOnly
	if version != "" {
		undone = newerThan(version)
	}
	undo, err := undone(applied)
	if err != nil {
		return nil, err
	}
	planned := []Planned{}
	for _, revision := range slices.Backward(undo) {
		file, err := m.rollback(revision)
		if err != nil {
			return nil, err
		}
		p, err := m.planned(file, 0)
		if err != nil {
			return nil, err
		}
		for _, statement := range p.Statements {
			lost, err := losses(ctx, m.db, statement)
			if err != nil {
				return nil, err
			}
			p.Loses = append(p.Loses, lost...)
		}
		planned = append(planned, p)
	}
	return planned, nil
}

func (m *Migrator) planned(file migrate.File, done int) (Planned, error) {
	driver, err := openDriver(m.db)
	if err != nil {
		return Planned{}, err
	}
	p, err := m.opts.prepare(driver, file)
	if err != nil {
		return Planned{}, err
	}
	plan := Planned{
		File: file.Name(), Transaction: p.inTx, LockTimeout: p.limits.lock, StatementTimeout: p.limits.statement,
		Done: min(done, len(p.statements)), Statements: []string{},
	}
	for _, statement := range p.statements[plan.Done:] {
		plan.Statements = append(plan.Statements, statement.Text)
	}
	return plan, nil
}
