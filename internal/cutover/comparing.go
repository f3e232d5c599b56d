package cutover

import (
	"context"
	"math/rand/v2"
	"time"

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
			Store:       storeOf(cfg),
			Repos:       store.Repositories,
			Competition: cfg.Arena.Competition,
			Confirm:     parity.DefaultConfirm(),
			Now:         time.Now,
		},
		Database: store,
		Interval: cfg.Rollout.ParityInterval,
	}
	if cfg.JSONDir != "" {
		o.Compare.JSON = newSource(cfg, defaultOf(cfg, store.Repositories), nil)
	}
	return o
}

// storeOf makes the store's side of a comparison.
func storeOf(cfg config.Config) func(repository.Repositories) arena.Source {
	return func(repos repository.Repositories) arena.Source {
		return arena.NewStore(repos, cfg.Arena.PrimaryProvider, time.Now)
	}
}

// newShadow returns what compares a sample of the requests.
func newShadow(o Options, files *jsonstore.Source) *parity.Shadow {
	return parity.NewShadow(parity.ShadowOptions{
		JSON:        files,
		Store:       storeOf(o.Config),
		Repos:       o.Store.Repositories,
		Competition: o.Config.Arena.Competition,
		Fraction:    o.Config.Rollout.ShadowSample,
		Random:      rand.Float64,
		Confirm:     parity.DefaultConfirm(),
		Registerer:  o.Registerer,
		Logger:      o.Logger,
		Now:         time.Now,
	})
}

// parityRuns reports how the last comparisons ended.
type parityRuns struct{ runs repository.Parity }

// Newest implements switches.Parity.
func (p parityRuns) Newest(ctx context.Context, domain string) (verdict string, ranAt time.Time, ok bool, err error) {
	run, err := p.runs.Newest(ctx, domain)
	if err != nil || run == nil {
		return "", time.Time{}, false, err
	}
	return run.Verdict, run.RanAt, true, nil
}
