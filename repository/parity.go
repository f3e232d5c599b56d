package repository

import (
	"context"
	"time"

	"gorm.io/gorm"

	"nof0/entities"
)

// Parity keeps the reports of comparisons between the two sources.
type Parity struct{ base }

// Record adds reports and fills in their ids.
func (r Parity) Record(ctx context.Context, runs ...*entities.ParityRun) error {
	if len(runs) == 0 {
		return nil
	}
	return r.run(ctx, "parity", "Record", func(db *gorm.DB) error {
		return db.Omit(bookkeeping()...).Create(runs).Error
	})
}

// Newest returns the newest report of a domain, nil where there is none.
func (r Parity) Newest(ctx context.Context, domain string) (*entities.ParityRun, error) {
	runs, err := r.List(ctx, domain, 1)
	if err != nil || len(runs) == 0 {
		return nil, err
	}
	return &runs[0], nil
}

// List returns the newest n reports of a domain, of every domain where it is
// "", newest first.
func (r Parity) List(ctx context.Context, domain string, n int) (runs []entities.ParityRun, err error) {
	err = r.run(ctx, "parity", "List", func(db *gorm.DB) error {
		if domain != "" {
			db = db.Where("domain = ?", domain)
		}
		return db.Order("ran_at DESC, id DESC").Limit(n).Find(&runs).Error
	})
	return runs, err
}

// Prune forgets the reports from before a time, and returns how many.
func (r Parity) Prune(ctx context.Context, before time.Time) (removed int64, err error) {
	err = r.run(ctx, "parity", "Prune", func(db *gorm.DB) error {
		res := db.Where("ran_at < ?", before).Delete(&entities.ParityRun{})
		removed = res.RowsAffected
		return res.Error
	})
	return removed, err
}

// TryLock makes this transaction the only one that compares on schedule, across
// all processes, until it ends. It reports whether it has become that.
func (r Parity) TryLock(ctx context.Context) (locked bool, err error) {
	err = r.run(ctx, "parity", "TryLock", func(db *gorm.DB) error {
		locked, err = parityLock.try(db)
		return err
	})
	return locked, err
}
