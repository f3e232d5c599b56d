package app

import (
	"math/rand/v2"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"nof0/config"
	"nof0/internal/arena"
	"nof0/internal/cutover/jsonstore"
	"nof0/internal/cutover/parity"
	"nof0/repository"
)

// ParityOptions are those of the comparison of the JSON directory of a
// configuration with a database. Without a directory there is nothing to
// compare.
func ParityOptions(cfg config.Config, store *repository.Store) parity.RunnerOptions {
	o := parity.RunnerOptions{
		Compare: parity.Options{
			Store:   arena.NewStore(store.Repositories, cfg.Arena.PrimaryProvider, time.Now),
			Repos:   store.Repositories,
			Confirm: parity.DefaultConfirm(),
			Now:     time.Now,
		},
		Database: store,
		Interval: cfg.Rollout.ParityInterval,
	}
	if cfg.JSONDir != "" {
		o.Compare.JSON = jsonstore.NewSource(jsonstore.SourceOptions{
			Dir:             cfg.JSONDir,
			PrimaryProvider: cfg.Arena.PrimaryProvider,
			Benchmarks:      cfg.Arena.Benchmarks,
			Now:             time.Now,
		})
	}
	return o
}

func (a *App) newParity(registry prometheus.Registerer) (*parity.Runner, error) {
	o := ParityOptions(a.cfg, a.Store)
	o.Registerer, o.Logger = registry, a.logger
	return parity.NewRunner(o)
}

// newShadow makes what compares a sample of the requests; nil where there are no
// JSON files.
func (a *App) newShadow(registry prometheus.Registerer) (*parity.Shadow, error) {
	if a.json.source == nil {
		return nil, nil //nolint:nilnil // there is nothing to compare with, and no error
	}
	return parity.NewShadow(parity.ShadowOptions{
		JSON:       a.json.source,
		Store:      arena.NewStore(a.Store.Repositories, a.cfg.Arena.PrimaryProvider, time.Now),
		Repos:      a.Store.Repositories,
		Fraction:   a.cfg.Rollout.ShadowSample,
		Random:     rand.Float64,
		Confirm:    parity.DefaultConfirm(),
		Registerer: registry,
		Logger:     a.logger,
		Now:        time.Now,
	})
}
