package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"nof0/atlas"
	"nof0/entities"
	"nof0/internal/wire"
)

func (c *cli) migrateLintCommand() *cobra.Command {
	root, ref := "atlas", ""
	cmd := &cobra.Command{
		Use:   "lint",
		Short: "Find what migrations could do to a database in use",
		Long: `Run the migrations on a scratch database, on the server of DATABASE_URL, and find
what could hurt a database with rows in it or the binaries that run on it:

  destructive       drops a table, a column, a view or rows
  data_depend       fails, or takes long under a lock, depending on the rows
  incompatible      renames or changes the type of what the previous binary uses
  concurrent_index  builds an index while nobody can write
  rewrite           writes a whole table anew while nobody can read it
  lock_timeout      waits for a lock without end, and everybody behind it too
  dangling          leaves a function that names a column that it drops
  unmoved           gives a member of payloads a column, and leaves it in extra
  unusable          leaves a table of which no row can be inserted, updated or deleted
  history           edits, removes or overtakes a migration that others may have applied
  rollback          has no way back, or one that does not lead back

A file takes one of the first eight on itself by a comment that gives the reason:

  -- nof0:nolint destructive: nothing has read the column since version 12

In a file whose name begins with contract_ the first and the third are expected.
Files that are there unchanged where the branch left main, or on main in the commit
before, and in the last tag, count as reviewed.`,
		Example: example(
			"nof0 dev --ephemeral -- nof0 migrate lint",
			"nof0 dev --ephemeral -- nof0 migrate lint --base v1.2.0 --json",
		),
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			scratch, err := c.scratch()
			if err != nil {
				return err
			}
			migrations := filepath.Join(root, "migrations")
			bases, err := atlas.FindBases(cmd.Context(), migrations, ref)
			none, ok := errors.AsType[*atlas.NoBaseError](err)
			if err != nil && !ok {
				return err
			}
			report, err := atlas.Lint(cmd.Context(), atlas.LintParams{
				Scratch: scratch, Migrations: os.DirFS(migrations), Rollbacks: os.DirFS(filepath.Join(root, "rollback")), Members: wire.Members(), Bases: bases,
			})
			if err != nil {
				return err
			}
			return c.printLint(report, bases, none)
		},
	}
	atlasDirFlag(cmd, &root)
	cmd.Flags().StringVar(&ref, "base", "", "the branch, tag or commit whose migrations must be kept (default: as above)")
	return cmd
}

func (c *cli) printLint(report atlas.LintReport, bases []atlas.Base, none *atlas.NoBaseError) error {
	refused := report.Refused()
	var kept []string
	for _, base := range bases {
		kept = append(kept, base.String())
	}
	if c.json {
		result := struct {
			atlas.LintReport
			Bases  []string `json:"bases"`             // what the history was compared with
			NoBase string   `json:"no_base,omitempty"` // why with nothing
		}{report, append([]string{}, kept...), ""}
		if none != nil {
			result.NoBase = none.Reason
		}
		if err := c.printJSON(result); err != nil {
			return err
		}
	} else {
		c.printFindings(report.Findings)
		looked := fmt.Sprintf("%d files linted", len(report.Files))
		if len(kept) > 0 {
			looked += ", beside those of " + strings.Join(kept, " and of ")
		}
		fmt.Fprintf(c.out, "%s: %d findings, %d of them allowed\n", looked, len(report.Findings), len(report.Findings)-len(refused))
	}
	if none != nil {
		// It is no reason to refuse a copy of the sources, and must not go unseen.
		fmt.Fprintln(c.err, "NOT CHECKED:", none)
	}
	if len(refused) > 0 {
		return fmt.Errorf("%d findings are not allowed", len(refused))
	}
	return nil
}

func (c *cli) printFindings(findings []atlas.Finding) {
	for _, f := range findings {
		where := f.File
		if f.Line > 0 {
			where = fmt.Sprintf("%s:%d", f.File, f.Line)
		}
		fmt.Fprintf(c.out, "%s: %s: %s\n", where, f.Rule, f.Text)
		if f.Allowed != "" {
			fmt.Fprintf(c.out, "    allowed: %s\n", f.Allowed)
		} else {
			fmt.Fprintf(c.out, "    %s\n", f.Next)
		}
	}
}

// checked is one thing that validate looked at.
type checked struct {
	Check       string   `json:"check"`
	OK          bool     `json:"ok"`
	Result      string   `json:"result"`
	Differences []string `json:"differences,omitempty"`
}

func (c *cli) migrateValidateCommand() *cobra.Command {
	root, scratchURL := "atlas", ""
	var filesOnly bool
	cmd := &cobra.Command{
		Use:   "validate",
		Short: "Check that entities, migrations and the database agree",
		Long: `Check, in scratch databases, that atlas.sum fits the migrations, that the entities,
schema.sql and the replayed migrations describe the same tables, and that the
database has what its migrations build: tables, indexes, views, functions and
triggers. What differs is named. The database is only read.

In a source tree the files under --dir are checked; elsewhere those that the binary
carries. Scratch databases are made on the server of the database, or where --scratch
says, and dropped again.`,
		Example: example(
			"DATABASE_URL=postgres://… nof0 migrate validate",
			"nof0 dev --ephemeral -- nof0 migrate validate --files",
		),
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, _, err := c.loadForMigrations()
			if err != nil {
				return err
			}
			if scratchURL == "" {
				scratchURL = cfg.MigrateDatabaseURL
			}
			scratch, err := atlas.NewScratch(scratchURL)
			if err != nil {
				return err
			}
			v := validation{scratch: scratch}
			if err := v.checkFiles(cmd.Context(), root); err != nil {
				return err
			}
			if !filesOnly {
				err := withDatabase(cmd.Context(), cfg.MigrateDatabaseURL, func(db *sql.DB) error {
					return v.add("database", "it has what its migrations build", atlas.Drift(cmd.Context(), db, scratch, v.migrations))
				})
				if err != nil {
					return err
				}
			}
			return c.printChecked(v.checked)
		},
	}
	atlasDirFlag(cmd, &root)
	cmd.Flags().BoolVar(&filesOnly, "files", false, "check the files alone, no database")
	cmd.Flags().StringVar(&scratchURL, "scratch", "", "DSN of a server of the same Postgres version to make scratch databases on")
	return cmd
}

// validation gathers what validate finds.
type validation struct {
	scratch    atlas.Scratch
	migrations fs.FS
	checked    []checked
}

// checkFiles checks the source tree, where there is one, else what the binary
// carries.
func (v *validation) checkFiles(ctx context.Context, root string) error {
	v.migrations = atlas.Migrations()
	params := atlas.InSyncParams{Scratch: v.scratch, Models: entities.All(), Migrations: v.migrations}
	where := "of this binary"
	schemaSQL, err := os.ReadFile(filepath.Join(root, "schema.sql"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if params.Schema, err = atlas.Schema(params.Models); err != nil {
			return err
		}
	case err != nil:
		return fmt.Errorf("error reading schema.sql: %w", err)
	default:
		where = "in " + root
		params.Schema = string(schemaSQL)
		v.migrations = os.DirFS(filepath.Join(root, "migrations"))
		params.Migrations = v.migrations
	}
	if err := v.add("files", "atlas.sum fits the migrations "+where, atlas.Validate(v.migrations)); err != nil || !v.checked[0].OK {
		return err
	}
	return v.add("entities", "they, schema.sql and the migrations "+where+" agree", atlas.InSync(ctx, params))
}

// add takes down the outcome of a check; an error that is no finding is
// returned.
func (v *validation) add(check, result string, err error) error {
	item := checked{Check: check, OK: err == nil, Result: result}
	var (
		drift *atlas.DriftError
		sum   *atlas.SumError
		half  *atlas.HalfAppliedError
		newer *atlas.NewerError
	)
	switch {
	case err == nil:
	case errors.As(err, &drift):
		item.Result = fmt.Sprintf("%s and %s differ: %s", drift.Have, drift.Want, drift.Next)
		item.Differences = drift.Differences
	case errors.As(err, &sum), errors.As(err, &half), errors.As(err, &newer):
		item.Result = err.Error()
	default:
		return err
	}
	v.checked = append(v.checked, item)
	return nil
}

func (c *cli) printChecked(checks []checked) error {
	failed := 0
	t := c.newTable(table.Row{"check", "state", "result"})
	for _, item := range checks {
		state := "ok"
		if !item.OK {
			state = "FAILED"
			failed++
		}
		t.AppendRow(table.Row{item.Check, state, item.Result})
	}
	if c.json {
		if err := c.printJSON(checks); err != nil {
			return err
		}
	} else {
		t.Render()
		for _, item := range checks {
			for _, difference := range item.Differences {
				fmt.Fprintln(c.out, difference)
			}
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d checks failed", failed, len(checks))
	}
	return nil
}
