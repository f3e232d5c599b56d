package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"nof0/atlas"
	"nof0/config"
	"nof0/entities"
)

func (c *cli) migrateCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "migrate",
		Short: "Keep the schema: versioned migrations, shared with the Atlas CLI",
		Example: example(
			"DATABASE_URL=postgres://… nof0 migrate status",
			"DATABASE_URL=postgres://… nof0 migrate apply",
		),
	}, c.migrateApplyCommand(), c.migrateStatusCommand(), c.migrateDiffCommand(), c.migrateSumCommand())
}

func (c *cli) migrateApplyCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "apply",
		Short:   "Apply the pending migrations",
		Example: example("DATABASE_URL=postgres://… nof0 migrate apply"),
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, logger, err := c.loadForMigrations()
			if err != nil {
				return err
			}
			report, err := applyMigrations(cmd.Context(), cfg, logger)
			if err != nil {
				return err
			}
			if c.json {
				return c.printJSON(report)
			}
			if len(report.Files) == 0 {
				fmt.Fprintf(c.out, "nothing to do: the schema is at %s\n", report.To)
				return nil
			}
			t := c.newTable(table.Row{"applied", "statements", "took"}, 2, 3)
			for _, f := range report.Files {
				t.AppendRow(table.Row{f.File, f.Statements, f.Took.Round(time.Millisecond)})
			}
			t.Render()
			return nil
		},
	}
}

func (c *cli) migrateStatusCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "Show where the database stands against the migrations",
		Example: example("DATABASE_URL=postgres://… nof0 migrate status"),
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, logger, err := c.loadForMigrations()
			if err != nil {
				return err
			}
			var status atlas.Status
			err = withMigrator(cmd.Context(), cfg.MigrateDatabaseURL, logger, func(m *atlas.Migrator) error {
				status, err = m.Status(cmd.Context())
				return err
			})
			if err != nil {
				return err
			}
			if c.json {
				return c.printJSON(status)
			}
			c.printStatus(status)
			return nil
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
	if s.Half != nil {
		fmt.Fprintf(c.out, "%s stopped half-way, after %d of %d statements: %s\n", s.Half.Version, s.Half.Done, s.Half.Of, s.Half.Reason)
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
		Example: example("nof0 dev -- nof0 migrate diff add_trade_venue"),
		Args:    oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, _, err := c.start(config.RequireDatabase())
			if err != nil {
				return err
			}
			scratch, err := atlas.NewScratch(cfg.DatabaseURL)
			if err != nil {
				return err
			}
			written, err := atlas.Generate(cmd.Context(), atlas.GenerateParams{
				Models: entities.All(), Root: root, Name: args[0], Scratch: scratch, Now: time.Now(),
			})
			if err != nil {
				return err
			}
			if c.json {
				return c.printJSON(map[string][]string{"files": append([]string{}, written...)})
			}
			if len(written) == 0 {
				fmt.Fprintln(c.out, "nothing to do: the migrations build what the entities describe")
			}
			for _, name := range written {
				fmt.Fprintln(c.out, name)
			}
			return nil
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
			if c.json {
				return c.printJSON(map[string][]string{"files": {sum}})
			}
			fmt.Fprintln(c.out, sum)
			return nil
		},
	}
	atlasDirFlag(cmd, &root)
	return cmd
}

func atlasDirFlag(cmd *cobra.Command, root *string) {
	cmd.Flags().StringVar(root, "dir", *root, "directory of schema.sql, migrations and rollback")
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

func applyMigrations(ctx context.Context, cfg config.Config, logger *slog.Logger) (report atlas.Report, err error) {
	migrationDSN(&cfg)
	err = withMigrator(ctx, cfg.MigrateDatabaseURL, logger, func(m *atlas.Migrator) error {
		report, err = m.Apply(ctx)
		return err
	})
	return report, err
}

func withMigrator(ctx context.Context, dsn string, logger *slog.Logger, do func(*atlas.Migrator) error) (err error) {
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return errors.New("the database URL cannot be read")
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.PingContext(ctx); err != nil {
		return fmt.Errorf("error connecting to the database: %w", err)
	}
	return do(atlas.New(db, atlas.Options{Logger: logger}))
}
