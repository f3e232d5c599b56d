// Package cutover is all that goes once Postgres has replaced the JSON files: the
// directory that is still served and written, the switches that say per domain
// which side answers and is written to, the files that follow Postgres, and the
// comparison of both sides. docs/cutover.md says how it is used and removed.
package cutover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"nof0/config"
	"nof0/internal/arena"
	"nof0/internal/cutover/jsonstore"
	"nof0/internal/cutover/mirror"
	"nof0/internal/cutover/parity"
	"nof0/internal/cutover/switches"
	"nof0/internal/snapshot"
	"nof0/repository"
)

// Options are what a Cutover is made of.
type Options struct {
	Config     config.Config
	Store      *repository.Store
	Registerer prometheus.Registerer // nil registers nothing
	Logger     *slog.Logger
	// Imported is called after a change of a switch, which may have brought Postgres
	// along by an import.
	Imported func(ctx context.Context)
}

// Cutover is the JSON side of a process, and what moves domains away from it.
// Without a directory of JSON files it has the switches alone.
type Cutover struct {
	o       Options
	files   *jsonstore.Source // nil without a directory, as are the next three
	writer  *jsonstore.Writer
	mirror  *mirror.Mirror
	shadow  *parity.Shadow
	modes   *switches.Switches
	rollout *switches.Rollout
	parity  *parity.Runner
}

// Open reads the switches and opens the directory that the configuration names.
func Open(ctx context.Context, o Options) (*Cutover, error) {
	c := &Cutover{o: o}
	if dir := o.Config.JSONDir; dir != "" {
		arenaConfig := o.Config.Arena
		holds := c.holds(defaultOf(o.Config, o.Store.Repositories)) //nolint:contextcheck // reading a file carries none
		c.files = newSource(o.Config, holds, jsonstore.Refused(o.Registerer, o.Logger))
		c.writer = jsonstore.NewWriter(jsonstore.WriterOptions{
			Dir: dir, PrimaryProvider: arenaConfig.PrimaryProvider, MatchWindow: arenaConfig.MatchWindow, Competition: holds, Now: time.Now,
		})
		c.mirror, c.shadow = newMirror(o), newShadow(o, c.files)
	}
	var err error
	c.modes, err = switches.NewSwitches(ctx, switches.ModesOptions{
		Store:      o.Store.Rollout,
		Initial:    initialModes(o.Config),
		Logger:     o.Logger,
		Registerer: o.Registerer,
		Now:        time.Now,
	})
	if err != nil {
		return nil, fmt.Errorf("error reading the switches of the rollout: %w", err)
	}
	c.rollout = newRollout(o, c.mirror, c.changed)
	comparing := ParityOptions(o.Config, o.Store) //nolint:contextcheck // see there
	comparing.Registerer, comparing.Logger = o.Registerer, o.Logger
	c.parity = parity.NewRunner(comparing)
	return c, nil
}

// changed follows a change of a switch.
func (c *Cutover) changed(ctx context.Context) {
	c.o.Imported(ctx)
	// Best effort: they are read again soon anyway.
	_ = c.modes.Refresh(context.WithoutCancel(ctx))
	c.Kick()
}

// Answers answers from the side that serves a domain now, the store by service.
func (c *Cutover) Answers(service *arena.Service) arena.Answerer {
	a := &answers{service: service, modes: c.modes.Modes, now: time.Now}
	if c.files != nil {
		a.files, a.offer = c.files, c.shadow.Offer
	}
	return a
}

// Writes takes the writes of domains that are in the files; nil without a
// directory.
func (c *Cutover) Writes() arena.JSONSide {
	if c.writer == nil {
		return nil
	}
	return c.writer
}

// Rollout shows and sets the switches.
func (c *Cutover) Rollout() arena.Rollout { return c.rollout }

// Parity compares both sides.
func (c *Cutover) Parity() arena.Parity { return c.parity }

// Kick says that events have been relayed, which files may have to follow.
func (c *Cutover) Kick() {
	if c.mirror != nil {
		c.mirror.Kick()
	}
}

// Run follows the switches, keeps the files up to date and compares both sides,
// until ctx ends.
func (c *Cutover) Run(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() { c.modes.Run(ctx) })
	all.Go(func() { c.parity.Follow(ctx) })
	if c.files != nil {
		all.Go(func() { c.mirror.Follow(ctx) })
		all.Go(func() { c.shadow.Run(ctx) })
	}
	all.Wait()
}

// Close gives back what is kept of the files.
func (c *Cutover) Close() error {
	if c.writer == nil {
		return nil
	}
	return c.writer.Close()
}

// OpenRollout opens what shows and sets the switches, for who serves nothing.
func OpenRollout(cfg config.Config, store *repository.Store, logger *slog.Logger) arena.Rollout {
	o := Options{Config: cfg, Store: store, Logger: logger}
	return newRollout(o, newMirror(o), nil)
}

// MoveToStore moves every domain that nobody has moved yet to the store, its
// reads and its writes, where both sides are equal. It says which moved, and which
// stay, and why.
func MoveToStore(ctx context.Context, cfg config.Config, store *repository.Store, by string) (moved, stay []string, err error) {
	moves := OpenRollout(cfg, store, slog.New(slog.DiscardHandler)) // what moved is returned
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
	if _, err := parity.NewRunner(ParityOptions(cfg, store)).Run(ctx, domains...); err != nil { //nolint:contextcheck // see there
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

func newRollout(o Options, files *mirror.Mirror, changed func(context.Context)) *switches.Rollout {
	made := switches.Options{
		Store:       o.Store,
		Parity:      parityRuns{o.Store.Parity},
		ParityLimit: o.Config.Rollout.ParityLimit,
		Initial:     initialModes(o.Config),
		Changed:     changed,
		Logger:      o.Logger,
		Now:         time.Now,
	}
	if files != nil {
		made.Importer, made.Renderer = takeover{o.Config}, files
	}
	return switches.New(made)
}

func initialModes(cfg config.Config) arena.Modes { return arena.InitialModes(cfg.JSONDir != "") }

// newSource returns the source of the directory; holds and faulty are its options.
func newSource(cfg config.Config, holds func() (string, error), faulty func(file string, faults []snapshot.RowFault)) *jsonstore.Source {
	return jsonstore.NewSource(jsonstore.SourceOptions{
		Competition:     holds,
		Dir:             cfg.JSONDir,
		PrimaryProvider: cfg.Arena.PrimaryProvider,
		Benchmarks:      cfg.Arena.Benchmarks,
		Faulty:          faulty,
		Now:             time.Now,
	})
}

// newMirror returns what renders the files; nil without a directory.
func newMirror(o Options) *mirror.Mirror {
	if o.Config.JSONDir == "" {
		return nil
	}
	return mirror.New(mirror.Options{
		Dir:             o.Config.JSONDir,
		Store:           o.Store,
		PrimaryProvider: o.Config.Arena.PrimaryProvider,
		Competition:     o.Config.Arena.Competition,
		Registerer:      o.Registerer,
		Logger:          o.Logger,
		Now:             time.Now,
	})
}
