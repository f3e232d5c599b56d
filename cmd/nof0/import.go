package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"nof0/config"
	"nof0/internal/app"
	"nof0/internal/importer"
	"nof0/internal/wire"
)

// Exit statuses of import.
const (
	exitSomeRefused = 1
	exitNothingDone = 2
)

func (c *cli) importCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "import DIR",
		Short: "Load a snapshot directory into Postgres",
		Long: `Load a snapshot directory into Postgres, in one transaction. It is safe to repeat:
facts are inserted once, and an older snapshot sets no newer state back. Running
servers are told through the outbox and serve the new data within a second. What an
operator has corrected (nof0 correct) stays so: such rows are named and count as
superseded.

Exit status: 0 all rows taken, 1 some refused (each is named), 2 nothing done.`,
		Example:           example("DATABASE_URL=postgres://… nof0 import captures/2025-10-26"),
		Args:              oneArgument,
		ValidArgsFunction: completeOne(cobra.ShellCompDirectiveFilterDirs),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, logger, err := c.start(config.RequireDatabase())
			if err != nil {
				return &exitError{exitNothingDone, err}
			}
			if err := checkSchema(cmd.Context(), cfg, logger); err != nil {
				return &exitError{exitNothingDone, err}
			}
			report, err := c.importDir(cmd.Context(), cfg, args[0])
			if err != nil {
				return &exitError{exitNothingDone, err}
			}
			if err := c.printImport(report); err != nil {
				return err
			}
			if report.Rejected() > 0 {
				return &exitError{code: exitSomeRefused}
			}
			return nil
		},
	}
}

func (c *cli) importDir(ctx context.Context, cfg config.Config, dir string) (report *importer.Report, err error) {
	store, err := app.OpenStore(ctx, cfg, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	progress, finish := c.progress("importing " + dir)
	defer finish()
	return importer.Import(ctx, dir, importer.Options{
		Store:           store,
		PrimaryProvider: cfg.Arena.PrimaryProvider,
		LockWait:        cfg.Postgres.StatementTimeout,
		Benchmarks:      cfg.Arena.Benchmarks,
		Bounds:          wire.Bounds(cfg.Bounds),
		Now:             time.Now,
		Progress:        progress,
	})
}

func (c *cli) printImport(report *importer.Report) error {
	if c.json {
		return c.printJSON(report)
	}
	t := c.newTable(table.Row{"kind", "inserted", "updated", "unchanged", "superseded", "rejected"}, 2, 3, 4, 5, 6)
	for _, k := range report.Kinds {
		t.AppendRow(table.Row{k.Kind, k.Inserted, k.Updated, k.Unchanged, k.Superseded, k.Rejected})
	}
	t.Render()
	for _, k := range report.Kinds {
		for _, r := range k.Rows {
			fmt.Fprintf(c.out, "rejected %s row %d (offset %d) %q: %v\n", r.File, r.Row, r.Offset, r.ID, r.Faults)
		}
		for _, r := range k.Corrected {
			fmt.Fprintf(c.out, "not taken %s row %d (offset %d) %q: %s\n", r.File, r.Row, r.Offset, r.ID, r.Why)
		}
	}
	for _, name := range report.Derived {
		fmt.Fprintf(c.out, "derived, not stored: %s\n", name)
	}
	for _, name := range report.Ignored {
		fmt.Fprintf(c.out, "ignored: %s\n", name)
	}
	return nil
}
