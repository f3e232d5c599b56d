package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"nof0/config"
	"nof0/internal/arena"
	"nof0/internal/cutover"
	"nof0/repository"
)

func (c *cli) rolloutCommand() *cobra.Command {
	var reason string
	var force bool
	cmd := &cobra.Command{
		Use:   "rollout [DOMAIN [read=json|shadow|store] [write=json|both|store]]",
		Short: "Show or set where each domain is read from and written to",
		Long: `Show where each domain is read from and written to, or set it. Without a domain all
are shown, with the newest changes. Running servers follow within a second; no
request fails meanwhile.

  write  json   the JSON files alone
         both   Postgres, and the JSON files follow
         store  Postgres alone
  read   json   the JSON files
         shadow the JSON files; Postgres answers a sample as well, to be compared
         store  Postgres

A side that lies behind is brought along first: on the way to Postgres the JSON
files of the domain are imported, on the way back they are rendered. Therefore
NOF0_JSON_DIR has to name them, as it does for the servers.

Refused, with the reason: what would read from the store while it is not written to,
or write to the store alone while the files are read; and to read from the store
without a recent ` + "`nof0 parity`" + ` that found both sides equal, unless --force is given
with a --reason. docs/cutover.md has the whole way, step by step.`,
		Example: example(
			"nof0 rollout",
			"nof0 rollout prices write=both",
			`nof0 rollout prices read=store --reason "a day in shadow without a difference"`,
			"nof0 rollout prices read=json write=json --reason \"back\"",
		),
		ValidArgsFunction: completeRollout,
		RunE: func(cmd *cobra.Command, args []string) error {
			flip, err := flipOf(cmd, args)
			if err != nil {
				return err
			}
			flip.Reason, flip.Force, flip.By = reason, force, operator()
			return c.rollout(cmd.Context(), flip)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, as it is recorded")
	cmd.Flags().BoolVar(&force, "force", false, "override what can be overridden; needs a --reason")
	return cmd
}

// flipOf reads the arguments of the command.
func flipOf(cmd *cobra.Command, args []string) (f arena.Flip, err error) {
	if len(args) == 0 {
		return f, nil
	}
	f.Domain = arena.Domain(args[0])
	if !slices.Contains(arena.Domains(), f.Domain) {
		return f, usageError(cmd, "there is no domain %q; there are %s", args[0], domainNames())
	}
	for _, arg := range args[1:] {
		name, mode, ok := strings.Cut(arg, "=")
		switch {
		case !ok || mode == "":
			return f, usageError(cmd, "%q is neither read=… nor write=…", arg)
		case name == "read" && f.Read == "":
			f.Read = arena.ReadMode(mode)
		case name == "write" && f.Write == "":
			f.Write = arena.WriteMode(mode)
		default:
			return f, usageError(cmd, "%q: read=… and write=… are set, once each", arg)
		}
	}
	return f, nil
}

func (c *cli) rollout(ctx context.Context, flip arena.Flip) error {
	return c.onStore(ctx, func(cfg config.Config, logger *slog.Logger, store *repository.Store) error {
		moves := cutover.OpenRollout(cfg, store, logger)
		if flip.Read != "" || flip.Write != "" {
			state, err := moves.Set(ctx, flip)
			if err != nil {
				return err
			}
			return c.printDomains(state, *state)
		}
		state, err := moves.List(ctx)
		if err != nil {
			return err
		}
		for _, d := range state.Domains {
			if d.Domain == flip.Domain {
				return c.printDomains(d, d)
			}
		}
		if err := c.printDomains(state, state.Domains...); err != nil || c.json {
			return err
		}
		c.printChanges(state.Changes)
		return nil
	})
}

// printDomains prints where domains are; whole is that for machines.
func (c *cli) printDomains(whole any, domains ...arena.DomainState) error {
	return c.print(whole, func() {
		t := c.newTable(table.Row{"domain", "read", "write", "since", "by", "reason"})
		for _, d := range domains {
			row := table.Row{d.Domain, d.Read, d.Write, "the start", "", ""}
			if d.Changed != nil {
				row = table.Row{d.Domain, d.Read, d.Write, moment(d.Changed.At), d.Changed.By, reasonOf(*d.Changed)}
			}
			t.AppendRow(row)
		}
		t.Render()
	})
}

// printedChanges is how many changes people are shown.
const printedChanges = 10

func (c *cli) printChanges(changes []arena.RolloutChange) {
	if len(changes) == 0 {
		return
	}
	fmt.Fprintln(c.out)
	t := c.newTable(table.Row{"changed", "domain", "read", "write", "by", "reason"})
	for _, ch := range changes[:min(len(changes), printedChanges)] {
		t.AppendRow(table.Row{
			moment(ch.At), ch.Domain, step(string(ch.ReadFrom), string(ch.ReadTo)), step(string(ch.WriteFrom), string(ch.WriteTo)),
			ch.By, reasonOf(ch),
		})
	}
	t.Render()
}

func step(from, to string) string {
	if from == to {
		return to
	}
	return from + " → " + to
}

func reasonOf(c arena.RolloutChange) string {
	if c.Forced {
		return strings.TrimSpace(c.Reason + " (forced)")
	}
	return c.Reason
}

// completeRollout offers the domains, then what each switch can be set to.
func completeRollout(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return strings.Split(domainNames(), ", "), cobra.ShellCompDirectiveNoFileComp
	}
	var offered []string
	for name, modes := range map[string][]string{
		"read=":  {string(arena.ReadJSON), string(arena.ReadShadow), string(arena.ReadStore)},
		"write=": {string(arena.WriteJSON), string(arena.WriteBoth), string(arena.WriteStore)},
	} {
		if !slices.ContainsFunc(args, func(arg string) bool { return strings.HasPrefix(arg, name) }) {
			for _, mode := range modes {
				offered = append(offered, name+mode)
			}
		}
	}
	slices.Sort(offered)
	return offered, cobra.ShellCompDirectiveNoFileComp
}
