package main

import (
	"errors"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"nof0/config"
)

func (c *cli) configCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "config",
		Short:   "Print the effective configuration with secrets masked",
		Example: example("NOF0_HTTP_ADDR=:9000 nof0 config"),
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			rows, faults := config.Print(config.Options{File: c.file, Env: c.environ})
			return errors.Join(faults, c.print(rows, func() {
				t := c.newTable(table.Row{"key", "value", "from", "variable"})
				for _, r := range rows {
					t.AppendRow(table.Row{r.Key, r.Value, r.Origin, r.Env})
				}
				t.Render()
			}))
		},
	}
}
