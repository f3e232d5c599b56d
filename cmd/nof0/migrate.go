package main

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"nof0/atlas"
	"nof0/config"
	"nof0/entities"
	"nof0/repository"
)

func (c *cli) migrateCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "migrate",
		Short: "Keep the schema: versioned migrations, shared with the Atlas CLI",
		Example: example(
			"DATABASE_URL=postgres://… nof0 migrate status",
			"DATABASE_URL=postgres://… nof0 migrate apply",
		),
	},
		c.migrateApplyCommand(), c.migrateDownCommand(), c.migrateStatusCommand(),
		c.migrateDiffCommand(), c.migrateSumCommand(), c.migrateLintCommand(), c.migrateValidateCommand(),
	)
}

func (c *cli) migrateApplyCommand() *cobra.Command {
	var to string
	var dryRun, contract bool
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Apply the pending migrations",
		Long: `Apply the pending migrations, oldest first, each in a transaction of its own
unless it says otherwise. One process migrates at a time: others wait for it and
then find nothing to do. A statement that waits too long for a lock fails, so that
requests do not queue up behind it; apply again. One that was stopped half-way goes
on where it stopped.

A migration whose name begins with contract_ takes away what the version before uses.
It is left out, with those after it, until --contract asks for it: that is once no
server of that version runs.`,
		Example: example(
			"DATABASE_URL=postgres://… nof0 migrate apply",
			"nof0 migrate apply --contract",
			"nof0 migrate apply --to 20261123140001 --dry-run",
		),
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.migrate(cmd.Context(), func(ctx context.Context, m *atlas.Migrator) error {
				if to == "" && !contract {
					to = atlas.BeforeContraction
				}
				if dryRun {
					planned, err := m.Plan(ctx, to)
					return c.printPlan(planned, err)
				}
				report, err := m.ApplyTo(ctx, to)
				return c.printReport(report, "applied", err)
			})
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "the version to stop after (default: the newest)")
	cmd.Flags().BoolVar(&contract, "contract", false, "apply also what takes away things that the version before uses")
	dryRunFlag(cmd, &dryRun)
	return cmd
}

func (c *cli) migrateDownCommand() *cobra.Command {
	var to string
	var dryRun, yes bool
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Undo the newest migration, or those after a version",
		Long: `Undo the newest migration with the file of its name in rollback/, or with --to
every migration that is newer than that version. What a migration added is lost with
all that was written to it since: it says which tables and columns that are and how
many rows they have, and asks. In a script, --yes is the answer.`,
		Example: example(
			"DATABASE_URL=postgres://… nof0 migrate down --dry-run",
			"nof0 migrate down --to 20261123140000 --yes",
		),
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.migrate(cmd.Context(), func(ctx context.Context, m *atlas.Migrator) error {
				planned, err := m.PlanDown(ctx, to)
				if err != nil || dryRun {
					return c.printPlan(planned, err)
				}
				if len(planned) > 0 && !yes {
					if err := c.askToUndo(planned); err != nil {
						return err
					}
				}
				report, err := m.DownAsPlanned(ctx, planned)
				return c.printReport(report, "undone", err)
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().StringVar(&to, "to", "", "the version to go back to; 0 is the empty database (default: the one before)")
	dryRunFlag(cmd, &dryRun)
	return cmd
}

// askToUndo says what is lost, and asks. The answer is no where nobody can give
// one.
func (c *cli) askToUndo(planned []atlas.Planned) error {
	for _, p := range planned {
		fmt.Fprintf(c.err, "undo %s\n", p.File)
		for _, loss := range p.Loses {
			fmt.Fprintf(c.err, "  loses %s\n", loss)
		}
	}
	if f, ok := c.in.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
		return errors.New("nothing was undone, since nobody can be asked here: add --yes")
	}
	fmt.Fprint(c.err, "Undo this? [y/N] ")
	answer, err := bufio.NewReader(c.in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("error reading the answer: %w", err)
	}
	if !slices.Contains([]string{"y", "yes"}, strings.ToLower(strings.TrimSpace(answer))) {
		return errors.New("nothing was undone")
	}
	return nil
}

func dryRunFlag(cmd *cobra.Command, dryRun *bool) {
	cmd.Flags().BoolVar(dryRun, "dry-run", false, "print the statements, and change nothing")
}

// printReport prints what was done, also before a failure.
func (c *cli) printReport(r atlas.Report, verb string, failed error) error {
	if len(r.Contraction) > 0 {
		fmt.Fprintf(c.err, "left out: %s; once no server of the version before runs, run `nof0 migrate apply --contract`\n", strings.Join(r.Contraction, ", "))
	}
	if c.json {
		if r.Files == nil {
			return failed
		}
		return errors.Join(failed, c.printJSON(r))
	}
	at := "at " + r.To
	if r.To == "" {
		at = "empty"
	}
	if len(r.Files) == 0 {
		if failed == nil {
			fmt.Fprintf(c.out, "nothing to do: the schema is %s\n", at)
		}
		return failed
	}
	t := c.newTable(table.Row{verb, "statements", "took"}, 2, 3)
	for _, f := range r.Files {
		t.AppendRow(table.Row{f.File, f.Statements, f.Took.Round(time.Millisecond)})
	}
	t.Render()
	fmt.Fprintf(c.out, "the schema is %s\n", at)
	return failed
}

// printPlan prints what would be done.
func (c *cli) printPlan(planned []atlas.Planned, err error) error {
	switch {
	case err != nil:
		return err
	case c.json:
		return c.printJSON(planned)
	case len(planned) == 0:
		fmt.Fprintln(c.out, "nothing to do")
	}
	for i, p := range planned {
		if i > 0 {
			fmt.Fprintln(c.out)
		}
		how := "in one transaction"
		if !p.Transaction {
			how = "statement by statement"
		}
		if p.Done > 0 {
			how += fmt.Sprintf(", the first %d of them ran before", p.Done)
		}
		fmt.Fprintf(c.out, "-- %s: %s; lock_timeout %s, statement_timeout %s\n", p.File, how, limit(p.LockTimeout), limit(p.StatementTimeout))
		for _, loss := range p.Loses {
			fmt.Fprintf(c.out, "-- loses %s\n", loss)
		}
		for _, statement := range p.Statements {
			fmt.Fprintln(c.out, statement)
		}
	}
	return nil
}

func limit(d time.Duration) string {
	if d == 0 {
		return "none"
	}
	return d.String()
}

func (c *cli) migrateStatusCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "Show where the database stands against the migrations",
		Example: example("DATABASE_URL=postgres://… nof0 migrate status"),
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.migrate(cmd.Context(), func(ctx context.Context, m *atlas.Migrator) error {
				status, err := m.Status(ctx)
				if err != nil {
					return err
				}
				return c.print(status, func() { c.printStatus(status) })
			})
		},
	}
}

func (c *cli) printStatus(s atlas.Status) {
	t := c.newTable(table.Row{"version", "name", "state", "at"})
	for _, a := range s.Applied {
		t.AppendRow(table.Row{a.Version, a.Name, "applied", a.At.UTC().Format(time.RFC3339)})
	}
	for _, name := range slices.Concat(s.OutOfOrder, s.Pending) {
		version, rest, _ := strings.Cut(strings.TrimSuffix(name, ".sql"), "_")
		t.AppendRow(table.Row{version, rest, "pending", ""})
	}
	t.Render()
	for _, unknown := range s.Unknown {
		fmt.Fprintf(c.out, "%s is newer than this binary\n", unknown.Version)
	}
	if s.Half != nil {
		reason := s.Half.Reason
		if reason == "" {
			reason = "the process was stopped"
		}
		fmt.Fprintf(c.out, "%s stopped half-way, after %d of %d statements: %s\n", s.Half.Version, s.Half.Done, s.Half.Of, reason)
	}
}

func (c *cli) migrateDiffCommand() *cobra.Command {
	root := "atlas"
	cmd := &cobra.Command{
		Use:   "diff NAME",
		Short: "Write the migration that the entities ask for",
		Long: `Compare the entities with what the migrations build, and write the difference as
a new migration with its way back, a new atlas.sum and a new schema.sql.

It computes in scratch databases that it makes on the server of DATABASE_URL and
drops again; no data is touched.`,
		Example: example("nof0 dev -- nof0 migrate diff add_trade_strategy"),
		Args:    oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			scratch, err := c.scratch()
			if err != nil {
				return err
			}
			written, err := atlas.Generate(cmd.Context(), atlas.GenerateParams{
				Models: entities.All(), Root: root, Name: args[0], Scratch: scratch, Now: time.Now(),
			})
			if err != nil {
				return err
			}
			return c.print(map[string][]string{"files": append([]string{}, written...)}, func() {
				if len(written) == 0 {
					fmt.Fprintln(c.out, "nothing to do: the migrations build what the entities describe")
				}
				for _, name := range written {
					fmt.Fprintln(c.out, name)
				}
			})
		},
	}
	atlasDirFlag(cmd, &root)
	return cmd
}

func (c *cli) migrateSumCommand() *cobra.Command {
	root := "atlas"
	cmd := &cobra.Command{
		Use:   "sum",
		Short: "Rewrite atlas.sum after a migration was written or mended by hand",
		Long: `Rewrite atlas.sum after a migration was written or mended by hand: views and
functions, which the entities cannot express, or a file that diff has written. A
migration that a database has run already must stay as it is.`,
		Example: example("nof0 migrate sum"),
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			if err := atlas.WriteSum(filepath.Join(root, "migrations")); err != nil {
				return err
			}
			sum := filepath.Join(root, "migrations", "atlas.sum")
			return c.print(map[string][]string{"files": {sum}}, func() { fmt.Fprintln(c.out, sum) })
		},
	}
	atlasDirFlag(cmd, &root)
	return cmd
}

func atlasDirFlag(cmd *cobra.Command, root *string) {
	cmd.Flags().StringVar(root, "dir", *root, "directory of schema.sql, migrations and rollback")
}

// scratch makes databases to try things in on the server of the configuration.
func (c *cli) scratch() (atlas.Scratch, error) {
	cfg, _, err := c.start(config.RequireDatabase())
	if err != nil {
		return atlas.Scratch{}, err
	}
	return atlas.NewScratch(cfg.DatabaseURL)
}

// loadForMigrations loads what migrations need: a database, reached past a
// pooler where one is configured.
func (c *cli) loadForMigrations() (config.Config, *slog.Logger, error) {
	return c.startWith(config.Options{Derive: migrationDSN, Required: []config.Requirement{{
		Path: "migrate_database_url", Help: "set DATABASE_URL, or NOF0_MIGRATE_DATABASE_URL where DATABASE_URL goes through a pooler",
	}}})
}

func migrationDSN(cfg *config.Config) {
	if cfg.MigrateDatabaseURL == "" {
		cfg.MigrateDatabaseURL = cfg.DatabaseURL
	}
}

// migrate runs do with a migrator of the configured database.
func (c *cli) migrate(ctx context.Context, do func(context.Context, *atlas.Migrator) error) error {
	cfg, logger, err := c.loadForMigrations()
	if err != nil {
		return err
	}
	return withMigrator(ctx, cfg.MigrateDatabaseURL, cfg, logger, func(m *atlas.Migrator) error { return do(ctx, m) })
}

func applyMigrations(ctx context.Context, cfg config.Config, logger *slog.Logger, to string) error {
	migrationDSN(&cfg)
	return withMigrator(ctx, cfg.MigrateDatabaseURL, cfg, logger, func(m *atlas.Migrator) error {
		_, err := m.ApplyTo(ctx, to)
		return err
	})
}

func withMigrator(ctx context.Context, dsn string, cfg config.Config, logger *slog.Logger, do func(*atlas.Migrator) error) error {
	return withDatabase(ctx, dsn, func(db *sql.DB) error {
		return do(atlas.New(db, atlas.Options{
			Logger:           logger,
			LockWait:         cfg.Migrate.LockWait,
			LockTimeout:      cfg.Migrate.LockTimeout,
			StatementTimeout: cfg.Migrate.StatementTimeout,
			Operator:         "nof0 " + build().Version,
		}))
	})
}

func withDatabase(ctx context.Context, dsn string, do func(*sql.DB) error) (err error) {
	conf, err := pgx.ParseConfig(dsn)
	if err != nil {
		// The parser's own message may quote the DSN with its password.
		return errors.New("the database URL cannot be read")
	}
	if conf.RuntimeParams["application_name"] == "" {
		conf.RuntimeParams["application_name"] = "nof0 migrate" // for who waits for it
	}
	db := stdlib.OpenDB(*conf, stdlib.OptionAfterConnect(repository.RequireUTF8))
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.PingContext(ctx); err != nil {
		return fmt.Errorf("error connecting to the database: %w", err)
	}
	return do(db)
}
