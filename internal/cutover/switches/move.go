package switches

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"nof0/entities"
	"nof0/internal/arena"
	"nof0/repository"
)

// move is one change of a domain on its way through a transaction.
type move struct {
	rollout *Rollout
	flip    arena.Flip
	parity  string // why reading from the store is refused

	tx       repository.Repositories
	from, to arena.Modes
	// overridden are the refusals that force has set aside.
	overridden []string
	change     *entities.RolloutChange // nil where nothing had to change
}

// run changes the switches of the domain, once the side that they lead to has
// what it needs.
func (m *move) run(ctx context.Context, tx repository.Repositories) error {
	m.tx, m.overridden, m.change = tx, nil, nil
	if err := tx.Rollout.LockExclusive(ctx, m.rollout.o.LockWait); err != nil {
		return err
	}
	set, err := tx.Rollout.Switches(ctx)
	if err != nil {
		return err
	}
	m.from = modesOf(set, m.rollout.o.Initial)[m.flip.Domain]
	m.to = m.from
	if m.flip.Read != "" {
		m.to.Read = m.flip.Read
	}
	if m.flip.Write != "" {
		m.to.Write = m.flip.Write
	}
	if m.to == m.from {
		return nil
	}
	if err := m.catchUp(ctx, m.rollout.plan(m.flip.Domain, m.from, m.to, m.parity)); err != nil {
		return err
	}
	change := entities.RolloutChange{
		Domain:   string(m.flip.Domain),
		ReadFrom: string(m.from.Read), ReadTo: string(m.to.Read),
		WriteFrom: string(m.from.Write), WriteTo: string(m.to.Write),
		ChangedBy: m.flip.By, Reason: m.flip.Reason, Forced: len(m.overridden) > 0,
	}
	change.CreatedAt = m.rollout.o.Now().UTC()
	change.UpdatedAt = change.CreatedAt
	m.change = &change
	return tx.Rollout.Set(ctx, change)
}

// catchUp brings the side along that the domain moves to, unless the move is refused.
func (m *move) catchUp(ctx context.Context, p plan) error {
	switch {
	case p.refused != "" && !p.forceable:
		return refuse("%s", p.refused)
	case p.refused != "":
		if err := m.unlessForced(p.refused); err != nil {
			return err
		}
	}
	switch {
	case p.imports && m.rollout.o.Importer != nil:
		return m.importFiles(ctx)
	case p.renders:
		if err := m.rollout.o.Renderer.Render(ctx, m.tx, m.flip.Domain); err != nil {
			return fmt.Errorf("%w: error rendering the JSON files of %s: %w", arena.ErrUnavailable, m.flip.Domain, err)
		}
	}
	return nil
}

// importFiles takes in what the files hold.
func (m *move) importFiles(ctx context.Context) error {
	refused, err := m.rollout.o.Importer.Import(ctx, m.tx, m.flip.Domain)
	if _, said := errors.AsType[*arena.RefusedError](err); said {
		return err
	}
	if err != nil {
		return fmt.Errorf("error importing the JSON files of %s: %w", m.flip.Domain, err)
	}
	if len(refused) == 0 {
		return nil
	}
	shown := refused[:min(len(refused), shownRows)]
	return m.unlessForced(fmt.Sprintf("the store cannot take %d rows of the JSON files of %s, the first of them: %s",
		len(refused), m.flip.Domain, strings.Join(shown, "; ")))
}

// unlessForced refuses for a reason that force overrides.
func (m *move) unlessForced(reason string) error {
	if m.flip.Force {
		m.overridden = append(m.overridden, reason)
		return nil
	}
	return refuse("%s; or force it and say why", reason)
}

func refuse(format string, args ...any) error {
	return &arena.RefusedError{Reason: fmt.Sprintf(format, args...)}
}
