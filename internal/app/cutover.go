package app

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/cutover"
)

// openCutover opens the JSON side and what moves domains away from it.
func (a *App) openCutover(ctx context.Context, registry prometheus.Registerer) (err error) {
	a.cutover, err = cutover.Open(ctx, cutover.Options{
		Config:     a.cfg,
		Store:      a.Store,
		Registerer: registry,
		Logger:     a.logger,
		Imported: func(ctx context.Context) {
			a.relay.AfterCommit(ctx, []entities.OutboxEvent{{Type: arena.EventImport}})
		},
	})
	if err == nil {
		a.closers = append(a.closers, a.cutover.Close)
	}
	return err
}
