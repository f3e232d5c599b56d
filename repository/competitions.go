package repository

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"

	"nof0/entities"
)

// Competitions keeps the contests that accounts belong to.
type Competitions struct{ base }

// In returns the same repositories bound to a competition: what they read and write
// of accounts is of it alone. "" is entities.FirstCompetition, to which Open binds
// them. The transaction stays the one that they are in. Models, symbols, prices,
// markets, traders, the rollout and the rest that belongs to no account are the same
// in every competition.
//
// Rows that are handed in take the competition; one that names another is an error,
// and nothing is written. Whether the competition exists is not asked.
func (r Repositories) In(competition string) Repositories {
	b := r.Models.base
	b.competition = competition
	if competition == "" {
		b.competition = entities.FirstCompetition
	}
	return bind(b)
}

// Competition is what the repositories are bound to.
func (r Repositories) Competition() string { return r.Models.competition }

// In returns the same pool, whose repositories and transactions are bound to a
// competition as those of Repositories.In. It is not closed by itself.
func (s *Store) In(competition string) *Store {
	bound := *s
	bound.Repositories = s.Repositories.In(competition)
	return &bound
}

// All returns every competition, the one that started first at the beginning; those
// of which no start is known come before it, in the order in which they were stored.
func (r Competitions) All(ctx context.Context) (competitions []entities.Competition, err error) {
	err = r.run(ctx, "competitions", "All", func(db *gorm.DB) error {
		return db.Order(`starts_at NULLS FIRST, created_at, id COLLATE "C"`).Find(&competitions).Error
	})
	return competitions, err
}

// Get returns a competition, nil where there is none of that id.
func (r Competitions) Get(ctx context.Context, id string) (competition *entities.Competition, err error) {
	err = r.run(ctx, "competitions", "Get", func(db *gorm.DB) error {
		competition, err = firstOf[entities.Competition](db.Where("id = ?", id))
		return err
	})
	return competition, err
}

// asDefault orders competitions by which is rather the default.
const asDefault = `CASE status WHEN 'running' THEN 0 WHEN 'ended' THEN 1 ELSE 2 END,
	starts_at DESC NULLS LAST, created_at DESC, id COLLATE "C" DESC`

// Default returns the competition of whoever names none: the configured one, or
// where that is "" the running one that started last, or the one that ended of those
// that did, or at last the one that is to come. The error wraps
// ErrUnknownCompetition where there is no such one.
func (r Competitions) Default(ctx context.Context, configured string) (competition *entities.Competition, err error) {
	err = r.run(ctx, "competitions", "Default", func(db *gorm.DB) error {
		if configured != "" {
			db = db.Where("id = ?", configured)
		}
		competition, err = firstOf[entities.Competition](db.Order(asDefault))
		if err == nil && competition == nil {
			return fmt.Errorf("%w: %q", ErrUnknownCompetition, configured)
		}
		return err
	})
	return competition, err
}

// firstOf returns the first row that a query finds, nil where it finds none.
func firstOf[T any](query *gorm.DB) (*T, error) {
	var row T
	err := query.Limit(1).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil //nolint:nilnil // nil says that there is none
	}
	return &row, err
}

// Put registers competitions or changes them; see states.go. The error wraps
// ErrOneCompetition where there would be a second one, and keys of the version
// before competitions are still in the database; nothing was stored then.
func (r Competitions) Put(ctx context.Context, competitions []entities.Competition) (outcomes []Outcome, err error) {
	ids := make([]string, len(competitions))
	for i := range competitions {
		ids[i] = competitions[i].ID
	}
	if err := r.run(ctx, "competitions", "Put", func(db *gorm.DB) error { return takesAnother(db, ids) }); err != nil {
		return nil, err
	}
	return putStates(ctx, r.base, "competitions", "Put", competitions, nil)
}

// Withdraw takes back competitions that this transaction has registered and that
// nothing refers to.
func (r Competitions) Withdraw(ctx context.Context, competitions []entities.Competition) error {
	return r.run(ctx, "competitions", "Withdraw", func(db *gorm.DB) error {
		return withdraw(db, competitions)
	})
}

// takesAnother reports ErrOneCompetition where one of some ids is new and a table of
// accounts has a key that does without the competition.
func takesAnother(db *gorm.DB, ids []string) error {
	var known int64
	if err := db.Model(&entities.Competition{}).Where("id IN ?", ids).Count(&known).Error; err != nil || int(known) == len(ids) {
		return err
	}
	var single bool
	err := db.Raw(`
		SELECT EXISTS (
			SELECT FROM pg_attribute a
			JOIN pg_index k ON k.indrelid = a.attrelid AND k.indisprimary AND a.attnum = ANY (k.indkey)
			JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisunique AND a.attnum <> ALL (i.indkey)
			WHERE a.attname = 'competition_id' AND pg_table_is_visible(a.attrelid))`).Scan(&single).Error
	if err == nil && single {
		return ErrOneCompetition
	}
	return err
}
