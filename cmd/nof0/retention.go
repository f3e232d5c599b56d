package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"nof0/internal/retention"
	"nof0/repository"
)

func (c *cli) retentionCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "retention",
		Short: "Keep the feed of prices short: partitions ahead, archives of what is old",
		Example: example(
			"DATABASE_URL=postgres://… nof0 retention run",
			"DATABASE_URL=postgres://… nof0 retention restore archive/price_ticks_2025_10-0123456789ab.csv.zst",
		),
	}, c.retentionRunCommand(), c.retentionRestoreCommand())
}

func (c *cli) retentionRunCommand() *cobra.Command {
	var dryRun bool
	var every time.Duration
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Make the partitions to come, and archive the months that are wholly older than what is kept",
		Long: `Make the partitions of this month and the next two, and move the months of prices
that are wholly older than retention.keep into files of retention.archive_dir. A
month is dropped only once its file has been read back, and a run that was cut off
is completed by the next. One run works at a time.

It locks by session, so where DATABASE_URL goes through a pooler, set
NOF0_MIGRATE_DATABASE_URL to Postgres itself. Exit status 1 also where a month is
in use; the next run takes it.`,
		Example: example(
			"DATABASE_URL=postgres://… nof0 retention run --dry-run",
			"DATABASE_URL=postgres://… NOF0_RETENTION_KEEP=2160h nof0 retention run --json",
		),
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for {
				err := c.runRetention(cmd.Context(), dryRun)
				if every <= 0 {
					return err
				}
				if err != nil && cmd.Context().Err() == nil {
					fmt.Fprintln(c.err, "nof0:", err) // the next run tries again
				}
				select {
				case <-cmd.Context().Done():
					return nil
				case <-time.After(every):
				}
			}
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "change nothing, and say what would be done")
	cmd.Flags().DurationVar(&every, "every", 0, "do it again after this long, such as 24h, until interrupted; what fails is said and tried again then")
	return cmd
}

func (c *cli) runRetention(ctx context.Context, dryRun bool) error {
	var report retention.Report
	err := c.withRetention(ctx, func(o retention.Options) (err error) {
		o.DryRun = dryRun
		progress, finish := c.progress("archiving")
		defer finish()
		o.Progress = progress
		report, err = retention.Run(ctx, o)
		return err
	})
	if len(report.Partitions) == 0 && err != nil {
		return err
	}
	return errors.Join(c.printRetention(report), err)
}

func (c *cli) retentionRestoreCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "restore FILE",
		Short: "Read an archive back into the database",
		Long: `Read an archive back into the database. It may be repeated: a price that is there
already stays as it is. The next run archives the month again, unless
retention.keep reaches back that far by then.`,
		Example:           example("DATABASE_URL=postgres://… nof0 retention restore archive/price_ticks_2025_10-0123456789ab.csv.zst"),
		Args:              oneArgument,
		ValidArgsFunction: completeOne(cobra.ShellCompDirectiveDefault),
		RunE: func(cmd *cobra.Command, args []string) error {
			var restored retention.Restored
			err := c.withRetention(cmd.Context(), func(o retention.Options) (err error) {
				restored, err = retention.Restore(cmd.Context(), o, args[0])
				return err
			})
			if err != nil {
				return err
			}
			return c.print(restored, func() {
				fmt.Fprintf(c.out, "%s: %d rows, %d inserted, %d unchanged, %d in conflict with what is stored\n",
					restored.Partition, restored.Rows, restored.Inserted, restored.Unchanged, restored.Conflicts)
			})
		},
	}
}

// withRetention connects past a pooler, where one is configured, for the time
// of do.
func (c *cli) withRetention(ctx context.Context, do func(retention.Options) error) error {
	cfg, logger, err := c.loadForMigrations()
	if err != nil {
		return err
	}
	cfg.DatabaseURL = cfg.MigrateDatabaseURL
	return withSchema(ctx, cfg, logger, func(store *repository.Store) error {
		return do(retention.Options{
			DSN: cfg.MigrateDatabaseURL, Prices: store.Prices,
			Keep: cfg.Retention.Keep, ArchiveDir: cfg.Retention.ArchiveDir, Now: time.Now(),
		})
	})
}

func (c *cli) printRetention(r retention.Report) error {
	if c.json {
		return c.printJSON(r)
	}
	t := c.newTable(table.Row{"partition", "state", "rows", "bytes", "file"}, 3, 4)
	for _, p := range r.Partitions {
		t.AppendRow(table.Row{p.Name, p.State, ifAny(p.State != retention.StateKept, p.Rows), ifAny(p.File != "", p.Bytes), p.File})
	}
	t.Render()
	for _, p := range r.Partitions {
		if p.Reason != "" {
			fmt.Fprintf(c.out, "%s is postponed: %s\n", p.Name, p.Reason)
		}
	}
	return nil
}

// ifAny is a number, or nothing where it says nothing.
func ifAny(says bool, n int64) string {
	if !says {
		return ""
	}
	return fmt.Sprint(n)
}
