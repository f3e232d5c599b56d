package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"nof0/config"
	"nof0/entities"
	"nof0/internal/app"
	"nof0/internal/arena"
)

func (c *cli) correctCommand() *cobra.Command {
	var void bool
	var file string
	var request arena.CorrectionRequest
	var page arena.CorrectionQuery
	cmd := &cobra.Command{
		Use:   "correct [trade|equity|decision MODEL ID]",
		Short: "Void or replace a stored fact, or list what was corrected",
		Long: `Void or replace a stored fact: a trade, an equity row or a decision. Statistics,
metrics, positions and every view are then what they were without the fact, or with the
other one from the start; running servers follow within a second. What was there before
is kept, with who corrected it, when and why. Without arguments the newest corrections
are listed.

ID is that of the trade or the decision; of an equity row its timestamp in unix
seconds, as /api/account-totals has it.

FILE holds what takes the place of the fact, as an item of /api/ingest/trades, equity or
decisions; - is standard input. It is checked as ingest checks it and keeps the identity
of the fact: to correct that, void the fact and send the other one. The row of a trade
alone leaves what its fill said of the position; {trade, remaining} says it anew. To
bring back what was voided, replace it.

No sender and no import changes what was corrected. Refused while the writes of its
domain go to the JSON files alone (nof0 rollout); where they go to both, the files follow.`,
		Example: example(
			`nof0 correct trade gpt-5 gpt-5_9c1f --void --reason "the venue reversed it"`,
			`nof0 correct equity gpt-5 1761452335.744 --replace row.json --reason "equity was in cents"`,
			"nof0 correct --limit 50 --json",
		),
		ValidArgsFunction: c.completeCorrect,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				if void || file != "" || request.Reason != "" {
					return usageError(cmd, "which fact? Name its kind, its model and its id")
				}
				if page.Limit < 1 {
					return usageError(cmd, "--limit: %d is less than 1", page.Limit)
				}
				return c.listCorrections(cmd.Context(), page)
			}
			switch {
			case !slices.Contains(arena.CorrectionKinds(), args[0]):
				return usageError(cmd, "%q cannot be corrected; there are %s", args[0], strings.Join(arena.CorrectionKinds(), ", "))
			case len(args) != 3:
				return usageError(cmd, "a fact is named by its kind, its model and its id, and %d arguments were given", len(args))
			case void == (file != ""):
				return usageError(cmd, "give one of --void and --replace FILE")
			case strings.TrimSpace(request.Reason) == "":
				return usageError(cmd, "give a --reason: it is kept with the correction")
			}
			request.Kind, request.Model, request.ID, request.By = args[0], args[1], args[2], operator()
			request.Action = entities.CorrectionVoid
			if file != "" {
				raw, err := c.readFile(file)
				if err != nil {
					return err
				}
				request.Action, request.Fact = entities.CorrectionReplace, raw
			}
			return c.correct(cmd.Context(), request)
		},
	}
	cmd.Flags().BoolVar(&void, "void", false, "there was no such fact")
	cmd.Flags().StringVar(&file, "replace", "", "a JSON file with what takes the place of the fact, - for standard input")
	cmd.Flags().StringVar(&request.Competition, "competition", "", "competition of the fact (default: the default one)")
	cmd.Flags().StringVar(&request.Reason, "reason", "", "why, as it is recorded")
	cmd.Flags().IntVar(&page.Limit, "limit", 20, "how many corrections to list")
	cmd.Flags().Int64Var(&page.Before, "before", 0, "list those before the correction of this id")
	return cmd
}

// completeCorrect offers the kinds, then the models of the database.
func (c *cli) completeCorrect(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	switch len(args) {
	case 0:
		return arena.CorrectionKinds(), cobra.ShellCompDirectiveNoFileComp
	case 1:
		return c.completeModels(cmd, nil, word)
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// longestFact is the most bytes of a file that replaces a fact, as of a request.
const longestFact = 8 << 20

func (c *cli) readFile(name string) ([]byte, error) {
	in := c.in
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("error opening what takes the place of the fact: %w", err)
		}
		defer file.Close()
		in = file
	}
	raw, err := io.ReadAll(io.LimitReader(in, longestFact+1))
	if err != nil {
		return nil, fmt.Errorf("error reading %s: %w", name, err)
	}
	if len(raw) > longestFact {
		return nil, fmt.Errorf("%s has more than %d bytes, which is no fact", name, longestFact)
	}
	return raw, nil
}

// onFacts runs do with what corrects facts.
func (c *cli) onFacts(ctx context.Context, do func(arena.Corrector) error) (err error) {
	cfg, logger, err := c.start(config.RequireDatabase())
	if err != nil {
		return err
	}
	if err := checkSchema(ctx, cfg, logger); err != nil {
		return err
	}
	facts, closeAll, err := app.OpenCorrector(ctx, cfg, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeAll()) }()
	return do(facts)
}

func (c *cli) correct(ctx context.Context, request arena.CorrectionRequest) error {
	return c.onFacts(ctx, func(facts arena.Corrector) error {
		reply, err := facts.Correct(ctx, request)
		if err != nil {
			return err
		}
		return c.print(reply.CorrectionResult, func() {
			fmt.Fprintf(c.out, "%s %s of %s: %s\n", request.Kind, request.ID, request.Model, reply.Outcome)
			if reply.Detail != "" {
				fmt.Fprintln(c.out, reply.Detail)
			}
		})
	})
}

func (c *cli) listCorrections(ctx context.Context, q arena.CorrectionQuery) error {
	return c.onFacts(ctx, func(facts arena.Corrector) error {
		page, err := facts.Corrections(ctx, q)
		if err != nil {
			return err
		}
		return c.print(page, func() {
			t := c.newTable(table.Row{"id", "at", "kind", "model", "fact", "action", "by", "reason"}, 1)
			for _, one := range page.Corrections {
				t.AppendRow(table.Row{one.ID, moment(one.At), one.Kind, one.Model, one.FactID, one.Action, one.By, one.Reason})
			}
			t.Render()
			if page.Next > 0 {
				fmt.Fprintf(c.out, "… and more: --before %d\n", page.Next)
			}
		})
	})
}
