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

// Hours returns the newest snapshot of each model and hourly marker from one
// marker to another, both inclusive, by marker, then model. It probes the
// index once per model and marker, so that its cost follows what it returns.
// The markers are a series of constant ends: the planner then knows how few
// they are and does not compile a plan for a thousand.
func (r Equity) Hours(ctx context.Context, from, to int64) (rows []entities.AccountEquitySnapshot, err error) {
	err = r.run(ctx, "equity", "Hours", func(db *gorm.DB) error {
		return db.Raw(`
			SELECT newest.*
			FROM models m
			CROSS JOIN generate_series(?::bigint, ?::bigint) AS hour (marker)
			CROSS JOIN LATERAL (
				SELECT *
				FROM account_equity_snapshots e
				WHERE e.model_id = m.id AND e.since_inception_hourly_marker = hour.marker
				ORDER BY e.observed_at DESC
				LIMIT 1
			) newest
			ORDER BY newest.since_inception_hourly_marker, newest.model_id`, from, to).Scan(&rows).Error
	})
	return rows, err
}

// LastMarker returns the newest hourly marker of the season, -1 before the
// first snapshot.
func (r Equity) LastMarker(ctx context.Context) (marker int64, err error) {
	err = r.run(ctx, "equity", "LastMarker", func(db *gorm.DB) error {
		return db.Raw(`
			SELECT coalesce(max(last.marker), -1)
			FROM models m
			CROSS JOIN LATERAL (
				SELECT since_inception_hourly_marker AS marker
				FROM account_equity_snapshots
				WHERE model_id = m.id
				ORDER BY since_inception_hourly_marker DESC
				LIMIT 1
			) last`).Scan(&marker).Error
	})
	return marker, err
}

// Newest returns the newest snapshot of each model, by model.
func (r Equity) Newest(ctx context.Context) (rows []entities.AccountEquitySnapshot, err error) {
	err = r.run(ctx, "equity", "Newest", func(db *gorm.DB) error {
		return db.Raw(`
			SELECT newest.*
			FROM models m
			CROSS JOIN LATERAL (
				SELECT *
				FROM account_equity_snapshots e
				WHERE e.model_id = m.id
				ORDER BY e.observed_at DESC
				LIMIT 1
			) newest
			ORDER BY newest.model_id`).Scan(&rows).Error
	})
	return rows, err
}

// HoursOf returns the newest snapshot of each hourly marker of one model, by
// marker.
func (r Equity) HoursOf(ctx context.Context, model string) (rows []entities.AccountEquitySnapshot, err error) {
	err = r.run(ctx, "equity", "HoursOf", func(db *gorm.DB) error {
		return db.Raw(`
			SELECT DISTINCT ON (since_inception_hourly_marker) *
			FROM account_equity_snapshots
			WHERE model_id = ?
			ORDER BY since_inception_hourly_marker, observed_at DESC`, model).Scan(&rows).Error
	})
	return rows, err
}
