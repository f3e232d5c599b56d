package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"nof0/config"
	"nof0/internal/mapping"
	"nof0/internal/wire"
	"nof0/repository"
)

// listedCompetition is a competition as the command lists it.
type listedCompetition struct {
	wire.Competition
	IsDefault bool `json:"is_default"` // that of whoever names none
}

func (c *cli) competitionsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "competitions",
		Short: "List the competitions: seasons, and their modes",
		Long: `List the competitions, the one that started first at the beginning. The default one is
that of requests and rows that name none. POST /api/ingest/competitions registers,
starts, changes and ends them.`,
		Example: example("DATABASE_URL=postgres://… nof0 competitions", "nof0 competitions --json"),
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var listed []listedCompetition
			err := c.onStore(cmd.Context(), func(cfg config.Config, _ *slog.Logger, store *repository.Store) (err error) {
				listed, err = listCompetitions(cmd.Context(), store, cfg.Arena.Competition)
				return err
			})
			if err != nil {
				return err
			}
			return c.print(listed, func() {
				t := c.newTable(table.Row{"id", "name", "status", "starts", "ends", "default"})
				for _, one := range listed {
					isDefault := ""
					if one.IsDefault {
						isDefault = "default"
					}
					t.AppendRow(table.Row{one.ID, one.Name.Or(""), one.Status.Or(""), when(one.StartsAt), when(one.EndsAt), isDefault})
				}
				t.Render()
			})
		},
	}
}

func listCompetitions(ctx context.Context, store *repository.Store, configured string) (listed []listedCompetition, err error) {
	rows, err := store.Competitions.All(ctx)
	if err != nil {
		return nil, err
	}
	standard, err := store.Competitions.Default(ctx, configured)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		listed = append(listed, listedCompetition{mapping.CompetitionPayload(row), row.ID == standard.ID})
	}
	return listed, nil
}

// when is a time in unix seconds for people, "" where there is none.
func when(seconds wire.Opt[float64]) string {
	at, ok := seconds.Get()
	if !ok {
		return ""
	}
	return wire.Time(at).Format(time.RFC3339)
}
