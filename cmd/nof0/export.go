package main

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"nof0/config"
	"nof0/internal/export"
	"nof0/repository"
)

func (c *cli) exportCommand() *cobra.Command {
	var force bool
	var competition string
	cmd := &cobra.Command{
		Use:   "export DIR",
		Short: "Write a snapshot directory from Postgres",
		Long: `Write a snapshot directory from Postgres, all of it of one moment: every trade,
equity snapshot, decision document and thread, and the newest prices, positions,
analytics and inceptions. Importing it into the same database changes nothing;
into an empty one it gives the same answers; and the JSON store can serve it.

It waits for a lock, such as that of a migration, no longer than
postgres.statement_timeout. A migration that comes while it runs waits for it in
turn, for its lock_timeout, and is then to be applied again.

Files are replaced together once all are written, so that an export that is
stopped leaves the directory as it was. A directory that holds anything else than
a snapshot is refused.

A directory holds one competition, the default one or that of --competition: import
--competition takes it in again.

What the format has no place for stays behind: the history of prices, market
context and metadata of symbols, positions that are closed or at another provider
than the primary one, names and settings of models, the states of traders, and
metrics that were recomputed.`,
		Example:           example("DATABASE_URL=postgres://… nof0 export backup/2025-10-26"),
		Args:              oneArgument,
		ValidArgsFunction: completeOne(cobra.ShellCompDirectiveFilterDirs),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, logger, err := c.start(config.RequireDatabase())
			if err != nil {
				return err
			}
			if err := refuseOwnDirs(cfg, args[0], force); err != nil {
				return err
			}
			var exported *export.Report
			err = withSchema(cmd.Context(), cfg, logger, func(store *repository.Store) (err error) {
				progress, finish := c.progress("exporting to " + args[0])
				defer finish()
				exported, err = export.Write(cmd.Context(), args[0], export.Options{
					Store:       store,
					Competition: competition, DefaultCompetition: cfg.Arena.Competition,
					PrimaryProvider: cfg.Arena.PrimaryProvider,
					Now:             time.Now,
					LockWait:        cfg.Postgres.StatementTimeout,
					Force:           force,
					Progress:        progress,
				})
				return err
			})
			if err != nil {
				return err
			}
			return c.print(exported, func() {
				t := c.newTable(table.Row{"file", "rows", "bytes"}, 2, 3)
				for _, f := range exported.Files {
					t.AppendRow(table.Row{f.Name, f.Rows, f.Bytes})
				}
				t.Render()
			})
		},
	}
	cmd.Flags().StringVar(&competition, "competition", "", "competition to write (default: the default one)")
	cmd.Flags().BoolVar(&force, "force", false, "write also into the JSON store, or beside files that are no snapshot")
	return cmd
}

// refuseOwnDirs keeps an export from replacing what others read: the snapshot
// is only ever read, and the JSON store may be ahead of Postgres.
func refuseOwnDirs(cfg config.Config, dir string, force bool) error {
	if same(dir, cfg.SnapshotDir) {
		return fmt.Errorf("%s is NOF0_SNAPSHOT_DIR, which is only ever read: choose another directory", dir)
	}
	if same(dir, cfg.JSONDir) && !force {
		return fmt.Errorf("%s is NOF0_JSON_DIR, whose files may hold what Postgres does not: "+
			"choose another directory, or --force", dir)
	}
	return nil
}

func same(a, b string) bool {
	if a == "" || b == "" {
		return false
	}
	return resolved(a) == resolved(b)
}

func resolved(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	return path
}
