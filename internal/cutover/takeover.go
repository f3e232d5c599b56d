package cutover

import (
	"context"
	"errors"
	"fmt"
	"time"

	"nof0/config"
	"nof0/internal/arena"
	"nof0/internal/cutover/jsonstore"
	"nof0/internal/importer"
	"nof0/internal/snapshot"
	"nof0/internal/wire"
	"nof0/repository"
)

// takeover imports the files of a domain whose writes went to them alone: how
// they state things now is how things are.
type takeover struct{ cfg config.Config }

// Import implements switches.Importer.
func (t takeover) Import(ctx context.Context, tx repository.Repositories, d arena.Domain) ([]string, error) {
	switch held, err := jsonstore.Holds(t.cfg.JSONDir); {
	case err != nil:
		return nil, fmt.Errorf("error reading the JSON store: %w", err)
	case !held:
		return []string{"there is no file at all in json_dir (NOF0_JSON_DIR); is it the directory that the servers have?"}, nil
	}
	competition, err := tx.Competitions.Default(ctx, t.cfg.Arena.Competition)
	if err != nil {
		return nil, err
	}
	now, err := latest(ctx, tx.In(competition.ID))
	if err != nil {
		return nil, err
	}
	report, err := importer.ImportInto(ctx, tx, t.cfg.JSONDir, importer.Options{
		PrimaryProvider: t.cfg.Arena.PrimaryProvider,
		Benchmarks:      t.cfg.Arena.Benchmarks,
		Bounds:          wire.Bounds(t.cfg.Bounds),
		Now:             time.Now,
		LockWait:        t.cfg.Postgres.StatementTimeout,
		Domains:         []arena.Domain{d},
		Competition:     competition.ID,
		Own:             true,
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
			refused = append(refused, row.String())
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
