package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"nof0/entities"
	"nof0/internal/season"
	"nof0/repository"
)

// former is the competition before the one that goes on: it has ended, and the same
// models took part.
const (
	former      = "season-0"
	formerHours = 72
)

// loadFormer makes up the competition that ended as the season began, and imports it.
func (d *dev) loadFormer(ctx context.Context, from source) error {
	o := d.season
	o.Competition, o.Hours = former, min(o.Hours, formerHours)
	ends := startOf(d.season)
	o.Start = ends.Add(-time.Duration(o.Hours) * time.Hour)
	s, err := season.Generate(ctx, o)
	if err != nil {
		return err
	}
	dir := from.dir + "-before"
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("error removing an earlier season: %w", err)
	}
	if err := writeWhole(dir, func(tmp string) error { _, err := s.Write(ctx, tmp); return err }); err != nil {
		return err
	}
	if err := d.register(ctx, entities.Competition{
		ID: former, Name: "Season 0", StartsAt: &o.Start, EndsAt: &ends, Status: entities.CompetitionEnded,
	}); err != nil {
		return err
	}
	return d.importInto(ctx, dir, former)
}

func (d *dev) register(ctx context.Context, c entities.Competition) error {
	return withStore(ctx, d.cfg, func(store *repository.Store) error {
		return store.InTx(ctx, func(ctx context.Context, tx repository.Repositories) error {
			_, err := tx.Competitions.Put(ctx, []entities.Competition{c})
			return err
		})
	})
}
