package main

import (
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"nof0/config"
	"nof0/repository"
)

func (c *cli) candlesCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:     "candles",
		Short:   "Make the candles of equities and prices anew",
		Example: example("DATABASE_URL=postgres://… nof0 candles rebuild"),
	}, &cobra.Command{
		Use:   "rebuild",
		Short: "Make all candles anew from the rows that there are",
		Long: `Make the candles of equities and prices anew from the rows that there are. The
database moves them with each row; this is for after rows were changed with its
triggers off. Candles of prices whose rows were archived stay as they are.

It may run while others read and write: a day of a series is one transaction, for
which writers of that day wait. Ctrl-C leaves those done that are done.`,
		Example: example("DATABASE_URL=postgres://… nof0 candles rebuild"),
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var days int
			err := c.onStore(cmd.Context(), func(_ config.Config, _ *slog.Logger, store *repository.Store) (err error) {
				progress, finish := c.progressOf("candles", "days")
				defer finish()
				days, err = store.Candles.Rebuild(cmd.Context(), progress)
				return err
			})
			if err != nil {
				return err
			}
			return c.print(map[string]int{"days": days}, func() { fmt.Fprintf(c.out, "candles of %d days are made anew\n", days) })
		},
	})
}
