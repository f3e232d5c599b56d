package switches

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/wire"
	"nof0/repository"
)

// Options are what a Rollout is made of.
type Options struct {
	Store *repository.Store
	// Importer and Renderer bring one side to where the other is. Both are nil
	// where there are no JSON files.
	Importer Importer
	Renderer Renderer
	Parity   Parity
	// ParityLimit is how old the parity run may be that reading from the store
	// rests on.
	ParityLimit time.Duration
	// Initial are the modes of a domain that nobody has set.
	Initial arena.Modes
	// Changed, where given, is called after each change.
	Changed func(ctx context.Context)
	Logger  *slog.Logger
	Now     func() time.Time
	// LockWait is how long a change waits for writes under way, while those that
	// come later wait for it; 0 is 5 s.
	LockWait time.Duration
}

// Importer brings the JSON files of a domain into the database.
type Importer interface {
	// Import works in a transaction that holds the rollout lock alone. What it
	// takes in is newer than all that the database has of current state. Rows
	// that it could not take in are refused, each with its reason. An error may
	// be an *arena.RefusedError.
	Import(ctx context.Context, tx repository.Repositories, d arena.Domain) (refused []string, err error)
}

// Renderer brings what the database holds into the JSON files.
type Renderer interface {
	// Render replaces the files of the domains by what the transaction sees. It
	// holds the rollout lock.
	Render(ctx context.Context, tx repository.Repositories, domains ...arena.Domain) error
}

// Parity knows how the last comparisons of the sources ended.
type Parity interface {
	// Newest returns the newest run of a domain; ok is false where there is none.
	Newest(ctx context.Context, domain string) (verdict string, ranAt time.Time, ok bool, err error)
}

const (
	defaultLockWait = 5 * time.Second
	// shownChanges is how many changes a list shows, and shownRows how many
	// refused rows a reason names.
	shownChanges = 50
	shownRows    = 5
)

// Rollout shows and sets the switches.
type Rollout struct{ o Options }

var _ arena.Rollout = (*Rollout)(nil)

// New returns the rollout of a database.
func New(o Options) *Rollout {
	if o.LockWait == 0 {
		o.LockWait = defaultLockWait
	}
	if o.Changed == nil {
		o.Changed = func(context.Context) {}
	}
	return &Rollout{o}
}

// List implements arena.Rollout.
func (r *Rollout) List(ctx context.Context) (*arena.RolloutState, error) {
	set, err := r.o.Store.Rollout.Switches(ctx)
	if err != nil {
		return nil, arena.Unavailable(err)
	}
	last, err := r.o.Store.Rollout.LastChanges(ctx)
	if err != nil {
		return nil, arena.Unavailable(err)
	}
	changes, err := r.o.Store.Rollout.Changes(ctx, shownChanges)
	if err != nil {
		return nil, arena.Unavailable(err)
	}
	state := &arena.RolloutState{Changes: make([]arena.RolloutChange, len(changes))}
	for i, c := range changes {
		state.Changes[i] = changeOf(c)
	}
	modes := modesOf(set, r.o.Initial)
	for _, d := range arena.Domains() {
		one := arena.DomainState{Domain: d, Read: modes[d].Read, Write: modes[d].Write}
		if i := slices.IndexFunc(last, func(c entities.RolloutChange) bool { return c.Domain == string(d) }); i >= 0 {
			change := changeOf(last[i])
			one.Changed = &change
		}
		parity, err := r.parity(ctx, arena.Flip{Domain: d, Read: arena.ReadStore})
		if err != nil {
			return nil, err
		}
		one.Moves = r.moves(d, modes[d], parity)
		state.Domains = append(state.Domains, one)
	}
	return state, nil
}

func changeOf(c entities.RolloutChange) arena.RolloutChange {
	return arena.RolloutChange{
		Domain: arena.Domain(c.Domain), At: c.CreatedAt, By: c.ChangedBy, Reason: c.Reason, Forced: c.Forced,
		ReadFrom: arena.ReadMode(c.ReadFrom), ReadTo: arena.ReadMode(c.ReadTo),
		WriteFrom: arena.WriteMode(c.WriteFrom), WriteTo: arena.WriteMode(c.WriteTo),
	}
}

// Set implements arena.Rollout. A domain that is already where it shall be is
// left alone, and nothing is recorded.
func (r *Rollout) Set(ctx context.Context, f arena.Flip) (*arena.DomainState, error) {
	if err := check(f); err != nil {
		return nil, err
	}
	// Asked before the transaction: in it, the connections of the pool may all
	// be taken by writers that wait for it.
	parity, err := r.parity(ctx, f)
	if err != nil {
		return nil, err
	}
	began := r.o.Now()
	m := &move{rollout: r, flip: f, parity: parity}
	err = r.o.Store.InTx(ctx, m.run)
	if err != nil {
		return nil, setError(err)
	}
	if m.change == nil {
		return &arena.DomainState{Domain: f.Domain, Read: m.from.Read, Write: m.from.Write}, nil
	}
	level := slog.LevelInfo
	if m.change.Forced {
		level = slog.LevelWarn
	}
	r.o.Logger.Log(ctx, level, "domain is moved", slog.String("domain", string(f.Domain)),
		slog.String("read", string(m.to.Read)), slog.String("write", string(m.to.Write)),
		slog.String("by", f.By), slog.String("reason", f.Reason), slog.Bool("forced", m.change.Forced),
		slog.Any("overridden", m.overridden), slog.Duration("took", r.o.Now().Sub(began)))
	r.o.Changed(ctx)
	change := changeOf(*m.change)
	return &arena.DomainState{Domain: f.Domain, Read: m.to.Read, Write: m.to.Write, Changed: &change}, nil
}

// parity returns why the last parity run is no ground to read from the store,
// "" where it is one or is not needed.
func (r *Rollout) parity(ctx context.Context, f arena.Flip) (string, error) {
	if f.Read != arena.ReadStore {
		return "", nil
	}
	verdict, ranAt, ok, err := r.o.Parity.Newest(ctx, string(f.Domain))
	if err != nil {
		return "", arena.Unavailable(err)
	}
	age := r.o.Now().Sub(ranAt)
	switch {
	case !ok:
		return fmt.Sprintf("%s has no parity run yet; run `nof0 parity --domain %s` first", f.Domain, f.Domain), nil
	case verdict != wire.VerdictEqual:
		return fmt.Sprintf("the last parity run of %s, at %s, ended with: %s; see `nof0 parity --domain %s`",
			f.Domain, ranAt.UTC().Format(time.RFC3339), verdict, f.Domain), nil
	case age > r.o.ParityLimit:
		return fmt.Sprintf("the last parity run of %s is %s old, and rollout.parity_limit is %s; run `nof0 parity --domain %s` again",
			f.Domain, age.Round(time.Second), r.o.ParityLimit, f.Domain), nil
	}
	return "", nil
}

// setError is [arena.Unavailable] for a change of a switch, for which the store waits
// until the writes under way end.
func setError(err error) error {
	if errors.Is(err, repository.ErrLocked) {
		return fmt.Errorf("%w: writes are under way that do not end; nothing was changed: %w", arena.ErrBusy, err)
	}
	return arena.Unavailable(err)
}
