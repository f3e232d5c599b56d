package main

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"nof0/config"
	"nof0/entities"
	"nof0/internal/recompute"
	"nof0/internal/verify"
	"nof0/repository"
)

func (c *cli) analyticsCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "analytics",
		Short: "Compute the published metrics from the facts, and compare them with published ones",
		Example: example(
			"DATABASE_URL=postgres://… nof0 analytics recompute gpt-5",
			"nof0 analytics verify --snapshot captures/2025-10-28",
		),
	}, c.analyticsRecomputeCommand(), c.analyticsVerifyCommand())
}

func (c *cli) analyticsRecomputeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "recompute [MODEL…]",
		Short: "Compute the metrics of models from every stored fact",
		Long: `Compute the metrics of the given models, or of every competitor, from every stored
trade and decision. nof0 serve does so by itself for what is new; this is for after
a repair by hand, or to be sure. An imported document is never overwritten: it stays
what is served until newer trades or decisions have come by ingest.

Running servers learn of it through the outbox. Models are computed one after the
other, each in a transaction of its own; Ctrl-C leaves those done that are done.`,
		Example: example(
			"DATABASE_URL=postgres://… nof0 analytics recompute",
			"DATABASE_URL=postgres://… nof0 analytics recompute gpt-5 grok-4 --json",
		),
		ValidArgsFunction: c.completeModels,
		RunE: func(cmd *cobra.Command, args []string) error {
			var results []recompute.Result
			err := c.onStore(cmd.Context(), func(_ config.Config, logger *slog.Logger, store *repository.Store) error {
				known, err := store.Models.All(cmd.Context())
				if err != nil {
					return err
				}
				models, err := chosen(args, known)
				if err != nil {
					return err
				}
				progress, finish := c.progressOf("computing metrics", "accounts")
				defer finish()
				results, err = recompute.New(recompute.Options{Store: store, Logger: logger}).All(cmd.Context(), models, progress)
				return err
			})
			if err != nil && len(results) == 0 {
				return err
			}
			return errors.Join(c.printRecomputed(results), err)
		},
	}
}

// chosen is the models that are asked for, or every competitor.
func chosen(models []string, known []entities.Model) ([]string, error) {
	kinds := make(map[string]string, len(known))
	var competitors []string
	for _, m := range known {
		kinds[m.ID] = m.Kind
		if m.Kind == entities.ModelCompetitor {
			competitors = append(competitors, m.ID)
		}
	}
	if len(models) == 0 {
		return competitors, nil
	}
	for _, model := range models {
		switch kinds[model] {
		case "":
			return nil, fmt.Errorf("%w %q; there are %s", repository.ErrUnknownModel, model, strings.Join(competitors, ", "))
		case entities.ModelBenchmark:
			return nil, fmt.Errorf("%q is a benchmark, which has no metrics; there are %s", model, strings.Join(competitors, ", "))
		}
	}
	return models, nil
}

func (c *cli) printRecomputed(results []recompute.Result) error {
	return c.print(map[string]any{"models": results}, func() {
		t := c.newTable(table.Row{"competition", "model", "outcome", "trades", "decisions", "took"}, 4, 5, 6)
		for _, r := range results {
			t.AppendRow(table.Row{r.Competition, r.Model, r.Outcome, r.Trades, r.Decisions, r.Elapsed.Round(time.Millisecond / 10)})
		}
		t.Render()
	})
}

func (c *cli) analyticsVerifyCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "verify --snapshot DIR",
		Short: "Compare the metrics that a snapshot publishes with what its own trades give",
		Long: `Compute the metrics of each model from the trades and decisions of a snapshot
directory, and compare them with those that the directory publishes. No database is
needed. A field that is held to be exact may be off by 1e-9 of its value.

Fields that cannot be compared are named with the reason, and so are those that are
known to differ. Exit status: 0 equal, 1 different, or not to be compared at all.`,
		Example: example("nof0 analytics verify --snapshot captures/2025-10-28", "nof0 analytics verify --snapshot captures/2025-10-28 --json"),
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir == "" {
				return usageError(cmd, "%s needs --snapshot DIR", cmd.CommandPath())
			}
			report, err := verify.Dir(dir)
			if err != nil {
				return err
			}
			if err := c.printVerified(report); err != nil {
				return err
			}
			if len(report.Faults) > 0 {
				return &exitError{code: 1}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "snapshot", "", "the snapshot directory (required)")
	_ = cmd.MarkFlagDirname("snapshot") // it exists
	return cmd
}

func (c *cli) printVerified(r *verify.Report) error {
	if c.json {
		return c.printJSON(r)
	}
	t := c.newTable(table.Row{"table", "class", "fields", "compared", "worst error", "faults", "worst"}, 3, 4, 5, 6)
	for _, g := range r.Groups {
		worst := ""
		if g.WorstField != "" {
			worst = g.WorstModel + " " + g.WorstField
		}
		t.AppendRow(table.Row{g.Table, g.Class, g.Fields, g.Compared, fmt.Sprintf("%.2g", g.Worst), g.Faults, worst})
	}
	t.Render()
	for _, m := range r.Models {
		if m.TradesCapped {
			fmt.Fprintf(c.out, "capped: %s has %d trades here, of %d published\n", m.Model, m.Trades, m.PublishedTrades)
		}
	}
	for _, l := range r.Left {
		fmt.Fprintf(c.out, "not compared: %s: %s (%s)\n", l.Fields, l.Reason, strings.Join(l.Models, ", "))
	}
	for _, k := range r.Known {
		gap := ""
		if k.Worst > 0 {
			gap = fmt.Sprintf(", off by up to %.2g", k.Worst)
		}
		fmt.Fprintf(c.out, "known difference: %s: %s (%s%s)\n", strings.Join(k.Fields, ", "), k.Reason, strings.Join(k.Models, ", "), gap)
	}
	for _, f := range r.Faults {
		fmt.Fprintf(c.out, "different: %s %s: computed %v, published %v\n", f.Model, strings.TrimPrefix(f.Table+"/"+f.Field, "/"), f.Computed, f.Published)
	}
	if len(r.Faults) == 0 {
		fmt.Fprintln(c.out, "equal")
	}
	return nil
}
