package main

import (
	"fmt"

	"github.com/spf13/cobra"

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
		Short: "Write a season as a snapshot directory; the same seed gives the same bytes",
		Example: example(
			"nof0 season generate /tmp/season --seed 7 --models 7 --hours 200",
		),
		Args: oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
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
	cmd.Flags().Uint64Var(&o.Seed, "seed", seasonSeed, "seed of everything that is drawn by chance")
	cmd.Flags().IntVar(&o.Models, "models", season.DefaultModels, "accounts, the benchmark included")
	cmd.Flags().IntVar(&o.Hours, "hours", season.DefaultHours, "length in hours")
	return cmd
}
