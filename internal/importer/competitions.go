package importer

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/mapping"
	"nof0/internal/snapshot"
	"nof0/internal/wire"
	"nof0/repository"
)

// part is what a directory holds of one competition.
type part struct {
	competition string
	files       *snapshot.Capture
}

// split sorts the rows of a directory by the competitions that they name: standard is
// that of those that name none, and of all where named is true. It comes first, unless
// it has no row, and the others as the files mention them.
func split(dir *snapshot.Capture, standard string, named bool) []part {
	if named {
		return []part{{standard, dir}}
	}
	parts := []part{{competition: standard}}
	rows := make([]map[string][]snapshot.Row, len(dir.Files))
	for i, f := range dir.Files {
		rows[i] = make(map[string][]snapshot.Row)
		for _, row := range f.Rows {
			id, err := snapshot.CompetitionOf(f.Kind, row)
			if id = cmp.Or(id, standard); err != nil {
				id = standard // which refuses it
			}
			if !slices.ContainsFunc(parts, func(p part) bool { return p.competition == id }) {
				parts = append(parts, part{competition: id})
			}
			rows[i][id] = append(rows[i][id], row)
		}
	}
	if len(parts) > 1 && !slices.ContainsFunc(rows, func(of map[string][]snapshot.Row) bool { return len(of[standard]) > 0 }) {
		parts = parts[1:]
	}
	for i := range parts {
		files := *dir
		files.Files = nil
		for k, f := range dir.Files {
			own := *f
			if own.Rows = rows[k][parts[i].competition]; len(own.Rows) > 0 || i == 0 && len(f.Rows) == 0 {
				files.Files = append(files.Files, &own)
			}
		}
		if i > 0 { // they are named once
			files.Ignored, files.Nothing = nil, nil
		}
		parts[i].files = &files
	}
	return parts
}

// refuseAnother refuses a capture of another season than the one that is stored: it has
// another inception of a known account.
func (c *capture) refuseAnother(accounts []entities.Account) error {
	for _, a := range c.accounts {
		row := mapping.Account(a.value, "")
		for _, stored := range accounts {
			if stored.ModelID != row.ModelID || stored.InceptionAt == nil || stored.InceptionNAV == nil ||
				row.InceptionAt.Equal(*stored.InceptionAt) && *row.InceptionNAV == *stored.InceptionNAV {
				continue
			}
			return fmt.Errorf("%s row %d: %q began at %s with %v, and in competition %q at %s with %v: this is another season; "+
				"name the competition that it is, as in `nof0 import --competition ID DIR`",
				a.file.Name, a.row.Index, row.ModelID, row.InceptionAt.Format(time.RFC3339Nano), *row.InceptionNAV,
				c.competition.ID, stored.InceptionAt.Format(time.RFC3339Nano), *stored.InceptionNAV)
		}
	}
	return nil
}

// importing is an import of the parts of a directory.
type importing struct {
	parts  []*writer
	report *Report
	done   int
}

func (a *importing) total() (n int) {
	for _, w := range a.parts {
		n += w.total()
	}
	return n
}

// date gives every part the time of the directory: the one that is given or, where that
// is zero, the newest that any part mentions.
func (a *importing) date(at time.Time) {
	if at.IsZero() {
		for _, w := range a.parts {
			if w.capturedAt.After(at) {
				at = w.capturedAt
			}
		}
	}
	for _, w := range a.parts {
		w.capturedAt, w.report.CapturedAt = at, at
	}
}

// write stores the parts, and holds the given locks beside those of what it writes.
func (a *importing) write(ctx context.Context, tx repository.Repositories, locks ...repository.Lock) error {
	for _, w := range a.parts {
		w.tx = tx.In(w.competition.ID)
		own, err := w.locks(ctx)
		if err != nil {
			return err
		}
		locks = append(locks, own...)
	}
	if err := tx.Locks.Hold(ctx, locks); err != nil {
		return err
	}
	if err := tx.Locks.Bound(ctx, cmp.Or(a.parts[0].options.LockWait, 30*time.Second)); err != nil {
		return err
	}
	if err := a.register(ctx, tx); err != nil {
		return err
	}
	for _, w := range a.parts {
		if err := w.write(ctx); err != nil {
			return err
		}
	}
	a.merge()
	return nil
}

// register makes the competitions known that are not. Where nothing was there before
// they run, each from its first inception on. Otherwise they are upcoming until
// somebody starts them: whoever names none goes on seeing what they saw.
func (a *importing) register(ctx context.Context, tx repository.Repositories) error {
	known, err := tx.Competitions.All(ctx)
	if err != nil {
		return err
	}
	fresh := slices.DeleteFunc(slices.Clone(a.parts), func(w *writer) bool {
		return slices.ContainsFunc(known, func(c entities.Competition) bool { return c.ID == w.competition.ID })
	})
	if len(fresh) == 0 {
		return nil
	}
	status := entities.CompetitionRunning
	for _, c := range known {
		accounts, err := tx.In(c.ID).Accounts.All(ctx)
		if err != nil {
			return err
		}
		if len(accounts) > 0 {
			status = entities.CompetitionUpcoming
		}
	}
	for _, w := range fresh {
		row := entities.Competition{ID: w.competition.ID, Name: w.competition.ID, Status: status}
		for _, account := range w.accounts {
			if at := wire.Time(account.value.InceptionDate); row.StartsAt == nil || at.Before(*row.StartsAt) {
				row.StartsAt = &at
			}
		}
		if _, err := tx.Competitions.Put(ctx, []entities.Competition{row}); err != nil {
			return err
		}
		payload, err := wire.Marshal(mapping.CompetitionPayload(row))
		if err != nil {
			return fmt.Errorf("error rendering the event of a competition: %w", err)
		}
		if err := w.tx.Outbox.Append(ctx, []entities.OutboxEvent{{
			Aggregate: "snapshot", Type: arena.EventCompetition, Payload: entities.JSON(payload),
		}}); err != nil {
			return err
		}
	}
	return nil
}

// merge makes one report of those of the parts.
func (a *importing) merge() {
	*a.report = *a.parts[0].report
	add := func(names *[]string, more []string) {
		for _, name := range more {
			if !slices.Contains(*names, name) {
				*names = append(*names, name)
			}
		}
	}
	for i, w := range a.parts {
		a.report.Competitions = append(a.report.Competitions, w.competition.ID)
		if i == 0 {
			continue
		}
		for k := range a.report.Kinds {
			a.report.Kinds[k].merge(&w.report.Kinds[k])
		}
		add(&a.report.Derived, w.report.Derived)
		add(&a.report.Ignored, w.report.Ignored)
	}
}
