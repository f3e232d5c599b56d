package repository

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"nof0/entities"
)

// Accounts keeps the trading accounts.
type Accounts struct{ base }

// All returns every account, in the order of lists of models.
func (r Accounts) All(ctx context.Context) (accounts []entities.Account, err error) {
	err = r.run(ctx, "accounts", "All", func(db *gorm.DB) error {
		return db.Joins("LEFT JOIN models ON models.id = accounts.model_id").Order(asListed).Find(&accounts).Error
	})
	return accounts, err
}

// Register adds the accounts that are not known yet and leaves the others
// alone. It returns those that it added.
func (r Accounts) Register(ctx context.Context, accounts []entities.Account) (added []entities.Account, err error) {
	err = r.run(ctx, "accounts", "Register", func(db *gorm.DB) error {
		added, err = registerAll(db, accounts)
		return err
	})
	return added, err
}

// Withdraw takes back accounts that this transaction has registered and that
// nothing refers to.
func (r Accounts) Withdraw(ctx context.Context, accounts []entities.Account) error {
	return r.run(ctx, "accounts", "Withdraw", func(db *gorm.DB) error {
		return withdraw(db, accounts)
	})
}

// Lock makes this transaction the only writer of the given models until it
// ends, and returns their accounts by model. Rows are locked in the order of
// their keys, so that two writers of several models can't deadlock.
func (r Accounts) Lock(ctx context.Context, models []string) (accounts []entities.Account, err error) {
	err = r.run(ctx, "accounts", "Lock", func(db *gorm.DB) error {
		return db.Clauses(clause.Locking{Strength: clause.LockingStrengthUpdate}).
			Where("model_id IN ?", models).Order(byModel).Find(&accounts).Error
	})
	return accounts, err
}

// LockAll is Lock of models by competition. It returns the symbols of some names too,
// unknown ones left out, in the same round trip.
func (r Repositories) LockAll(ctx context.Context, models map[string][]string, names []string) (accounts []entities.Account, symbols []entities.Symbol, err error) {
	err = r.Accounts.run(ctx, "accounts", "LockAll", func(db *gorm.DB) error {
		q := queries{db: db}
		of, named := q.accounts(models, names)
		err := q.run()
		for _, some := range of {
			accounts = append(accounts, *some...)
		}
		symbols = *named
		return err
	})
	return accounts, symbols, err
}

// LockAllAhead asks ahead for what LockAll returns (see queries).
func (r Repositories) LockAllAhead(ctx context.Context, models map[string][]string, names []string) error {
	return r.Accounts.run(ctx, "accounts", "LockAllAhead", func(db *gorm.DB) error {
		q := queries{db: db}
		q.accounts(models, names)
		return q.ahead()
	})
}

// accounts asks for accounts, which are locked, by competition, and for symbols.
func (r *queries) accounts(models map[string][]string, names []string) (of []*[]entities.Account, symbols *[]entities.Symbol) {
	for _, c := range slices.Sorted(maps.Keys(models)) {
		some, ids := new([]entities.Account), models[c]
		of = append(of, some)
		r.find(some, `SELECT `+columnsOf[entities.Account](r.db, "a")+` FROM accounts a
			WHERE a.competition_id = ? AND a.model_id = ANY (?) ORDER BY a.`+byModel+` FOR UPDATE`, c, &ids)
	}
	symbols = new([]entities.Symbol)
	if len(names) > 0 {
		r.find(symbols, `SELECT `+columnsOf[entities.Symbol](r.db, "s")+` FROM symbols s WHERE s.symbol = ANY (?)`, &names)
	}
	return of, symbols
}

// SetInception records the facts of an account's inception and the number of
// invocations as the source gave it at asOf. Inception facts never change
// once set; an older number never replaces a newer one, and another one of the
// same time is a Conflict. The account must be locked.
func (r Accounts) SetInception(ctx context.Context, stated entities.Account, asOf time.Time) (outcome Outcome, err error) {
	err = r.run(ctx, "accounts", "SetInception", func(db *gorm.DB) error {
		stored, err := accountOf(db, stated.ModelID)
		if err != nil {
			return err
		}
		asOf := asOf.Truncate(time.Microsecond) // as it is stored
		changes := map[string]any{}
		switch {
		case stored.InceptionAt == nil:
			outcome = Inserted
			changes["inception_id"] = stated.InceptionID
			changes["inception_at"] = stated.InceptionAt
			changes["inception_nav"] = stated.InceptionNAV
		case !sameTime(stored.InceptionAt, stated.InceptionAt),
			!sameValue(stored.InceptionNAV, stated.InceptionNAV),
			!sameValue(stored.InceptionID, stated.InceptionID):
			outcome = Conflict
			return nil
		default:
			outcome = Unchanged
		}
		atOnce := stored.InvocationsAsOf != nil && asOf.Equal(*stored.InvocationsAsOf)
		if atOnce && stored.Invocations != nil && stated.Invocations != nil && *stored.Invocations != *stated.Invocations {
			outcome = Conflict
			return nil
		}
		if stored.InvocationsAsOf == nil || asOf.After(*stored.InvocationsAsOf) || atOnce && stored.Invocations == nil && stated.Invocations != nil {
			if outcome == Unchanged && (!sameValue(stored.Invocations, stated.Invocations) || !sameJSON(stored.Extra, stated.Extra)) {
				outcome = Updated
			}
			changes["invocations"] = stated.Invocations
			changes["invocations_as_of"] = asOf
			changes["extra"] = stated.Extra
		}
		if len(changes) == 0 {
			return nil
		}
		return db.Model(&entities.Account{}).Where("model_id = ?", stated.ModelID).Updates(changes).Error
	})
	return outcome, err
}

// SetStanding records the row of an imported leaderboard unless the stored one is
// newer. One that says the same is Unchanged, and as new as it is from then on; one
// of the same time that says something else is a Conflict, but for counts that only
// one of the two has, which stay. The account must be locked.
func (r Accounts) SetStanding(ctx context.Context, model string, standing entities.JSON, asOf time.Time) (outcome Outcome, err error) {
	err = r.run(ctx, "accounts", "SetStanding", func(db *gorm.DB) error {
		stored, err := accountOf(db, model)
		if err != nil {
			return err
		}
		asOf := asOf.Truncate(time.Microsecond) // as it is stored
		same := sameJSON(stored.Standing, standing)
		atOnce := stored.StandingAsOf != nil && asOf.Equal(*stored.StandingAsOf)
		hasCounts, agree := standingsAgree(stored.Standing, standing)
		switch {
		case stored.StandingAsOf == nil:
			outcome = Inserted
		case same:
			outcome = Unchanged
		case asOf.After(*stored.StandingAsOf), atOnce && agree && hasCounts:
			outcome = Updated
		case atOnce && !agree:
			outcome = Conflict
		default:
			outcome = Superseded
		}
		if outcome == Conflict || outcome == Superseded || same && !asOf.After(*stored.StandingAsOf) {
			return nil
		}
		return db.Model(&entities.Account{}).Where("model_id = ?", model).
			Updates(map[string]any{"standing": standing, "standing_as_of": asOf}).Error
	})
	return outcome, err
}

// standingsAgree reports whether two rows of a leaderboard say the same, apart from
// what follows from trades where only one of them has that; added is true where it
// is the given one.
func standingsAgree(stored, given entities.JSON) (added, agree bool) {
	var rows [2]map[string]any
	for i, raw := range []entities.JSON{stored, given} {
		if v, err := decodeJSON(raw); err == nil {
			rows[i], _ = v.(map[string]any)
		}
	}
	if counts := [2]bool{rows[0]["num_trades"] != 0.0, rows[1]["num_trades"] != 0.0}; counts[0] != counts[1] {
		added = counts[1]
		for _, row := range rows {
			for _, name := range []string{"num_trades", "num_wins", "num_losses", "win_dollars", "lose_dollars"} {
				delete(row, name)
			}
		}
	}
	return added, reflect.DeepEqual(rows[0], rows[1])
}

// accountOf returns the account of a model.
func accountOf(db *gorm.DB, model string) (*entities.Account, error) {
	var account entities.Account
	err := db.Where("model_id = ?", model).Take(&account).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, fmt.Errorf("%w: %q has no account", ErrUnknownModel, model)
	}
	return &account, err
}
