package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"nof0/config"
	"nof0/internal/app"
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
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			cfg, logger, err := c.start(config.RequireDatabase())
			if err != nil {
				return err
			}
			if err := checkSchema(cmd.Context(), cfg, logger); err != nil {
				return err
			}
			store, err := app.OpenStore(cmd.Context(), cfg, nil)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, store.Close()) }()
			progress, finish := c.progressOf("candles", "days")
			defer finish()
			days, err := store.Candles.Rebuild(cmd.Context(), progress)
			if err != nil {
				return err
			}
			if c.json {
				return c.printJSON(map[string]int{"days": days})
			}
			fmt.Fprintf(c.out, "candles of %d days are made anew\n", days)
			return nil
		},
	})
}
