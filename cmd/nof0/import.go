package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"nof0/config"
	"nof0/internal/importer"
	"nof0/internal/wire"
	"nof0/repository"
)

// Exit statuses of import.
const (
	exitSomeRefused = 1
	exitNothingDone = 2
)

func (c *cli) importCommand() *cobra.Command {
	var explain, skipDamaged bool
	var competition string
	cmd := &cobra.Command{
		Use:   "import DIR",
		Short: "Load a snapshot directory into Postgres",
		Long: `Load a snapshot directory into Postgres, in one transaction. It is safe to repeat:
facts are inserted once, and an older snapshot sets no newer state back. Running
servers learn of it through the outbox and serve the new data within a second. What an
operator has corrected (nof0 correct) stays so: such rows are named and count as
superseded.

A row at fault is refused by name, and the others are taken. A file that holds an
error or empty answer of its endpoint is listed as ignored; open positions then
are those of the newest account totals. A damaged file refuses the whole import,
unless --skip-damaged leaves it out.

A row is of the competition that its member competition_id or competition names, or
else of the default one; --competition is that of all rows. A capture with another
inception of a known account is of another season and is refused whole: name its
competition. One that is not known yet is registered: it runs where the arena was empty,
and is upcoming otherwise, until it is started (/api/ingest/competitions).

--explain says of each file what would be taken, ignored and refused, and why. It
needs no database, so it does not know what is stored already.

Exit status: 0 all rows taken, 1 some rows or files refused (each is named), 2
nothing done.`,
		Example: example(
			"DATABASE_URL=postgres://… nof0 import captures/2025-10-26",
			"nof0 import --competition season-2 captures/2025-11-20",
			"nof0 import --explain --json captures/of-somebody-else",
		),
		Args:              oneArgument,
		ValidArgsFunction: completeOne(cobra.ShellCompDirectiveFilterDirs),
		RunE: func(cmd *cobra.Command, args []string) error {
			if competition != "" {
				if err := wire.CheckID(competition); err != nil {
					return usageError(cmd, "--competition: %q %v", competition, err)
				}
			}
			if explain {
				return c.explainImport(args[0], competition, skipDamaged)
			}
			cfg, logger, err := c.start(config.RequireDatabase())
			if err != nil {
				return &exitError{exitNothingDone, err}
			}
			if err := checkSchema(cmd.Context(), cfg, logger); err != nil {
				return &exitError{exitNothingDone, err}
			}
			report, err := c.importDir(cmd.Context(), cfg, args[0], competition, skipDamaged)
			if err != nil {
				return &exitError{exitNothingDone, err}
			}
			if err := c.printImport(report); err != nil {
				return err
			}
			if report.Rejected() > 0 || len(report.Damaged) > 0 {
				return &exitError{code: exitSomeRefused}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&explain, "explain", false, "say what would be taken, ignored and refused, and do nothing")
	cmd.Flags().StringVar(&competition, "competition", "", "competition of every row (default: the one that a row names, or the default one)")
	cmd.Flags().BoolVar(&skipDamaged, "skip-damaged", false, "leave damaged files out instead of doing nothing")
	return cmd
}

// explainImport prints what an import would do.
func (c *cli) explainImport(dir, competition string, skipDamaged bool) error {
	cfg, _, err := c.start()
	if err != nil {
		return &exitError{exitNothingDone, err}
	}
	explanation, err := importer.Explain(dir, importOptions(cfg, competition))
	if err != nil {
		return &exitError{exitNothingDone, err}
	}
	if err := c.printExplanation(explanation); err != nil {
		return err
	}
	switch {
	case explanation.Damaged() > 0 && !skipDamaged:
		return &exitError{code: exitNothingDone}
	case explanation.Damaged()+explanation.Refused() > 0:
		return &exitError{code: exitSomeRefused}
	}
	return nil
}

func (c *cli) printExplanation(e *importer.Explanation) error {
	if c.json {
		return c.printJSON(e)
	}
	t := c.newTable(table.Row{"file", "what", "rows taken", "refused", "why"}, 3, 4)
	for _, f := range e.Files {
		t.AppendRow(table.Row{f.Name, f.Verdict, f.Taken, len(f.Refused), f.Reason})
	}
	t.Render()
	for _, f := range e.Files {
		for _, row := range f.Refused {
			fmt.Fprintf(c.out, "would be refused: %v\n", row)
		}
		for _, note := range f.Notes {
			fmt.Fprintf(c.out, "%s: %s\n", f.Name, note)
		}
	}
	return nil
}

func (c *cli) importDir(ctx context.Context, cfg config.Config, dir, competition string, skipDamaged bool) (report *importer.Report, err error) {
	err = withStore(ctx, cfg, func(store *repository.Store) (err error) {
		progress, finish := c.progress("importing " + dir)
		defer finish()
		o := importOptions(cfg, competition)
		o.Store, o.LockWait, o.SkipDamaged, o.Progress = store, cfg.Postgres.StatementTimeout, skipDamaged, progress
		report, err = importer.Import(ctx, dir, o)
		return err
	})
	return report, err
}

// importOptions are what a configuration says of imports.
func importOptions(cfg config.Config, competition string) importer.Options {
	return importer.Options{
		Competition: competition, DefaultCompetition: cfg.Arena.Competition,
		PrimaryProvider: cfg.Arena.PrimaryProvider,
		Benchmarks:      cfg.Arena.Benchmarks,
		Bounds:          wire.Bounds(cfg.Bounds),
		Now:             time.Now,
	}
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
			fmt.Fprintf(c.out, "rejected %v\n", r)
		}
		for _, r := range k.Corrected {
			fmt.Fprintf(c.out, "not taken %s row %d (offset %d) %q: %s\n", r.File, r.Row, r.Offset, r.ID, r.Why)
		}
	}
	for _, fault := range report.Damaged {
		fmt.Fprintf(c.out, "damaged, left out: %s\n", fault)
	}
	for _, name := range report.Derived {
		fmt.Fprintf(c.out, "derived, not stored: %s\n", name)
	}
	for _, name := range report.Ignored {
		fmt.Fprintf(c.out, "ignored: %s\n", name)
	}
	return nil
}
