package repository

import (
	"context"
	"time"

	"gorm.io/gorm"

	"nof0/entities"
)

// Span is a range of time, both ends inclusive; a zero end is open.
type Span struct{ From, To time.Time }

// condition adds the ends that there are to a condition.
func (s Span) condition(where string, args ...any) (string, []any) {
	return s.on("observed_at", where, args...)
}

// on is condition for another column than observed_at.
func (s Span) on(column, where string, args ...any) (string, []any) {
	if !s.From.IsZero() {
		where += " AND " + column + " >= ?"
		args = append(args, s.From)
	}
	if !s.To.IsZero() {
		where += " AND " + column + " <= ?"
		args = append(args, s.To)
	}
	return where, args
}

// Series hands out the equity of a model over time, oldest first. Ends is called before,
// with the times of the first and of the last row, and returns from when on rows are
// handed out; without rows, neither is called. Rows are read as they are handed out, in
// the order of the key: however many there are, few are in memory.
func (r Equity) Series(ctx context.Context, model string, span Span, ends func(first, last time.Time) (from time.Time), each func(at time.Time, marker int64, equity float64) error) error {
	return r.run(ctx, "equity", "Series", func(db *gorm.DB) error {
		where, args, err := span.narrowed(db, "account_equity_snapshots", ends, "competition_id = @competition AND model_id = ?", []any{model}, in(db))
		if err != nil || where == "" {
			return err
		}
		var at time.Time
		var marker int64
		var equity float64
		return eachRow(db, `
			SELECT observed_at, since_inception_hourly_marker, dollar_equity
			FROM account_equity_snapshots
			WHERE `+where+`
			ORDER BY observed_at`, args, func(scan func(...any) error) error {
			if err := scan(&at, &marker, &equity); err != nil {
				return err
			}
			return each(at, marker, equity)
		})
	})
}

// During returns the first n equity rows of a model in a span by time, with no more
// than their time, marker and equity.
func (r Equity) During(ctx context.Context, model string, span Span, n int) (rows []entities.AccountEquitySnapshot, err error) {
	err = r.run(ctx, "equity", "During", func(db *gorm.DB) error {
		where, args := span.condition("model_id = ?", model)
		return db.Select("observed_at", "since_inception_hourly_marker", "dollar_equity").
			Where(where, args...).Order("observed_at").Limit(n).Find(&rows).Error
	})
	return rows, err
}

// During returns the first n ticks of a symbol at a provider in a span by time.
func (r Prices) During(ctx context.Context, provider, symbol string, span Span, n int) (rows []entities.PriceTick, err error) {
	err = r.run(ctx, "prices", "During", func(db *gorm.DB) error {
		where, args := span.condition("provider = ? AND symbol = ?", provider, symbol)
		return db.Select("observed_at", "price").Where(where, args...).Order("observed_at").Limit(n).Find(&rows).Error
	})
	return rows, err
}

// narrowed finds the first and the last row of a series by one probe of the key each,
// and returns the condition of the rows from when ends says; "" without rows.
func (s Span) narrowed(db *gorm.DB, table string, ends func(first, last time.Time) (from time.Time), of string, args []any, named ...any) (where string, _ []any, err error) {
	var times [2]time.Time
	whole, all := s.condition(of, args...)
	all = append(all, named...)
	for i, direction := range []string{"", " DESC"} {
		there := false
		err := eachRow(db, "SELECT observed_at FROM "+table+" WHERE "+whole+" ORDER BY observed_at"+direction+" LIMIT 1", all,
			func(scan func(...any) error) error {
				there = true
				return scan(&times[i])
			})
		if err != nil || !there {
			return "", nil, err
		}
	}
	if from := ends(times[0], times[1]); from.After(times[0]) {
		s.From = from
	}
	where, args = s.condition(of, args...)
	return where, append(args, named...), nil
}

// NewestOf returns the newest snapshot of a model, nil before the first.
func (r Equity) NewestOf(ctx context.Context, model string) (newest *entities.AccountEquitySnapshot, err error) {
	err = r.run(ctx, "equity", "NewestOf", func(db *gorm.DB) error {
		var rows []entities.AccountEquitySnapshot
		err := db.Where("model_id = ?", model).Order("observed_at DESC").Limit(1).Find(&rows).Error
		if err == nil && len(rows) > 0 {
			newest = &rows[0]
		}
		return err
	})
	return newest, err
}
