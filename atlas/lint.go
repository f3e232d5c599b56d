package atlas

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlcheck"
)

// Rule names what Lint looks for.
type Rule string

// The rules of Lint: what a migration must not do, or not without a reason.
const (
	RuleDestructive     Rule = "destructive"      // drops a table, a column, a view or rows
	RuleDataDepend      Rule = "data_depend"      // fails, or takes long under a lock, depending on the rows
	RuleIncompatible    Rule = "incompatible"     // renames or changes the type of what the previous binary uses
	RuleConcurrentIndex Rule = "concurrent_index" // builds an index while nobody can write
	RuleRewrite         Rule = "rewrite"          // writes a whole table anew while nobody can read it
	RuleLockTimeout     Rule = "lock_timeout"     // waits for a lock without end, and everybody behind it too
	RuleDangling        Rule = "dangling"         // leaves a function that names a column that it drops
	RuleUnusable        Rule = "unusable"         // leaves a table of which no row can be written
	RuleHistory         Rule = "history"          // edits, removes or overtakes what others may have applied
	RuleRollback        Rule = "rollback"         // has no way back, or one that ends elsewhere
	RuleUnmoved         Rule = "unmoved"          // gives a member a column, and leaves it in extra
	RuleNolint          Rule = "nolint"           // allows what the file does not do
)

// allowableRules are the rules that a file may leave out with a reason.
func allowableRules() []Rule {
	return []Rule{RuleDestructive, RuleDataDepend, RuleIncompatible, RuleConcurrentIndex, RuleRewrite, RuleLockTimeout, RuleDangling, RuleUnmoved}
}

// advice says of each rule what to do instead.
var advice = map[Rule]string{
	RuleDestructive:     "name the file contract_…, once no running binary uses it",
	RuleDataDepend:      "split it into steps that rows cannot stop: add it nullable or NOT VALID, fill in batches, then validate",
	RuleIncompatible:    "add the new beside the old, write both, fill in batches, and drop the old in a file named contract_…",
	RuleConcurrentIndex: "CREATE INDEX CONCURRENTLY in a file with -- atlas:txmode none; on a partitioned table ON ONLY it, concurrently on each partition, then attach",
	RuleRewrite:         "add a column of the new form beside it, and fill that in batches",
	RuleLockTimeout:     "leave the timeout in force, or give it a finite one",
	RuleDangling:        "drop or replace the trigger and its function in the same file, and bring them back in its rollback",
	RuleUnusable:        "drop or replace the trigger and its function in the same file, and bring them back in its rollback",
	RuleHistory:         "restore it, and write a new migration instead",
	RuleRollback:        "write the statements that undo it into rollback/, under the same name",
	RuleUnmoved:         "keep the file …_from_extra that `nof0 migrate diff` writes with the column",
	RuleNolint:          "take the line out",
}

// finding is one of a rule.
func (r Rule) finding(file string, line int, text string) Finding {
	return Finding{Rule: r, File: file, Line: line, Text: text, Next: advice[r]}
}

// Finding is one thing that Lint found.
type Finding struct {
	Rule    Rule   `json:"rule"`
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"` // where its statement begins, from 1; 0 is the file as a whole
	Text    string `json:"text"`
	Next    string `json:"next"`              // what to do instead
	Allowed string `json:"allowed,omitempty"` // the reason for which it is taken; empty is not taken
}

// LintReport is what Lint looked at, and what it found.
type LintReport struct {
	Files    []string  `json:"files"`
	Findings []Finding `json:"findings"`
}

// Refused are the findings that nobody has allowed.
func (r LintReport) Refused() []Finding {
	var refused []Finding
	for _, f := range r.Findings {
		if f.Allowed == "" {
			refused = append(refused, f)
		}
	}
	return refused
}

// LintParams say what Lint looks at.
type LintParams struct {
	Scratch    Scratch
	Migrations fs.FS
	Rollbacks  fs.FS
	Members    []string // names of the members of payloads
	Bases      []Base   // states of the directory that must be kept; their files are not analysed again
}

// Lint runs the migrations on a scratch database and watches what each
// statement does: which locks it takes on tables that were there before its
// file, which of them it writes anew, and how the schema differs after it. What
// could hurt a database with rows in it or the binary that runs on it is a
// finding.
func Lint(ctx context.Context, params LintParams) (LintReport, error) {
	report := LintReport{Files: []string{}, Findings: []Finding{}}
	dir, err := openDir(params.Migrations)
	if edited, ok := errors.AsType[*SumError](err); ok {
		// What such files do is of no interest.
		report.Findings = append(report.Findings, RuleHistory.finding(edited.File, 0, edited.Error()))
		return report, nil
	}
	if err != nil {
		return report, err
	}
	files, err := dir.Files()
	if err != nil {
		return report, fmt.Errorf("error listing the migration files: %w", err)
	}
	for _, base := range params.Bases {
		report.Findings = append(report.Findings, base.kept(files)...)
	}
	reviewed := func(file migrate.File) bool {
		return slices.ContainsFunc(params.Bases, func(b Base) bool { return b.has(file) })
	}
	err = params.Scratch.Use(ctx, func(ctx context.Context, db *sql.DB) error {
		l := &linter{db: db, members: params.Members}
		if l.driver, err = openDriver(db); err != nil {
			return err
		}
		if l.session, err = openSession(ctx, db); err != nil {
			return err
		}
		defer l.session.close()
		for i, file := range files {
			if l.following = files[i:]; reviewed(file) {
				if err := l.skip(ctx, file); err != nil {
					return err
				}
				continue
			}
			report.Files = append(report.Files, file.Name())
			found, err := l.lint(ctx, file)
			if err != nil {
				return err
			}
			report.Findings = append(report.Findings, found...)
			way, again, err := l.wayBack(ctx, params.Rollbacks, file)
			if err != nil {
				return err
			}
			report.Findings = append(report.Findings, way...)
			if !again {
				return nil // what the files after it do is not known
			}
		}
		return nil
	})
	return report, err
}

// linter is the state of one run over all files.
type linter struct {
	session *session
	db      *sql.DB // the same database past the session
	driver  migrate.Driver
	start   state // as the newest file found it

	members   []string       // names of the members of payloads
	following []migrate.File // the newest file and those after it
}

// linted is one file under the eyes of the linter.
type linted struct {
	*linter
	file       migrate.File
	directives directives
	atlas      *sqlcheck.File // for the analyzers of Atlas

	before   catalog        // as the file found it
	now      catalog        // after the last statement
	schema   *schema.Schema // after the last statement
	views    map[string]string
	gone     map[string]int // views and functions that were dropped, with the line
	held     locks          // what the transaction of the file holds; nothing without one
	findings []Finding
}

// skip runs a file without a look at it.
func (l *linter) skip(ctx context.Context, file migrate.File) error {
	return l.run(ctx, file, func(context.Context, schema.ExecQuerier, *migrate.Stmt, bool) error { return nil })
}

func (l *linter) lint(ctx context.Context, file migrate.File) ([]Finding, error) {
	f := &linted{linter: l, file: file, atlas: &sqlcheck.File{File: file}, gone: map[string]int{}, held: locks{}}
	var err error
	if f.directives, err = directivesOf(file); err != nil {
		return nil, err
	}
	if err := l.makePartitions(ctx); err != nil {
		return nil, err
	}
	if f.before, err = readCatalog(ctx, l.db); err != nil {
		return nil, err
	}
	f.now = f.before
	if l.start, err = l.state(ctx); err != nil {
		return nil, err
	}
	f.schema, f.views = l.start.schema, l.start.definitions
	if err := l.run(ctx, file, f.watch); err != nil {
		return nil, err
	}
	if err := f.dropped(ctx); err != nil {
		return nil, err
	}
	if err := f.exercise(ctx); err != nil {
		return nil, err
	}
	if err := f.analyze(ctx); err != nil {
		return nil, err
	}
	if err := f.unmoved(); err != nil {
		return nil, err
	}
	f.resolve()
	return f.findings, nil
}

// run runs a file as Apply does, and calls after each statement. Inside says
// that the statement's transaction is still open, so that its locks can be seen.
func (l *linter) run(ctx context.Context, file migrate.File, after func(ctx context.Context, db schema.ExecQuerier, statement *migrate.Stmt, inside bool) error) error {
	p, err := Options{LockTimeout: defaultLockTimeout}.prepare(l.session.driver, file)
	if err != nil {
		return err
	}
	if err := l.session.limit(ctx, p.limits); err != nil {
		return err
	}
	step := func(db schema.ExecQuerier, statement *migrate.Stmt) error {
		if _, err := db.ExecContext(ctx, statement.Text); err != nil {
			return p.failed(statement, err)
		}
		return nil
	}
	if p.inTx {
		return l.session.inTx(ctx, func(tx *sql.Tx, _ migrate.Driver) error {
			for _, statement := range p.statements {
				if err := step(tx, statement); err != nil {
					return err
				}
				if err := after(ctx, tx, statement, true); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for _, statement := range p.statements {
		err := l.session.inTx(ctx, func(tx *sql.Tx, _ migrate.Driver) error {
			if err := step(tx, statement); err != nil {
				return err
			}
			return after(ctx, tx, statement, true)
		})
		if refusesTransaction(err) {
			if err = step(l.session.conn, statement); err == nil {
				err = after(ctx, l.session.conn, statement, false)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// makePartitions gives each partitioned table a partition, as the databases that
// are in use have them: what a statement does to a parent alone is harmless.
func (l *linter) makePartitions(ctx context.Context) error {
	_, err := l.db.ExecContext(ctx, `DO $$
DECLARE parent text;
BEGIN
  FOR parent IN
    SELECT c.relname FROM pg_class c JOIN pg_partitioned_table p ON p.partrelid = c.oid
    WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND p.partstrat <> 'h'
      AND NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = c.oid)
  LOOP
    EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT', parent || '_default', parent);
  END LOOP;
END $$`)
	if err != nil {
		return fmt.Errorf("error giving the scratch database partitions: %w", err)
	}
	return nil
}

// findf adds a finding at a statement; nil is the file as a whole.
func (f *linted) findf(rule Rule, line int, format string, args ...any) {
	finding := rule.finding(f.file.Name(), line, fmt.Sprintf(format, args...))
	if !slices.Contains(f.findings, finding) {
		f.findings = append(f.findings, finding)
	}
}

// resolve drops the findings that the file allows, and those that a contraction is there for.
func (f *linted) resolve() {
	contraction := strings.HasPrefix(f.file.Desc(), contractionPrefix)
	used := map[string]bool{}
	for i, finding := range f.findings {
		reason, allowed := f.directives.allowed[string(finding.Rule)]
		switch {
		case allowed:
			used[string(finding.Rule)] = true
			f.findings[i].Allowed = reason
		case contraction && (finding.Rule == RuleDestructive || finding.Rule == RuleIncompatible):
			f.findings[i].Allowed = "the file is a contraction"
		}
	}
	for rule := range f.directives.allowed {
		if !used[rule] {
			f.findf(RuleNolint, 0, "it allows %s, and does nothing of the kind", rule)
		}
	}
	slices.SortStableFunc(f.findings, func(a, b Finding) int { return a.Line - b.Line })
}
