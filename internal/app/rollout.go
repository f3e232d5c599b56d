package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"nof0/config"
	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/cutover/jsonstore"
	"nof0/internal/cutover/mirror"
	"nof0/internal/cutover/parity"
	"nof0/internal/cutover/switches"
	"nof0/internal/importer"
	"nof0/internal/snapshot"
	"nof0/internal/wire"
	"nof0/repository"
)

// jsonStore is the directory of JSON files that is being replaced; every part is
// nil where there is none.
type jsonStore struct {
	source *jsonstore.Source
	writer *jsonstore.Writer
	mirror *mirror.Mirror
}

// openJSON opens the directory that a configuration names.
func openJSON(cfg config.Config, store *repository.Store, registry prometheus.Registerer, logger *slog.Logger) (j jsonStore, err error) {
	if cfg.JSONDir == "" {
		return j, nil
	}
	j.source = jsonstore.NewSource(jsonstore.SourceOptions{
		Dir:             cfg.JSONDir,
		PrimaryProvider: cfg.Arena.PrimaryProvider,
		Benchmarks:      cfg.Arena.Benchmarks,
		Now:             time.Now,
	})
	j.writer = jsonstore.NewWriter(jsonstore.WriterOptions{
		Dir: cfg.JSONDir, PrimaryProvider: cfg.Arena.PrimaryProvider, MatchWindow: cfg.Arena.MatchWindow, Now: time.Now,
	})
	j.mirror, err = mirror.New(mirror.Options{
		Dir:             cfg.JSONDir,
		Store:           store,
		PrimaryProvider: cfg.Arena.PrimaryProvider,
		Registerer:      registry,
		Logger:          logger,
		Now:             time.Now,
	})
	return j, err
}

// files is the source that the service answers from.
func (j jsonStore) files() arena.Files {
	if j.source == nil {
		return nil
	}
	return j.source
}

// side is what takes the writes of the files.
func (j jsonStore) side() arena.JSONSide {
	if j.writer == nil {
		return nil
	}
	return j.writer
}

// kick tells the mirror that there is something to follow.
func (j jsonStore) kick() {
	if j.mirror != nil {
		j.mirror.Kick()
	}
}

// follow keeps the files up to date until ctx ends.
func (j jsonStore) follow(ctx context.Context) {
	if j.mirror != nil {
		j.mirror.Follow(ctx)
	}
}

func (j jsonStore) close() error {
	if j.writer == nil {
		return nil
	}
	return j.writer.Close()
}

// openRollout reads where every domain is and makes what moves it.
func (a *App) openRollout(ctx context.Context, registry prometheus.Registerer) (err error) {
	if a.json, err = openJSON(a.cfg, a.Store, registry, a.logger); err != nil {
		return err
	}
	a.closers = append(a.closers, a.json.close)
	a.modes, err = switches.NewSwitches(ctx, switches.SwitchesOptions{
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
		// A flip may have brought one side along by an import.
		a.relay.AfterCommit(ctx, []entities.OutboxEvent{{Type: arena.EventImport}})
		// Best effort: they are read again soon anyway.
		_ = a.modes.Refresh(context.WithoutCancel(ctx))
		a.json.kick()
	})
	return nil
}

// OpenRollout opens what shows and sets the switches, for who serves nothing.
func OpenRollout(ctx context.Context, cfg config.Config, logger *slog.Logger) (_ arena.Rollout, closeAll func() error, err error) {
	store, err := OpenStore(ctx, cfg, nil)
	if err != nil {
		return nil, nil, err
	}
	files, err := openJSON(cfg, store, nil, logger)
	if err != nil {
		return nil, nil, errors.Join(err, store.Close())
	}
	return newRollout(cfg, store, files, logger, nil), store.Close, nil
}

// MoveToStore moves every domain that nobody has moved yet to the store, its
// reads and its writes, where both sides are equal. It tells which moved, and which
// stay, and why.
func MoveToStore(ctx context.Context, cfg config.Config, logger *slog.Logger, by string) (moved, stay []string, err error) {
	store, err := OpenStore(ctx, cfg, nil)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	files, err := openJSON(cfg, store, nil, logger)
	if err != nil {
		return nil, nil, err
	}
	moves := newRollout(cfg, store, files, slog.New(slog.DiscardHandler), nil) // what moved is returned
	state, err := moves.List(ctx)
	if err != nil {
		return nil, nil, err
	}
	var domains []arena.Domain
	for _, d := range state.Domains {
		if d.Changed == nil && d.Write == arena.WriteJSON {
			domains = append(domains, d.Domain)
		}
	}
	if len(domains) == 0 {
		return nil, nil, nil
	}
	runner, err := parity.NewRunner(ParityOptions(cfg, store))
	if err != nil {
		return nil, nil, err
	}
	if _, err := runner.Run(ctx, domains...); err != nil {
		return nil, nil, err
	}
	for _, d := range domains {
		_, err := moves.Set(ctx, arena.Flip{
			Domain: d, Read: arena.ReadStore, Write: arena.WriteStore, By: by, Reason: "both sides were equal at the start",
		})
		if refused, ok := errors.AsType[*arena.RefusedError](err); ok {
			stay = append(stay, fmt.Sprintf("%s stays with the JSON files: %s", d, refused.Reason))
		} else if err != nil {
			return moved, stay, err
		} else {
			moved = append(moved, string(d))
		}
	}
	return moved, stay, nil
}

func newRollout(cfg config.Config, store *repository.Store, files jsonStore, logger *slog.Logger, changed func(context.Context)) *switches.Rollout {
	o := switches.Options{
		Store:       store,
		Parity:      parityRuns{store.Parity},
		ParityLimit: cfg.Rollout.ParityLimit,
		Initial:     initialModes(cfg),
		Changed:     changed,
		Logger:      logger,
		Now:         time.Now,
	}
	if cfg.JSONDir != "" {
		o.Importer, o.Renderer = takeover{cfg}, files.mirror
	}
	return switches.New(o)
}

func initialModes(cfg config.Config) arena.Modes { return arena.InitialModes(cfg.JSONDir != "") }

// takeover imports the files of a domain whose writes went to them alone: how
// they tell things now is how things are.
type takeover struct{ cfg config.Config }

// Import implements switches.Importer.
func (t takeover) Import(ctx context.Context, tx repository.Repositories, d arena.Domain) ([]string, error) {
	switch held, err := jsonstore.Holds(t.cfg.JSONDir); {
	case err != nil:
		return nil, fmt.Errorf("error reading the JSON store: %w", err)
	case !held:
		return []string{"there is no file at all in json_dir (NOF0_JSON_DIR); is it the directory that the servers have?"}, nil
	}
	now, err := latest(ctx, tx)
	if err != nil {
		return nil, err
	}
	report, err := importer.ImportInto(ctx, tx, t.cfg.JSONDir, importer.Options{
		PrimaryProvider: t.cfg.Arena.PrimaryProvider,
		Benchmarks:      t.cfg.Arena.Benchmarks,
		Bounds:          wire.Bounds(t.cfg.Bounds),
		Now:             time.Now,
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

// Newest implements switches.Parity.
func (p parityRuns) Newest(ctx context.Context, domain string) (verdict string, ranAt time.Time, ok bool, err error) {
	run, err := p.runs.Newest(ctx, domain)
	if err != nil || run == nil {
		return "", time.Time{}, false, err
	}
	return run.Verdict, run.RanAt, true, nil
}
