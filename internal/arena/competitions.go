package arena

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"nof0/cachelayer"
	"nof0/entities"
	"nof0/internal/analytics"
	"nof0/internal/mapping"
	"nof0/internal/wire"
	"nof0/repository"
)

// UnknownCompetitionError says that there is no competition of an id.
type UnknownCompetitionError struct{ ID string }

// Error implements error.
func (e *UnknownCompetitionError) Error() string {
	return fmt.Sprintf("no competition has the id %q", e.ID)
}

// Competitions knows which competitions there are.
type Competitions interface {
	// Competition returns the id of a competition: the one that is named, or the
	// default where none is. The error is an *UnknownCompetitionError, or wraps
	// ErrUnavailable.
	Competition(ctx context.Context, named string) (string, error)
}

// competitions are those that there are, and which of them is the default.
type competitions struct {
	IDs     []string `json:"ids"`
	Default string   `json:"default"`
}

// Competition implements Competitions.
func (s *Service) Competition(ctx context.Context, named string) (string, error) {
	all, _, err := s.competitions(ctx)
	if err != nil {
		return "", err
	}
	return all.named(named)
}

func (c *competitions) named(id string) (string, error) {
	if id == "" {
		id = c.Default
	}
	if !slices.Contains(c.IDs, id) {
		return "", &UnknownCompetitionError{ID: id}
	}
	return id, nil
}

// competitions returns which competitions there are: while the store cannot be asked,
// or takes too long, those that were known last, which old says.
func (s *Service) competitions(ctx context.Context) (all *competitions, old bool, err error) {
	if s.o.Store == nil {
		return nil, false, fmt.Errorf("%w: no database is configured", ErrUnavailable)
	}
	if all, ok := s.listed.inMemory(ctx); ok {
		return all, false, nil
	}
	whole, last := ctx, s.competing.Load()
	ctx, _, cancel := s.impatient(ctx, last != nil)
	defer cancel()
	all, err = s.listed.fetch(ctx)
	switch {
	case err == nil:
		s.competing.Store(all)
	case last != nil && whole.Err() == nil && (errors.Is(err, ErrUnavailable) || ctx.Err() != nil):
		return last, true, nil
	}
	return all, false, err
}

// scope is whose accounts a request is about.
type scope struct {
	// competition is the one that the view is of, "" of a view that is of none.
	competition string
	// named is it where the request names it.
	named string
	// old says that which competitions there are was not to be had, but from before.
	old bool
	// all are those whose accounts the view is made from.
	all  []string
	keys cachelayer.Keys
}

// scopeOf finds the competitions that a view is made from, of those that there are; nil
// for a view that is made from none. The error is an *UnknownCompetitionError.
func (s *Service) scopeOf(v *view, req Request, all *competitions, old bool) (sc scope, err error) {
	sc = scope{keys: s.keys, old: old}
	switch {
	case all == nil:
		return sc, nil
	case v.Across:
		sc.competition, sc.all = all.Default, all.IDs
		return sc, nil
	}
	sc.competition, err = all.named(req.Competition)
	sc.named, sc.all, sc.keys = req.Competition, []string{sc.competition}, s.keys.In(req.Competition)
	return sc, err
}

// store returns the store of a request, whose links name what the request does.
func (s *Service) store(sc scope) *Store {
	store := s.o.Store.In(sc.competition)
	store.named = sc.named
	return store
}

// In returns the same store bound to a competition.
func (s *Store) In(competition string) *Store {
	bound := *s
	bound.repos = s.repos.In(competition)
	return &bound
}

// DefaultCompetition returns the id of the competition of whoever names none; see
// repository.Competitions.
func DefaultCompetition(ctx context.Context, repos repository.Repositories, configured string) (string, error) {
	if configured != "" {
		return configured, nil
	}
	c, err := repos.Competitions.Default(ctx, "")
	if err != nil {
		return "", Unavailable(err)
	}
	return c.ID, nil
}

func (s *Store) competitionIDs(ctx context.Context, configured string) (*competitions, error) {
	all, err := s.repos.Competitions.All(ctx)
	if err != nil {
		return nil, Unavailable(err)
	}
	ids := make([]string, len(all))
	for i, c := range all {
		ids[i] = c.ID
	}
	is, err := DefaultCompetition(ctx, s.repos, configured)
	return &competitions{IDs: ids, Default: is}, err
}

// Competitions lists every competition, the given one as the default.
func (s *Store) Competitions(ctx context.Context, defaultID string) (wire.Competitions, error) {
	all, err := s.repos.Competitions.All(ctx)
	if err != nil {
		return wire.Competitions{}, Unavailable(err)
	}
	out := wire.Competitions{Competitions: make([]wire.ListedCompetition, len(all))}
	for i, c := range all {
		listed := wire.ListedCompetition{Competition: mapping.CompetitionPayload(c), Default: c.ID == defaultID}
		if listed.Accounts, listed.Leader, err = s.In(c.ID).leader(ctx); err != nil {
			return wire.Competitions{}, err
		}
		out.Competitions[i] = listed
	}
	out.ServerTime = s.serverTime()
	return out, nil
}

// leader returns how many accounts there are, and which competitor stands first; nil
// where none has a return.
func (s *Store) leader(ctx context.Context) (accounts int, leader *wire.Leader, err error) {
	facts, err := s.Competitors(ctx)
	if err != nil {
		return 0, nil, err
	}
	rows, err := s.repos.Accounts.All(ctx)
	if err != nil {
		return 0, nil, Unavailable(err)
	}
	if board := analytics.Leaderboard(facts); len(board) > 0 && !board[0].ReturnPct.IsZero() {
		leader = &wire.Leader{ModelID: board[0].ID, Equity: board[0].Equity, ReturnPct: board[0].ReturnPct}
	}
	return len(rows), leader, nil
}

// models lists those that have an account in the competition, in the order of lists.
func (s *Store) models(ctx context.Context) ([]entities.Model, error) {
	models, err := s.repos.Models.Participants(ctx)
	return models, Unavailable(err)
}
