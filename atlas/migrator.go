package atlas

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"ariga.io/atlas/sql/migrate"
	"github.com/jackc/pgx/v5/pgconn"
)

// Options configure a Migrator. Every field may be left out.
type Options struct {
	Migrations  fs.FS         // migration files and atlas.sum; those of this binary
	Rollbacks   fs.FS         // the files that undo them; those of this binary
	Logger      *slog.Logger  // discards
	LockWait    time.Duration // how long to wait for another migrator; one minute
	LockTimeout time.Duration // how long a statement may wait for a lock; five seconds
	// StatementTimeout bounds a statement of a file that runs in a transaction,
	// where it keeps the locks of all before it; one minute. Both timeouts can
	// be replaced by a file for itself.
	StatementTimeout time.Duration
	Operator         string // who applies, as the history records it; "nof0"
}

// Migrator brings one database to the schema of its migration files.
type Migrator struct {
	db   *sql.DB
	opts Options
}

const defaultLockTimeout = 5 * time.Second

// New returns a Migrator of the database behind db. Apply and Down lock by
// session, so db must not go through a transaction pooler for them; Status may.
func New(db *sql.DB, opts Options) *Migrator {
	if opts.Migrations == nil {
		opts.Migrations = Migrations()
	}
	if opts.Rollbacks == nil {
		opts.Rollbacks = Rollbacks()
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.LockWait == 0 {
		opts.LockWait = time.Minute
	}
	if opts.LockTimeout == 0 {
		opts.LockTimeout = defaultLockTimeout
	}
	if opts.StatementTimeout == 0 {
		opts.StatementTimeout = time.Minute
	}
	if opts.Operator == "" {
		opts.Operator = "nof0"
	}
	return &Migrator{db: db, opts: opts}
}

// Report says what Apply or Down did. After a failure it holds what was done
// before it.
type Report struct {
	From  string `json:"from"` // version before; empty on a fresh database
	To    string `json:"to"`   // version after
	Files []Step `json:"files"`
	// Contraction are the files that BeforeContraction has left out.
	Contraction []string `json:"contraction,omitempty"`
}

// Step is one migration file that ran.
type Step struct {
	File       string        `json:"file"`
	Statements int           `json:"statements"`
	Took       time.Duration `json:"took_ns"`
}

// Apply runs every pending migration file, oldest first, each in a transaction
// of its own unless it says "-- atlas:txmode none". A second process that
// applies at the same time waits and then finds nothing to do.
//
// Errors: *SumError, *LockedError, *NotEmptyError, *OutOfOrderError,
// *HalfAppliedError, *StatementError, or that of the connection.
func (m *Migrator) Apply(ctx context.Context) (Report, error) { return m.ApplyTo(ctx, "") }

// ApplyTo is Apply up to a version and no further; empty means to the end, and
// BeforeContraction what its comment says. A version that no file has is a
// *VersionError besides.
func (m *Migrator) ApplyTo(ctx context.Context, version string) (Report, error) {
	dir, err := openDir(m.opts.Migrations)
	if err != nil {
		return Report{}, err
	}
	s, err := m.lockedSession(ctx)
	if err != nil {
		return Report{}, err
	}
	defer s.close()

	history := revisions{s.conn}
	if err := refuseForeign(ctx, history); err != nil {
		return Report{}, err
	}
	if err := history.create(ctx); err != nil {
		return Report{}, err
	}
	from, err := current(ctx, history)
	if err != nil {
		return Report{}, err
	}
	report := Report{From: from, To: from, Files: []Step{}}
	pending, err := pendingFiles(ctx, dir, history)
	if err != nil {
		return report, err
	}
	all := pending
	if pending, err = upTo(dir, pending, version); err != nil {
		return report, err
	}
	if version == BeforeContraction {
		report.Contraction = names(all[len(pending):])
	}
	for _, file := range pending {
		step, err := m.applyFile(ctx, s, dir, file)
		if err != nil {
			m.opts.Logger.ErrorContext(ctx, "migration failed", "file", file.Name(), "error", err)
			return report, err
		}
		m.opts.Logger.InfoContext(ctx, "migration applied", "file", step.File, "statements", step.Statements, "took", step.Took)
		report.Files = append(report.Files, step)
		report.To = max(report.To, file.Version())
	}
	return report, nil
}

func (m *Migrator) lockedSession(ctx context.Context) (*session, error) {
	s, err := openSession(ctx, m.db)
	if err != nil {
		return nil, err
	}
	waiting := func() {
		m.opts.Logger.InfoContext(ctx, "waiting for another migrator", "at_most", m.opts.LockWait)
	}
	if err := s.lock(ctx, m.opts.LockWait, waiting); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (m *Migrator) applyFile(ctx context.Context, s *session, dir migrate.Dir, file migrate.File) (Step, error) {
	begin := time.Now()
	p, err := m.opts.prepare(s.driver, file)
	if err != nil {
		return Step{}, err
	}
	if err := s.limit(ctx, p.limits); err != nil {
		return Step{}, err
	}
	execute := func(driver migrate.Driver, history revisions) error {
		executor, err := migrate.NewExecutor(driver, dir, history, migrate.WithOperatorVersion(m.opts.Operator))
		if err != nil {
			return fmt.Errorf("error preparing %s: %w", file.Name(), err)
		}
		return p.executeError(executor.Execute(ctx, file))
	}
	begun, err := mend(ctx, revisions{s.conn}, dir, file, len(p.statements))
	switch {
	case err != nil:
	case p.inTx:
		for try := 1; ; try++ {
			err = s.inTx(ctx, func(tx *sql.Tx, driver migrate.Driver) error { return execute(driver, revisions{tx}) })
			if try == deadlockTries || !isDeadlock(err) {
				break
			}
			m.opts.Logger.InfoContext(ctx, "trying a migration again", "file", file.Name(), "after", err)
		}
	default:
		err = s.stepwise(begun != nil && begun.Error == "", execute)
	}
	if err != nil {
		return Step{}, err
	}
	return Step{File: file.Name(), Statements: len(p.statements), Took: time.Since(begin)}, nil
}

// deadlockTries is how often a file is tried that others keep from its end: who holds a
// table that it wants may want one that it holds, and the server then ends one of them.
const deadlockTries = 5

func isDeadlock(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == "40P01"
}

// executeError makes a *StatementError of what the executor returns, without
// the noise of the transaction that the failed statement aborted.
func (p prepared) executeError(err error) error {
	if err == nil {
		return nil
	}
	var (
		failed  *migrate.StmtExecError
		changed migrate.HistoryChangedError
	)
	switch {
	case errors.As(err, &failed):
		return p.failed(failed.Stmt, failed.Err)
	case errors.As(err, &changed):
		return &HalfAppliedError{
			File:   p.Name(),
			Reason: fmt.Sprintf("statement %d, which already ran, was edited since; restore it", changed.Stmt),
		}
	default:
		return fmt.Errorf("error applying %s: %w", p.Name(), err)
	}
}

// mend brings the record of a half-applied file up to the file as it is now, and
// returns the record as it was; nil where the file has not been begun. The
// executor keeps the number of statements of the first attempt, and would never
// regard the file as done if mending it changed that number.
func mend(ctx context.Context, history revisions, dir migrate.Dir, file migrate.File, statements int) (*migrate.Revision, error) {
	revision, err := history.ReadRevision(ctx, file.Version())
	if errors.Is(err, migrate.ErrRevisionNotExist) {
		return nil, nil //nolint:nilnil // nil is the record of what was never begun
	}
	if err != nil {
		return nil, err
	}
	if revision.Applied > statements || revision.Applied > len(revision.PartialHashes) {
		return nil, &HalfAppliedError{
			File:   file.Name(),
			Reason: fmt.Sprintf("%d of its statements already ran, and the file or the history no longer has as many; restore them", revision.Applied),
		}
	}
	sums, err := dir.Checksum()
	if err != nil {
		return nil, fmt.Errorf("error computing the sum of the migration directory: %w", err)
	}
	if revision.Hash, err = sums.SumByName(file.Name()); err != nil {
		return nil, fmt.Errorf("error computing the sum of %s: %w", file.Name(), err)
	}
	revision.Total = statements
	return revision, history.WriteRevision(ctx, revision)
}

// refuseForeign returns a *NotEmptyError for a database that has tables and no
// history. Checked here, since Atlas' own check looks at every schema, and a
// hosted database has schemas of its operator.
func refuseForeign(ctx context.Context, history revisions) error {
	exists, err := history.exists(ctx)
	if err != nil {
		return err
	}
	if exists {
		if version, err := current(ctx, history); err != nil || version != "" {
			return err
		}
	}
	var table string
	err = queryRow(ctx, history.db, `SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND c.relname <> 'atlas_schema_revisions'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY c.relname LIMIT 1`, &table)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("error looking for tables of others: %w", err)
	default:
		return &NotEmptyError{Table: table}
	}
}

// current is the newest version in the history; empty when nothing ever ran.
func current(ctx context.Context, history revisions) (string, error) {
	applied, err := history.ReadRevisions(ctx)
	if err != nil || len(applied) == 0 {
		return "", err
	}
	return applied[len(applied)-1].Version, nil
}
