package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"nof0/internal/season"
	"nof0/internal/wire"
)

func (c *cli) seasonCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:     "season",
		Short:   "Make up whole, consistent seasons",
		Example: example("nof0 season generate /tmp/season --seed 7"),
	}, c.seasonGenerateCommand(), c.seasonPlayCommand())
}

func (c *cli) seasonGenerateCommand() *cobra.Command {
	var o season.Options
	var competitions []string
	cmd := &cobra.Command{
		Use:   "generate DIR",
		Short: "Write a season as a snapshot directory; the same seed and start give the same bytes",
		Long: `Write a season as a snapshot directory. The same seed and start give the same bytes.

With --competitions, DIR gets a directory of each: the same models at the same prices,
each with a story of its own. ` + "`nof0 import --competition ID DIR/ID`" + ` takes one in.`,
		Example: example(
			"nof0 season generate /tmp/seasons --competitions season-1,season-2-calm,season-2-wild",
			"nof0 season generate /tmp/season --seed 7 --models 7 --hours 200",
			"nof0 season generate /tmp/season --start 2025-10-17T22:00:00Z",
		),
		Args:              oneArgument,
		ValidArgsFunction: completeOne(cobra.ShellCompDirectiveFilterDirs),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Start = startOf(o)
			if len(competitions) == 0 {
				one, err := writeSeason(cmd.Context(), args[0], o)
				if err != nil {
					return err
				}
				return c.printSeasons(one, one)
			}
			for _, id := range competitions {
				if err := checkDirName(id); err != nil {
					return usageError(cmd, "--competitions: %v", err)
				}
			}
			var all []writtenSeason
			for _, id := range competitions {
				o.Competition = id
				one, err := writeSeason(cmd.Context(), filepath.Join(args[0], id), o)
				if err != nil {
					return err
				}
				one.Competition = id
				all = append(all, one)
			}
			return c.printSeasons(all, all...)
		},
	}
	cmd.Flags().StringSliceVar(&competitions, "competitions", nil, "ids of competitions by commas, each of which gets a directory below DIR")
	c.seasonFlags(cmd.Flags(), &o)
	return cmd
}

// writtenSeason is a season on disk.
type writtenSeason struct {
	Competition string `json:"competition,omitempty"`
	Dir         string `json:"dir"`
	Seed        uint64 `json:"seed"`
	Files       int    `json:"files"`
	Bytes       int64  `json:"bytes"`
}

func writeSeason(ctx context.Context, dir string, o season.Options) (writtenSeason, error) {
	s, err := season.Generate(ctx, o)
	if err != nil {
		return writtenSeason{}, err
	}
	w, err := s.Write(ctx, dir)
	return writtenSeason{Dir: dir, Seed: o.Seed, Files: w.Files, Bytes: w.Bytes}, err
}

func (c *cli) printSeasons(document any, seasons ...writtenSeason) error {
	return c.print(document, func() {
		for _, s := range seasons {
			fmt.Fprintf(c.out, "%d files, %d bytes written to %s\n", s.Files, s.Bytes, s.Dir)
		}
	})
}

// checkDirName refuses an id of a competition that cannot name a directory of its own.
func checkDirName(id string) error {
	if err := wire.CheckID(id); err != nil {
		return fmt.Errorf("%q: %w", id, err)
	}
	if id != filepath.Base(id) || !filepath.IsLocal(id) || id == "." {
		return fmt.Errorf("%q cannot be the name of a directory", id)
	}
	return nil
}

// seasonFlags are those that say which season is meant.
func (c *cli) seasonFlags(flags *pflag.FlagSet, o *season.Options) {
	flags.Uint64Var(&o.Seed, "seed", c.season.Seed, "seed of everything that is drawn by chance")
	flags.IntVar(&o.Models, "models", c.season.Models, "accounts, the benchmark included")
	flags.IntVar(&o.Hours, "hours", c.season.Hours, "length in hours")
	flags.TimeVar(&o.Start, "start", time.Time{}, []string{time.RFC3339Nano}, "when it begins, as 2025-10-17T22:00:00Z (default: so that it ends now)")
}

// startOf is when a season begins: where nothing else is said, it ends now.
func startOf(o season.Options) time.Time {
	if o.Start.IsZero() {
		return time.Now().Add(-time.Duration(o.Hours) * time.Hour)
	}
	return o.Start
}
