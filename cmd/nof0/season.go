package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"nof0/internal/season"
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
	cmd := &cobra.Command{
		Use:   "generate DIR",
		Short: "Write a season as a snapshot directory; the same seed and start give the same bytes",
		Example: example(
			"nof0 season generate /tmp/season --seed 7 --models 7 --hours 200",
			"nof0 season generate /tmp/season --start 2025-10-17T22:00:00Z",
		),
		Args:              oneArgument,
		ValidArgsFunction: completeOne(cobra.ShellCompDirectiveFilterDirs),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Start = startOf(o)
			s, err := season.Generate(cmd.Context(), o)
			if err != nil {
				return err
			}
			written, err := s.Write(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if c.json {
				return c.printJSON(map[string]any{"dir": args[0], "seed": o.Seed, "files": written.Files, "bytes": written.Bytes})
			}
			fmt.Fprintf(c.out, "%d files, %d bytes written to %s\n", written.Files, written.Bytes, args[0])
			return nil
		},
	}
	c.seasonFlags(cmd.Flags(), &o)
	return cmd
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
