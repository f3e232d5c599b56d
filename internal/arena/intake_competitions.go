package arena

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/entities"
	"nof0/internal/mapping"
	"nof0/internal/wire"
	"nof0/repository"
)

// name reads which competition an item names, in itself or else by its request.
func (e *entry) name(raw jsontext.Value, request string) {
	named, err := wire.CompetitionOf(raw)
	if err != nil && e.accepted() {
		e.invalid(err)
	}
	e.named = cmp.Or(named, request)
}

func (e *entry) unknownModel(model, standard string) {
	where := ""
	if e.competition != standard {
		where = fmt.Sprintf(" in competition %q", e.competition)
	}
	e.reject(RejectedUnknown, fmt.Sprintf("%v %q%s; register it with ?register=true or /api/ingest/models",
		repository.ErrUnknownModel, model, where), nil)
}

// PastEnd says why a competition that has ended does not take facts of these times, in
// unix seconds by what has them; "" where it does.
func PastEnd(c *entities.Competition, times map[string]float64) string {
	if c.Status != entities.CompetitionEnded || c.EndsAt == nil {
		return ""
	}
	for _, name := range slices.Sorted(maps.Keys(times)) {
		if at := wire.Time(times[name]); at.After(*c.EndsAt) {
			return fmt.Sprintf("competition %q ended at %s and takes no fact later than that: %s is %s",
				c.ID, instant(*c.EndsAt), name, instant(at))
		}
	}
	return ""
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// bind makes a competition the one that is stored to; "" is for what belongs to none.
func (w *write) bind(competition string) {
	w.competition, w.tx = competition, w.all.In(competition)
}

// bound returns those of the entries that are of the bound competition.
func (w *write) bound(entries []*entry) []*entry {
	return slices.DeleteFunc(slices.Clone(entries), func(e *entry) bool { return e.competition != w.competition })
}

// competitions lists those of the accepted items, in the order of the items; "" is
// among them for what belongs to none.
func (w *write) competitions() (ids []string) {
	for _, e := range w.accepted() {
		if !slices.Contains(ids, e.competition) {
			ids = append(ids, e.competition)
		}
	}
	return ids
}

// lockUnknown returns the locks of the competitions that the write may register.
func (w *write) lockUnknown(ctx context.Context) (locks []repository.Lock, err error) {
	names := w.namedCompetitions()
	if !w.batch.Register || len(names) == 0 {
		return nil, nil
	}
	known, err := w.tx.Competitions.All(ctx)
	for _, name := range names {
		if !slices.ContainsFunc(known, func(c entities.Competition) bool { return c.ID == name }) {
			locks = append(locks, repository.LockCompetition(name))
		}
	}
	return locks, err
}

// namedCompetitions lists the competitions that accepted items name, in their order.
func (w *write) namedCompetitions() (names []string) {
	for _, e := range w.accepted() {
		if e.named != "" && !slices.Contains(names, e.named) {
			names = append(names, e.named)
		}
	}
	return names
}

// compete finds the competition of each item of accounts. One that is not known is
// registered or refused; facts later than the end of one are marked.
func (w *write) compete(ctx context.Context, kind kind) error {
	if !kind.accounts {
		return nil
	}
	if len(w.json) > 0 || slices.ContainsFunc(w.accepted(), func(e *entry) bool { return e.named == "" }) {
		standard := w.scope.Default(w.intake.o.Competition)
		if standard == nil {
			return &RefusedError{Reason: fmt.Sprintf("arena.competition: %v: %q; name another one, or register it with /api/ingest/competitions",
				repository.ErrUnknownCompetition, w.intake.o.Competition)}
		}
		w.standard = standard.ID
		w.intake.standard.Store(new(standard.ID))
	}
	names := slices.DeleteFunc(w.namedCompetitions(), func(name string) bool { return w.scope.Competition(name) != nil })
	if len(names) > 0 && w.batch.Register {
		rows := make([]entities.Competition, len(names))
		for i, name := range names {
			// Whoever names none goes on with the one that was there.
			rows[i] = mapping.Competition(wire.Competition{ID: name}, nil)
		}
		if _, err := w.tx.Competitions.Put(ctx, rows); err != nil {
			return err
		}
		w.added.competitions = rows
		w.scope.Competitions = append(w.scope.Competitions, rows...)
	}
	for _, e := range w.accepted() {
		c := w.scope.Competition(cmp.Or(e.named, w.standard))
		if c == nil {
			e.reject(RejectedUnknown, fmt.Sprintf("%v %q; register it with ?register=true or /api/ingest/competitions",
				repository.ErrUnknownCompetition, e.named), nil)
			continue
		}
		e.competition = c.ID
		e.late = PastEnd(c, e.times)
	}
	return nil
}

// errLate rolls back what a late item has changed.
var errLate = errors.New("the competition has ended")

// eachCompetition does something for each competition of the accepted items, bound to it.
func (w *write) eachCompetition(do func() error) error {
	defer w.bind("")
	for _, c := range w.competitions() {
		w.bind(c)
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}

// applyBound stores the accepted items of the bound competition. None that is later than
// its end may change anything: what is stored already is unchanged, also where the
// competition was ended earlier than that.
func (w *write) applyBound(ctx context.Context, kind kind) error {
	inTime, late := split(w.bound(w.accepted()), func(e *entry) bool { return e.late == "" })
	if len(inTime) > 0 {
		if err := kind.apply(ctx, w, inTime); err != nil {
			return err
		}
	}
	for _, e := range late {
		events := len(w.events)
		err := w.all.Attempt(ctx, func(ctx context.Context) error {
			if err := kind.apply(ctx, w, []*entry{e}); err != nil {
				return err
			}
			if e.accepted() && (e.outcome != repository.Unchanged || len(w.events) > events) {
				return errLate
			}
			return nil
		})
		switch {
		case errors.Is(err, errLate):
			w.events = w.events[:events]
			e.conflict(e.late)
		case err != nil:
			return err
		}
	}
	return w.explainCorrected(ctx)
}

// applyCompetitions stores competitions, one after the other: each knows what the one
// before it came to.
func applyCompetitions(ctx context.Context, w *write, items []item[wire.Competition]) error {
	before, err := w.standardOf(ctx)
	if err != nil {
		return err
	}
	for _, e := range items {
		stored, err := w.tx.Competitions.Get(ctx, e.id)
		if err != nil {
			return err
		}
		row := mapping.Competition(e.value, stored)
		if begins := stored == nil || stored.Status != row.Status; begins && row.Status == entities.CompetitionRunning && row.StartsAt == nil {
			row.StartsAt = &w.now
		}
		if row.Status == entities.CompetitionEnded && row.EndsAt == nil {
			row.EndsAt = &w.now
		}
		if row.StartsAt != nil && row.EndsAt != nil && row.EndsAt.Before(*row.StartsAt) {
			e.invalid(wire.Faults{{Path: "/ends_at", Reason: fmt.Sprintf("is %s, before the start at %s", instant(*row.EndsAt), instant(*row.StartsAt))}})
			continue
		}
		outcomes, err := w.tx.Competitions.Put(ctx, []entities.Competition{row})
		if err != nil {
			return err
		}
		if e.take(outcomes[0], ""); e.outcome == repository.Unchanged {
			continue
		}
		w.competition = e.id
		err = w.emit(EventCompetition, "", mapping.CompetitionPayload(row))
		if w.competition = ""; err != nil {
			return err
		}
	}
	after, err := w.standardOf(ctx)
	if err != nil || after == before {
		return err
	}
	return w.refuseOtherDefault(ctx, before, after)
}

// standardOf is the id of the default competition, "" where the configured one is not
// there.
func (w *write) standardOf(ctx context.Context) (string, error) {
	c, err := w.tx.Competitions.Default(ctx, w.intake.o.Competition)
	if errors.Is(err, repository.ErrUnknownCompetition) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return c.ID, nil
}
