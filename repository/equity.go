package repository

import (
	"context"

	"gorm.io/gorm"

	"nof0/entities"
)

// Equity keeps the equity snapshots of the accounts.
type Equity struct{ base }

// Insert adds snapshots; their identity is model and time.
func (r Equity) Insert(ctx context.Context, rows []entities.AccountEquitySnapshot) (outcomes []Outcome, err error) {
	err = r.run(ctx, "equity", "Insert", func(db *gorm.DB) error {
		outcomes, err = insertFacts(db, rows, func(a, b *entities.AccountEquitySnapshot) bool { return sameRow(a, b) })
		return err
	})
	return outcomes, err
}

// Ahead asks ahead for what Insert reads first (see queries).
func (r Equity) Ahead(ctx context.Context, rows []entities.AccountEquitySnapshot) error {
	return factsAhead(ctx, r.base, "equity", rows)
}

// hoursAtOnce bounds the markers of one statement. The cost of more would be
// estimated so high, with many models, that the server compiled the plan, which
// takes longer than to run it.
const hoursAtOnce = 100

// Hours returns the newest snapshot of each model and hourly marker from one
// marker to another, both inclusive, by marker, then model. Its cost follows what it
// returns. A long range takes several statements; outside a transaction, snapshots that
// arrive meanwhile may be in the later of them.
func (r Equity) Hours(ctx context.Context, from, to int64) (rows []entities.AccountEquitySnapshot, err error) {
	err = r.run(ctx, "equity", "Hours", func(db *gorm.DB) error {
		if from <= to && uint64(to)-uint64(from) >= hoursAtOnce {
			var first, last int64
			if err := markers(db, "ASC", &first); err != nil {
				return err
			}
			if err := markers(db, "DESC", &last); err != nil {
				return err
			}
			from, to = max(from, first), min(to, last)
		}
		for from <= to {
			end := to
			if uint64(to)-uint64(from) >= hoursAtOnce {
				end = from + hoursAtOnce - 1
			}
			var some []entities.AccountEquitySnapshot
			if err := hours(db, from, end, &some); err != nil {
				return err
			}
			rows = append(rows, some...)
			if end == to {
				break // the marker after the last may not exist
			}
			from = end + 1
			if len(some) > 0 {
				continue
			}
			// A gap costs the same however wide it is.
			next, err := nextMarker(db, from)
			if err != nil || next < 0 {
				return err
			}
			from = next
		}
		return nil
	})
	return rows, err
}

// hours reads a range of markers. The candles of an hour say which of its snapshots is the
// newest; to look for that among the snapshots reads what a page of their index has of the
// hour. The markers are a series of constant ends: the planner then knows how few they are
// and does not plan for a thousand.
func hours(db *gorm.DB, from, to int64, rows *[]entities.AccountEquitySnapshot) error {
	return db.Raw(`
		SELECT `+columnsOf[entities.AccountEquitySnapshot](db, "newest")+`
		FROM models m
		CROSS JOIN generate_series(?::bigint, ?::bigint) AS hour (marker)
		CROSS JOIN LATERAL (
			SELECT close_at
			FROM equity_candles
			WHERE competition_id = @competition AND model_id = m.id AND resolution = 3600 AND since_inception_hourly_marker = hour.marker
			ORDER BY close_at DESC
			LIMIT 1
		) last
		CROSS JOIN LATERAL (
			SELECT *
			FROM account_equity_snapshots e
			WHERE e.competition_id = @competition AND e.model_id = m.id AND e.observed_at = last.close_at
			LIMIT 1
		) newest
		ORDER BY newest.since_inception_hourly_marker, newest.`+byModel, from, to, in(db)).Scan(rows).Error
}

// markers finds the first or the last hourly marker of all models, -1 where
// there is none.
func markers(db *gorm.DB, direction string, marker *int64) error {
	return db.Raw(`
		SELECT coalesce((
			SELECT edge.marker
			FROM models m
			CROSS JOIN LATERAL (
				SELECT since_inception_hourly_marker AS marker
				FROM account_equity_snapshots
				WHERE competition_id = @competition AND model_id = m.id
				ORDER BY since_inception_hourly_marker `+direction+`
				LIMIT 1
			) edge
			ORDER BY edge.marker `+direction+`
			LIMIT 1
		), -1)`, in(db)).Scan(marker).Error
}

// NextMarker returns the first hourly marker of all models from the given one
// on, -1 where there is none.
func (r Equity) NextMarker(ctx context.Context, from int64) (marker int64, err error) {
	err = r.run(ctx, "equity", "NextMarker", func(db *gorm.DB) error {
		marker, err = nextMarker(db, from)
		return err
	})
	return marker, err
}

func nextMarker(db *gorm.DB, from int64) (marker int64, err error) {
	err = db.Raw(`
		SELECT coalesce((
			SELECT edge.marker
			FROM models m
			CROSS JOIN LATERAL (
				SELECT since_inception_hourly_marker AS marker
				FROM account_equity_snapshots
				WHERE competition_id = @competition AND model_id = m.id AND since_inception_hourly_marker >= ?
				ORDER BY since_inception_hourly_marker
				LIMIT 1
			) edge
			ORDER BY edge.marker
			LIMIT 1
		), -1)`, from, in(db)).Scan(&marker).Error
	return marker, err
}

// LastMarker returns the newest hourly marker of the season, -1 before the
// first snapshot.
func (r Equity) LastMarker(ctx context.Context) (marker int64, err error) {
	err = r.run(ctx, "equity", "LastMarker", func(db *gorm.DB) error {
		return markers(db, "DESC", &marker)
	})
	return marker, err
}

// Newest returns the newest snapshot of each model, by model.
func (r Equity) Newest(ctx context.Context) (rows []entities.AccountEquitySnapshot, err error) {
	err = r.run(ctx, "equity", "Newest", func(db *gorm.DB) error {
		return db.Raw(`
			SELECT `+columnsOf[entities.AccountEquitySnapshot](db, "newest")+`
			FROM models m
			CROSS JOIN LATERAL (
				SELECT *
				FROM account_equity_snapshots e
				WHERE e.competition_id = @competition AND e.model_id = m.id
				ORDER BY e.observed_at DESC
				LIMIT 1
			) newest
			ORDER BY newest.`+byModel, in(db)).Scan(&rows).Error
	})
	return rows, err
}

// First returns the time and the equity of the first snapshot of each of the models
// that has one.
func (r Equity) First(ctx context.Context, models []string) (rows []entities.AccountEquitySnapshot, err error) {
	if len(models) == 0 {
		return nil, nil
	}
	err = r.run(ctx, "equity", "First", func(db *gorm.DB) error {
		return db.Raw(`
			SELECT first.model_id, first.observed_at, first.dollar_equity
			FROM models m
			CROSS JOIN LATERAL (
				SELECT model_id, observed_at, dollar_equity
				FROM account_equity_snapshots e
				WHERE e.competition_id = @competition AND e.model_id = m.id
				ORDER BY e.observed_at
				LIMIT 1
			) first
			WHERE m.id IN ?`, models, in(db)).Scan(&rows).Error
	})
	return rows, err
}

// After returns up to n snapshots of a model that stand after the given one, by
// hourly marker, then time; the first ones where it is nil.
func (r Equity) After(ctx context.Context, model string, last *entities.AccountEquitySnapshot, n int) (rows []entities.AccountEquitySnapshot, err error) {
	err = r.run(ctx, "equity", "After", func(db *gorm.DB) error {
		query := db.Where("model_id = ?", model)
		if last != nil {
			query = query.Where("(since_inception_hourly_marker, observed_at) > (?, ?)", last.SinceInceptionHourlyMarker, last.ObservedAt)
		}
		return query.Order("since_inception_hourly_marker, observed_at").Limit(n).Find(&rows).Error
	})
	return rows, err
}
