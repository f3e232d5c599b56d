package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"nof0/config"
	"nof0/internal/apiclient"
	"nof0/internal/arena"
	"nof0/internal/cutover"
	"nof0/internal/cutover/parity"
	"nof0/internal/wire"
	"nof0/repository"
)

// Exit statuses of parity.
const (
	exitDifferent   = 1
	exitNotCompared = 2
)

// parityFlags say where both sides are.
type parityFlags struct {
	url  string // of the server that compares; "" is this process
	dir  string
	once bool
}

func (c *cli) parityCommand() *cobra.Command {
	var f parityFlags
	var names []string
	cmd := &cobra.Command{
		Use:   "parity",
		Short: "Compare what the JSON store and Postgres answer",
		Long: `Compare what the JSON store and Postgres answer, past every cache: rows by their
identity, numbers as doubles; absent, null and zero are three different things.

The JSON side may hold less: the newest 100 trades of a model, the newest 100
documents, and nothing newer than its files. A row that it lacks within that is a
difference. Current state that is older than that of Postgres cannot be compared.

What differs is read again some times, and counts only where it differs in the
same way each time, since the files follow the database by a moment. A row that the
JSON side cannot read is listed as refused; it serves the others. The report is
kept, and says whether a domain may be read from Postgres.

With --url a running server compares its own two sides, with the admin token of the
configuration (NOF0_ADMIN_TOKEN); no database has to be reached from here.

Exit status: 0 equal, 1 different, 2 could not compare.`,
		Example: example(
			"DATABASE_URL=postgres://… NOF0_JSON_DIR=data nof0 parity",
			"DATABASE_URL=postgres://… nof0 parity --snapshot captures/2025-10-26 --domain trades --domain prices --json",
			"NOF0_ADMIN_TOKEN=… nof0 parity --url https://arena.example.org",
		),
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			domains, err := domainsOf(cmd, names)
			if err != nil {
				return err
			}
			compare := c.compare
			if f.url != "" && (f.dir != "" || f.once) {
				return usageError(cmd, "the server at --url compares its own sides, and reads again what differs: leave --snapshot and --once out")
			}
			if f.url != "" {
				compare = c.compareThere
			}
			report, err := compare(cmd.Context(), f, domains)
			if err != nil {
				return &exitError{exitNotCompared, err}
			}
			if err := c.printParity(report); err != nil {
				return err
			}
			switch report.Verdict {
			case wire.VerdictEqual:
				return nil
			case wire.VerdictDifferent:
				return &exitError{code: exitDifferent}
			}
			return &exitError{code: exitNotCompared}
		},
	}
	cmd.Flags().StringVar(&f.url, "url", "", "ask the server there to compare")
	cmd.Flags().StringVar(&f.dir, "snapshot", "", "the JSON directory (default $NOF0_JSON_DIR)")
	cmd.Flags().StringArrayVar(&names, "domain", nil, "a domain to compare; may be given more than once (default all)")
	_ = cmd.MarkFlagDirname("snapshot")                           // they exist
	_ = cmd.RegisterFlagCompletionFunc("domain", completeDomains) // as above
	cmd.Flags().BoolVar(&f.once, "once", false, "read both sides once, where nothing writes meanwhile")
	return cmd
}

func domainsOf(cmd *cobra.Command, names []string) ([]arena.Domain, error) {
	var domains []arena.Domain
	for _, name := range names {
		d := arena.Domain(name)
		if !slices.Contains(arena.Domains(), d) {
			known := fmt.Sprint(arena.Domains())
			return nil, usageError(cmd, "there is no domain %q; there are %s", name, strings.Trim(known, "[]"))
		}
		if !slices.Contains(domains, d) {
			domains = append(domains, d)
		}
	}
	return domains, nil
}

// compare compares and keeps the report.
func (c *cli) compare(ctx context.Context, f parityFlags, domains []arena.Domain) (report *parity.Report, err error) {
	cfg, logger, err := c.start(config.RequireDatabase())
	if err != nil {
		return nil, err
	}
	if f.dir != "" {
		cfg.JSONDir = f.dir
	}
	if cfg.JSONDir == "" {
		return nil, errors.New("there is no JSON directory to compare with: give --snapshot, or set NOF0_JSON_DIR")
	}
	err = withSchema(ctx, cfg, logger, func(store *repository.Store) (err error) {
		o := cutover.ParityOptions(cfg, store) //nolint:contextcheck // reading a file carries none
		if f.once {
			o.Compare.Confirm = parity.Confirm{}
		}
		progress, finish := c.progress("comparing")
		defer finish()
		o.Compare.Progress = progress
		report, err = parity.NewRunner(o).Run(ctx, domains...)
		return err
	})
	return report, err
}

// compareThere lets a running server compare, which keeps the report.
func (c *cli) compareThere(ctx context.Context, f parityFlags, domains []arena.Domain) (*parity.Report, error) {
	cfg, _, err := c.startWith(config.Options{Required: []config.Requirement{
		{Path: "admin_token", Help: "set NOF0_ADMIN_TOKEN to the one of the server at " + f.url},
	}})
	if err != nil {
		return nil, err
	}
	server := apiclient.Client{URL: f.url, Token: cfg.AdminToken}
	if err := server.Check(); err != nil {
		return nil, err
	}
	paths := []string{"/admin/parity"}
	if len(domains) > 0 {
		paths = nil
		for _, d := range domains {
			paths = append(paths, "/admin/parity?domain="+string(d))
		}
	}
	began := time.Now()
	report := &parity.Report{RanAt: wire.Seconds(began)}
	for _, path := range paths {
		ran, err := apiclient.Post[wire.ParityRuns](ctx, server, path)
		if err != nil {
			return nil, err
		}
		report.Domains = append(report.Domains, ran.Runs...)
	}
	report.Took, report.Verdict = time.Since(began), parity.VerdictOf(report.Domains)
	return report, nil
}

func (c *cli) printParity(report *parity.Report) error {
	if c.json {
		return c.printJSON(report)
	}
	t := c.newTable(table.Row{"domain", "verdict", "compared", "equal", "differences", "not compared", "only in store", "not held by the files"}, 3, 4, 5, 6, 7)
	for _, d := range report.Domains {
		t.AppendRow(table.Row{
			d.Domain, d.Verdict, d.Counts.Compared, d.Counts.Equal, d.Counts.Differences, d.Counts.NotCompared, d.Counts.OnlyStore,
			strings.Join(d.NotHeld, ", "),
		})
	}
	t.Render()
	for _, d := range report.Domains {
		if len(d.Findings) > 0 {
			fmt.Fprintln(c.out)
			c.printDifferences(d.Findings)
		}
		if d.Counts.Moving > 0 {
			fmt.Fprintf(c.out, "%s: %d moved while they were compared\n", d.Domain, d.Counts.Moving)
		}
		if n := len(d.Information); n > 0 {
			fmt.Fprintf(c.out, "\n%s: %d figures of leaderboard.json are frozen copies and differ from what follows from the facts, which is no fault; --json lists them\n", d.Domain, n)
		}
	}
	return nil
}

// printFindings lists the first findings of a domain.
func (c *cli) printDifferences(all []wire.ParityFinding) {
	t := c.newTable(table.Row{"view", "model", "id", "field", "what", "json", "store"})
	for _, f := range all[:min(len(all), wire.ParityFindingsShown)] {
		what := f.Kind
		if f.Reason != "" {
			what += ": " + f.Reason
		}
		t.AppendRow(table.Row{f.View, f.Model, f.ID, f.Field, what, valueOf(f.JSON), valueOf(f.Store)})
	}
	t.Render()
	if more := len(all) - wire.ParityFindingsShown; more > 0 {
		fmt.Fprintf(c.out, "… and %d more of %s; --json lists all\n", more, all[0].Domain)
	}
}

// longestShown is how much of a value a table shows, in runes.
const longestShown = 40

func valueOf(v []byte) string {
	if v == nil {
		return "absent"
	}
	if short := []rune(string(v)); len(short) > longestShown {
		return string(short[:longestShown-1]) + "…"
	}
	return string(v)
}
