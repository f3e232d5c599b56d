package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"nof0/internal/season"
)

// playFlags are the flags of season play.
type playFlags struct {
	season season.Options
	plan   season.PlanOptions
	play   season.PlayOptions
	fills  int
}

func (c *cli) seasonPlayCommand() *cobra.Command {
	var f playFlags
	cmd := &cobra.Command{
		Use:   "play",
		Short: "Play a season against the ingest API of a running system",
		Long: `Play a season against the ingest API of a running system: prices by the minute,
positions, trades, decisions and equity, in the order in which they happened.

An empty arena gets a season that ends now. Where there is one of this seed, such as
that of nof0 dev, it goes on: at once up to now, then at --speed until interrupted (at
a speed of 0 it ends there), never more than 23 hours ahead of the clock. A system
that holds anything else is left alone.

With --start, the season that begins then is played whole, whatever is there. The same
seed and start make the same facts and the same idempotency keys, so that a run that
was broken off can be started again: within a day what was answered is not done
twice. A --run of its own makes other keys.

A request that finds the API busy or gone is sent again until --keep-trying has
passed. Exit status: 0 all taken, 1 something was rejected or not sent.`,
		Example: example(
			"nof0 season play --url http://127.0.0.1:8888 --speed 60 --seed 7",
			"NOF0_INGEST_TOKEN=… nof0 season play --speed 0 --models 7 --hours 24 --workers 8 --json",
			"nof0 season play --speed 600 --start 2025-10-17T22:00:00Z",
			"nof0 season play --speed 0 --models 20 --fills 100000",
		),
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, _, err := c.start()
			if err != nil {
				return err
			}
			f.play.Token = cmp.Or(f.play.Token, cfg.IngestToken)
			return c.play(cmd, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.play.URL, "url", "http://127.0.0.1:8888", "where the API is")
	flags.StringVar(&f.play.Token, "token", "", "bearer token (default $NOF0_INGEST_TOKEN)")
	flags.Float64Var(&f.play.Speed, "speed", 1, "times faster than it happened: 1 is real time, 0 as fast as it goes")
	c.seasonFlags(flags, &f.season)
	flags.IntVar(&f.fills, "fills", 0, "play so many dense fills of --models models instead of a season")
	flags.BoolVar(&f.plan.Analytics, "analytics", false, "send the metrics of each competitor at the end")
	flags.IntVar(&f.play.Workers, "workers", season.DefaultPlayWorkers, "models that are played side by side")
	flags.IntVar(&f.play.Batch, "batch", season.DefaultPlayBatch, "the most items of one request")
	flags.StringVar(&f.play.Run, "run", "", "name of the run, part of the idempotency keys")
	flags.DurationVar(&f.play.KeepTrying, "keep-trying", season.DefaultKeepTrying, "how long to wait for an API that is busy or gone")
	return cmd
}

func (c *cli) play(cmd *cobra.Command, f playFlags) error {
	ctx := cmd.Context()
	var there season.Standing
	goesOn := false
	if f.fills == 0 && f.season.Start.IsZero() {
		var err error
		there, goesOn, err = season.Find(ctx, f.play.URL, f.season.Seed)
		switch {
		case errors.Is(err, season.ErrOtherData):
			return fmt.Errorf("%w: name the --seed of what is there, or play into an empty arena, such as that of `nof0 dev --empty`", err)
		case err != nil:
			return err
		case goesOn && cmd.Flags().Changed("models") && f.season.Models != there.Options.Models:
			return fmt.Errorf("the season at %s has %d models, and --models asks for %d: leave it out, or play into an empty arena, such as that of `nof0 dev --empty`",
				f.play.URL, there.Options.Models, f.season.Models)
		}
	}
	f.play.Seed = f.season.Seed
	progress, finish := c.progress("playing")
	var played season.Played
	var err error
	if goesOn {
		fmt.Fprintf(c.err, "going on with the season that began at %s, from %s\n", moment(there.Options.Start), moment(there.Since))
		played, err = season.Continue(ctx, there, f.play)
	} else {
		var plan *season.Plan
		if plan, err = f.makePlan(ctx); err != nil {
			return err
		}
		f.play.Progress = func(acknowledged int) { progress(acknowledged, max(plan.Len(), acknowledged)) }
		played, err = season.Play(ctx, plan.Events(), f.play)
	}
	finish()
	if printed := c.printPlayed(played); printed != nil {
		return printed
	}
	if goesOn && ctx.Err() != nil {
		err = nil // it has no other end
	}
	if err == nil && played.Rejected > 0 {
		return &exitError{code: 1}
	}
	return err
}

func (f *playFlags) makePlan(ctx context.Context) (*season.Plan, error) {
	if f.fills > 0 {
		return season.Fills(season.FillsOptions{Seed: f.season.Seed, Models: f.season.Models, Count: f.fills}), nil
	}
	f.season.Start = startOf(f.season)
	s, err := season.Generate(ctx, f.season)
	if err != nil {
		return nil, err
	}
	return s.Plan(f.plan), nil
}

func (c *cli) printPlayed(p season.Played) error {
	if c.json {
		return c.printJSON(p)
	}
	t := c.newTable(table.Row{"items", "acknowledged", "unchanged", "rejected", "requests", "retries", "seconds", "items/s"}, 1, 2, 3, 4, 5, 6, 7, 8)
	t.AppendRow(table.Row{
		p.Items, p.Acknowledged, p.Unchanged, p.Rejected, p.Requests, p.Retries,
		fmt.Sprintf("%.1f", p.Seconds), fmt.Sprintf("%.0f", p.PerSecond),
	})
	t.Render()
	for _, r := range p.Rejections {
		fmt.Fprintf(c.out, "rejected %s of %q %q: %d %s\n", r.Kind, r.Model, r.ID, r.Status, r.Reason)
	}
	if more := p.Rejected - len(p.Rejections); more > 0 {
		fmt.Fprintf(c.out, "and %d more\n", more)
	}
	return nil
}
