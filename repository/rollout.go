package repository

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"

	"nof0/entities"
)

// Rollout keeps where each domain is read from and written to, and the lock
// under which that may change.
//
// Who writes facts of a domain holds LockRollout (see Locks) until its
// transaction ends, and reads the switches once it has it; who sets a switch holds it
// alone. So no write is under way while a switch moves, and every write knows
// the switches that hold for it.
type Rollout struct{ base }

// LockExclusive holds the lock alone until the transaction ends. It waits for
// it at most that long, since those who come later wait behind it; then the
// error wraps ErrLocked, and the transaction can only be rolled back.
func (r Rollout) LockExclusive(ctx context.Context, atMost time.Duration) error {
	return r.run(ctx, "rollout", "LockExclusive", func(db *gorm.DB) error {
		if err := boundLocks(db, atMost); err != nil {
			return err
		}
		if err := byNumber.wait(db, int64(LockRollout)); err != nil {
			return err
		}
		return db.Exec("SELECT set_config('lock_timeout', '0', true)").Error
	})
}

// Switches returns the switches that have been set, by domain.
func (r Rollout) Switches(ctx context.Context) (switches []entities.RolloutSwitch, err error) {
	err = r.run(ctx, "rollout", "Switches", func(db *gorm.DB) error {
		rows, err := db.Statement.ConnPool.QueryContext(db.Statement.Context,
			"SELECT domain, read_mode, write_mode, created_at, updated_at FROM rollout_switches ORDER BY domain COLLATE \"C\"")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var s entities.RolloutSwitch
			if err := rows.Scan(&s.Domain, &s.ReadMode, &s.WriteMode, &s.CreatedAt, &s.UpdatedAt); err != nil {
				return err
			}
			switches = append(switches, s)
		}
		return rows.Err()
	})
	return switches, err
}

// Scope is what decides where a write goes.
type Scope struct {
	Switches []entities.RolloutSwitch // those that have been set
	// Competitions have their ids, states and ends, the default one first.
	Competitions []entities.Competition
}

// Default returns the competition of whoever names none, as Competitions.Default does;
// nil where there is no such one.
func (s Scope) Default(configured string) *entities.Competition {
	if configured == "" && len(s.Competitions) > 0 {
		return &s.Competitions[0]
	}
	return s.Competition(configured)
}

// Competition returns the one of an id, nil where there is none.
func (s Scope) Competition(id string) *entities.Competition {
	if i := slices.IndexFunc(s.Competitions, func(c entities.Competition) bool { return c.ID == id }); i >= 0 {
		return &s.Competitions[i]
	}
	return nil
}

// Scope returns the switches and the competitions in one statement.
func (r Rollout) Scope(ctx context.Context) (scope Scope, err error) {
	err = r.run(ctx, "rollout", "Scope", func(db *gorm.DB) error {
		var rows []struct {
			Place               int64
			Name, Status, Write string
			EndsAt              *time.Time
		}
		q := queries{db: db}
		q.find(&rows, `
			SELECT 0 AS place, domain AS name, read_mode AS status, write_mode AS write, NULL AS ends_at FROM rollout_switches
			UNION ALL
			SELECT row_number() OVER (ORDER BY `+asDefault+`), id, status, '', ends_at FROM competitions
			ORDER BY place`)
		if err := q.run(); err != nil {
			return err
		}
		for _, r := range rows {
			if r.Place == 0 {
				scope.Switches = append(scope.Switches, entities.RolloutSwitch{Domain: r.Name, ReadMode: r.Status, WriteMode: r.Write})
			} else {
				scope.Competitions = append(scope.Competitions, entities.Competition{ID: r.Name, Status: r.Status, EndsAt: r.EndsAt})
			}
		}
		return nil
	})
	return scope, err
}

// Set stores the switches of a domain as a change leaves them, and the change.
// The lock must be held alone.
func (r Rollout) Set(ctx context.Context, change entities.RolloutChange) error {
	return r.run(ctx, "rollout", "Set", func(db *gorm.DB) error {
		row := entities.RolloutSwitch{Domain: change.Domain, ReadMode: change.ReadTo, WriteMode: change.WriteTo}
		conflict, err := replaceAll[entities.RolloutSwitch](db)
		if err != nil {
			return err
		}
		if err := upsert(db, conflict, []entities.RolloutSwitch{row}); err != nil {
			return err
		}
		return db.Create(&change).Error
	})
}

// Changes returns the newest changes, the newest first.
func (r Rollout) Changes(ctx context.Context, limit int) (changes []entities.RolloutChange, err error) {
	err = r.run(ctx, "rollout", "Changes", func(db *gorm.DB) error {
		return db.Order("id DESC").Limit(limit).Find(&changes).Error
	})
	return changes, err
}

// LastChanges returns the newest change of each domain.
func (r Rollout) LastChanges(ctx context.Context) (changes []entities.RolloutChange, err error) {
	err = r.run(ctx, "rollout", "LastChanges", func(db *gorm.DB) error {
		return db.Raw("SELECT DISTINCT ON (domain COLLATE \"C\") " + columnsOf[entities.RolloutChange](db, "c") + " FROM rollout_changes c ORDER BY domain COLLATE \"C\", id DESC").Scan(&changes).Error
	})
	return changes, err
}
