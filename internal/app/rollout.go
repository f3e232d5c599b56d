package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"nof0/config"
	"nof0/internal/arena"
	"nof0/internal/importer"
	"nof0/internal/rollout"
	"nof0/internal/snapshot"
	"nof0/repository"
)

// jsonStore is the directory of JSON files that is being replaced; every part is
// nil where there is none.
type jsonStore struct {
	source   arena.Files
	writer   arena.JSONSide
	renderer rollout.Renderer
}

// openJSON opens the directory that a configuration names.
func openJSON(cfg config.Config) jsonStore {
	if cfg.JSONDir == "" {
		return jsonStore{}
	}
	return jsonStore{
		source: snapshot.NewSource(snapshot.SourceOptions{
			Dir:             cfg.JSONDir,
			PrimaryProvider: cfg.Arena.PrimaryProvider,
			Benchmarks:      cfg.Arena.Benchmarks,
			Now:             time.Now,
		}),
		// TODO(mirror): writer is snapshot.NewWriter, renderer the mirror.
	}
}

// openRollout reads where every domain is and makes what moves it.
func (a *App) openRollout(ctx context.Context, registry prometheus.Registerer) (err error) {
	a.json = openJSON(a.cfg)
	a.modes, err = rollout.NewSwitches(ctx, rollout.SwitchesOptions{
		Store:      a.Store.Rollout,
		Initial:    initialModes(a.cfg),
		Logger:     a.logger,
		Registerer: registry,
		Now:        time.Now,
	})
	if err != nil {
		return fmt.Errorf("error reading the switches of the rollout: %w", err)
	}
	a.moves = newRollout(a.cfg, a.Store, a.json, a.logger, func(ctx context.Context) {
		// Best effort: they are read again soon anyway.
		_ = a.modes.Refresh(context.WithoutCancel(ctx))
	})
	return nil
}

// OpenRollout opens what shows and sets the switches, for who serves nothing.
func OpenRollout(ctx context.Context, cfg config.Config, logger *slog.Logger) (_ arena.Rollout, closeAll func() error, err error) {
	store, err := OpenStore(ctx, cfg, nil)
	if err != nil {
		return nil, nil, err
	}
	return newRollout(cfg, store, openJSON(cfg), logger, nil), store.Close, nil
}

// MoveToStore moves every domain that nobody has moved yet to the store, its
// reads and its writes, where both sides are equal. It tells which stay, and why.
func MoveToStore(ctx context.Context, cfg config.Config, logger *slog.Logger, by string) (stay []string, err error) {
	moves, closeAll, err := OpenRollout(ctx, cfg, logger)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeAll()) }()
	state, err := moves.List(ctx)
	if err != nil {
		return nil, err
	}
	// TODO(parity): compare the domains without a change, and keep the reports.
	for _, d := range state.Domains {
		if d.Changed != nil || (d.Read == arena.ReadStore && d.Write == arena.WriteStore) {
			continue
		}
		_, err := moves.Set(ctx, arena.Flip{
			Domain: d.Domain, Read: arena.ReadStore, Write: arena.WriteStore, By: by, Reason: "both sides are equal at the start",
		})
		if refused, ok := errors.AsType[*arena.RefusedError](err); ok {
			stay = append(stay, fmt.Sprintf("%s stays on %s: %s", d.Domain, d.Read, refused.Reason))
			continue
		}
		if err != nil {
			return stay, err
		}
	}
	return stay, nil
}

func newRollout(cfg config.Config, store *repository.Store, files jsonStore, logger *slog.Logger, changed func(context.Context)) *rollout.Rollout {
	o := rollout.Options{
		Store:       store,
		Renderer:    files.renderer,
		Parity:      parityRuns{store.Parity},
		ParityLimit: cfg.Rollout.ParityLimit,
		Initial:     initialModes(cfg),
		Changed:     changed,
		Logger:      logger,
		Now:         time.Now,
	}
	if cfg.JSONDir != "" {
		o.Importer = takeover{cfg}
	}
	return rollout.New(o)
}

func initialModes(cfg config.Config) arena.Modes { return arena.InitialModes(cfg.JSONDir != "") }

// jsonFailures counts what the JSON files lack.
func jsonFailures(reg prometheus.Registerer) (prometheus.Counter, error) {
	c := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "nof0_json_write_failures_total",
		Help: "Writes that Postgres took and that could not be brought to the JSON files.",
	})
	return c, reg.Register(c)
}

// takeover imports the files of a domain whose writes went to them alone: how
// they tell things now is how things are.
type takeover struct{ cfg config.Config }

// Import implements rollout.Importer.
func (t takeover) Import(ctx context.Context, tx repository.Repositories, d arena.Domain) ([]string, error) {
	now, err := latest(ctx, tx)
	if err != nil {
		return nil, err
	}
	report, err := importer.ImportInto(ctx, tx, t.cfg.JSONDir, importer.Options{
		PrimaryProvider: t.cfg.Arena.PrimaryProvider,
		Benchmarks:      t.cfg.Arena.Benchmarks,
		Domains:         []arena.Domain{d},
		CapturedAt:      now,
	})
	if fault, ok := errors.AsType[*snapshot.FileError](err); ok {
		return nil, &arena.RefusedError{Reason: "a JSON file is damaged: " + fault.Error()}
	}
	if err != nil {
		return nil, err
	}
	var refused []string
	for _, kind := range report.Kinds {
		for _, row := range kind.Rows {
			refused = append(refused, fmt.Sprintf("%s row %d (offset %d) %q: %v", row.File, row.Row, row.Offset, row.ID, row.Faults))
		}
	}
	return refused, nil
}

// latest is now, or just past what the database has of current state, should
// some of it be of a clock that is ahead.
func latest(ctx context.Context, tx repository.Repositories) (time.Time, error) {
	now := time.Now()
	accounts, err := tx.Accounts.All(ctx)
	if err != nil {
		return now, err
	}
	for _, account := range accounts {
		for _, at := range []*time.Time{account.PositionsAsOf, account.InvocationsAsOf} {
			if at != nil && !at.Before(now) {
				now = at.Add(time.Microsecond)
			}
		}
	}
	return now, nil
}

// parityRuns tells how the last comparisons ended.
type parityRuns struct{ runs repository.Parity }

// Newest implements rollout.Parity.
func (p parityRuns) Newest(ctx context.Context, domain string) (verdict string, ranAt time.Time, ok bool, err error) {
	run, err := p.runs.Newest(ctx, domain)
	if err != nil || run == nil {
		return "", time.Time{}, false, err
	}
	return run.Verdict, run.RanAt, true, nil
}
