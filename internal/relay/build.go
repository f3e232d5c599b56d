package relay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"sync/atomic"

	"nof0/cachelayer"
	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/catalogue"
	"nof0/repository"
)

// groupWeight bounds what is rewritten at once; see loader.
const groupWeight = 1024

// builder replaces projections by what Postgres holds.
type builder struct {
	projections *cachelayer.Projections
	keys        cachelayer.Keys
	provider    string // the primary one
	competition string // the configured default
	logger      *slog.Logger
	metrics     *metrics
	rendered    rendered
	// standard was the default competition last time: that it still is one is looked at
	// once the projections are claimed.
	standard atomic.Pointer[string]
}

// target is one projection with its key and how it is loaded.
type target struct {
	subject
	loader

	key cachelayer.Key
}

// errOtherDefault says that another competition became the default meanwhile.
var errOtherDefault = errors.New("the default competition has changed")

// rebuild replaces the projections that c names by what repos hold now. A
// lenient one leaves out and removes what cannot be built, for a reason other
// than an outage, and returns how many these were.
func (b *builder) rebuild(ctx context.Context, repos repository.Repositories, c *changes, lenient bool) (abandoned int, err error) {
	for is := b.standard.Load(); ; is = nil {
		if is == nil {
			now, err := arena.DefaultCompetition(ctx, repos, b.competition)
			if err != nil {
				return 0, err
			}
			is = &now
			b.standard.Store(is)
		}
		abandoned, err = b.rebuildOnce(ctx, repos, c, *is, lenient)
		if !errors.Is(err, errOtherDefault) {
			return abandoned, err
		}
	}
}

func (b *builder) rebuildOnce(ctx context.Context, repos repository.Repositories, c *changes, is string, lenient bool) (abandoned int, err error) {
	if c.everything {
		if c, err = b.everything(ctx, repos, is); err != nil {
			return 0, err
		}
	}
	if err := b.addHolders(ctx, repos, c, is); err != nil {
		return 0, err
	}
	targets, abandoned, err := b.targets(ctx, c, is, lenient)
	if err != nil {
		return 0, err
	}
	for len(targets) > 0 {
		n, weight := 0, 0
		for n < len(targets) && (n == 0 || weight+targets[n].weight <= groupWeight) {
			weight += targets[n].weight
			n++
		}
		left, err := b.rewrite(ctx, repos, targets[:n], c, is, lenient)
		if err != nil {
			return abandoned, err
		}
		abandoned += left
		targets = targets[n:]
	}
	return abandoned, nil
}

// rewrite replaces targets at once.
func (b *builder) rewrite(ctx context.Context, repos repository.Repositories, targets []target, c *changes, is string, lenient bool) (abandoned int, err error) {
	keys := make([]cachelayer.Key, len(targets))
	for i, t := range targets {
		keys[i] = t.key
	}
	left := map[string]bool{} // out, by key
	err = b.projections.Rewrite(ctx, keys, func(ctx context.Context, batch *cachelayer.Batch) error {
		// The keys were claimed for this one. What becomes the default from here on
		// is followed by an event, whose claim is a later one.
		if now, err := arena.DefaultCompetition(ctx, repos, b.competition); err != nil || now != is {
			return cmp.Or(err, errOtherDefault)
		}
		readings := map[string]*reading{}
		claimed := slices.DeleteFunc(slices.Clone(targets), func(t target) bool { return !batch.Claimed(t.key) })
		for _, t := range claimed {
			r := readings[t.competition]
			if r == nil {
				r = &reading{
					repos: repos.In(t.competition), provider: b.provider, ids: map[catalogue.ProjectionName][]string{},
					whole: batch.Whole(), markers: c.markers, rendered: &b.rendered,
				}
				readings[t.competition] = r
			}
			r.ids[t.of] = append(r.ids[t.of], t.id)
		}
		for _, t := range claimed {
			delete(left, t.key.Name)
			value, failed := t.safely(ctx, readings[t.competition])
			if failed == nil {
				failed = batch.Put(t.key, value)
			}
			if failed == nil {
				continue
			}
			if !lenient || isOutage(failed) {
				return fmt.Errorf("error building %s: %w", t.key.Name, failed)
			}
			left[t.key.Name] = true
			b.abandon(ctx, t.key.Family, failed)
			if err := batch.Put(t.key, cachelayer.Value{}); err != nil {
				return err
			}
		}
		return nil
	})
	return len(left), err
}

// safely loads a projection, also where what is stored breaks who reads it.
func (t *target) safely(ctx context.Context, r *reading) (v cachelayer.Value, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("panic: %v\n%s", panicked, debug.Stack())
		}
	}()
	return t.load(ctx, r, t.subject)
}

func (b *builder) abandon(ctx context.Context, family string, err error) {
	b.metrics.abandoned.WithLabelValues(family).Inc()
	b.logger.ErrorContext(ctx, "projection left out", slog.String("projection", family), slog.Any("error", err))
}

// targets lists the projections that c names, those of one model together. The keys
// of the default competition, is, do not name it.
func (b *builder) targets(ctx context.Context, c *changes, is string, lenient bool) (targets []target, abandoned int, err error) {
	var errs []error
	load := loaders()
	for _, s := range slices.SortedFunc(maps.Keys(c.subjects), subject.compare) {
		keys := b.keys
		if s.competition != is {
			keys = keys.In(s.competition)
		}
		key, err := keys.Projection(s.of, s.ids()...)
		switch {
		case err == nil:
			targets = append(targets, target{s, load[s.of], key})
		case lenient:
			abandoned++
			b.abandon(ctx, "id", err)
		default:
			errs = append(errs, err)
		}
	}
	return targets, abandoned, errors.Join(errs...)
}

// addHolders adds the models that hold, at the primary provider, what has a new price,
// in every competition that has not ended, and in the default, is.
func (b *builder) addHolders(ctx context.Context, repos repository.Repositories, c *changes, is string) error {
	moved := false
	for v := range c.prices {
		moved = moved || v.provider == b.provider
	}
	if !moved {
		return nil
	}
	all, err := repos.Competitions.All(ctx)
	if err != nil {
		return err
	}
	for _, competition := range all {
		if competition.Status == entities.CompetitionEnded && competition.ID != is {
			continue
		}
		open, err := repos.In(competition.ID).Positions.Open(ctx, b.provider)
		if err != nil {
			return err
		}
		for _, p := range open {
			if c.prices[venue{p.Provider, p.Symbol}] {
				c.subjects[subject{of: catalogue.ProjectionPositions, competition: competition.ID, id: p.ModelID}] = true
			}
		}
	}
	return nil
}

// everything names every projection there may be. Those of the default competition,
// is, are of every model: one without an account there may have had one in the default
// before.
func (b *builder) everything(ctx context.Context, repos repository.Repositories, is string) (*changes, error) {
	c, _ := changesOf(nil, b.provider)
	all, err := repos.Competitions.All(ctx)
	if err != nil {
		return nil, err
	}
	for _, competition := range all {
		list := repos.In(competition.ID).Models.Participants
		if competition.ID == is {
			list = repos.Models.All
		}
		models, err := list(ctx)
		if err != nil {
			return nil, err
		}
		c.subjects[subject{of: catalogue.ProjectionLeaderboard, competition: competition.ID}] = true
		for _, m := range models {
			c.addModel(competition.ID, m.ID)
		}
	}
	prices, err := repos.Prices.LatestOf(ctx)
	for _, p := range prices {
		c.addVenue(venue{p.Provider, p.Symbol})
	}
	if err != nil {
		return nil, err
	}
	contexts, err := repos.Markets.ContextsOf(ctx)
	for _, m := range contexts {
		c.addVenue(venue{m.Provider, m.Symbol})
	}
	if err != nil {
		return nil, err
	}
	assets, err := repos.Markets.AssetsOf(ctx)
	for _, a := range assets {
		c.subjects[subject{of: catalogue.ProjectionAsset, provider: a.Provider, id: a.Symbol}] = true
	}
	if err != nil {
		return nil, err
	}
	traders, err := repos.Traders.Of(ctx)
	for _, t := range traders {
		c.subjects[subject{of: catalogue.ProjectionTrader, id: t.TraderID}] = true
	}
	return c, err
}
