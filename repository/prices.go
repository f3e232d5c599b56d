package repository

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"nof0/entities"
)

// Prices keeps the feed of ticks and the newest price of each symbol.
type Prices struct{ base }

// Latest returns the newest price of each symbol at a provider, by symbol.
func (r Prices) Latest(ctx context.Context, provider string) (prices []entities.PriceLatest, err error) {
	err = r.run(ctx, "prices", "Latest", func(db *gorm.DB) error {
		return db.Where("provider = ?", provider).Order(bySymbol).Find(&prices).Error
	})
	return prices, err
}

// InsertTicks appends ticks. A repeated tick is Unchanged, one with another
// price is a Conflict and kept out. The partitions must exist.
func (r Prices) InsertTicks(ctx context.Context, ticks []entities.PriceTick) (outcomes []Outcome, err error) {
	err = r.run(ctx, "prices", "InsertTicks", func(db *gorm.DB) error {
		outcomes, err = insertTicks(db, ticks)
		return asMonthLeft(err, ticks)
	})
	return outcomes, err
}

// RaiseLatest makes each price the newest of its symbol, unless the stored one
// is as new or newer. At most one price per provider and symbol may be given.
func (r Prices) RaiseLatest(ctx context.Context, prices []entities.PriceLatest) error {
	return r.run(ctx, "prices", "RaiseLatest", func(db *gorm.DB) error {
		return upsert(db, raise("provider, symbol", "observed_at", "price", "extra")+" WHERE excluded.observed_at > price_latest.observed_at", prices)
	})
}

// partitionMonth ends the name of a partition: the month that it holds.
const partitionMonth = "2006_01"

// EnsurePartitions creates the monthly partitions of the ticks that hold the
// given times and do not exist yet. A partition is filled in beside the table
// and attached, so that readers and writers of the others go on meanwhile. A function of
// the database makes it, so that who calls this needs no right to make tables.
func (r Prices) EnsurePartitions(ctx context.Context, times []time.Time) error {
	var months []time.Time
	for _, t := range times {
		t = t.UTC()
		months = append(months, time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC))
	}
	slices.SortFunc(months, time.Time.Compare)
	months = slices.CompactFunc(months, time.Time.Equal)
	return r.run(ctx, "prices", "EnsurePartitions", func(db *gorm.DB) error {
		for _, month := range months {
			if err := ensurePartition(db, month); err != nil {
				return err
			}
		}
		return nil
	})
}

// EnsurePartitionsAhead creates the partitions of the month of now and of the
// two after it, as EnsurePartitions does. Run at least monthly, it keeps the
// feed from ever having to create one itself.
func (r Prices) EnsurePartitionsAhead(ctx context.Context, now time.Time) error {
	now = now.UTC()
	months := make([]time.Time, 3)
	for i := range months {
		// The first of the month: a 31st has no like in every month.
		months[i] = time.Date(now.Year(), now.Month()+time.Month(i), 1, 0, 0, 0, 0, time.UTC)
	}
	return r.EnsurePartitions(ctx, months)
}

func ensurePartition(db *gorm.DB, month time.Time) error {
	name := "price_ticks_" + month.Format(partitionMonth)
	var attached bool
	const isAttached = `SELECT EXISTS (
		SELECT 1 FROM pg_inherits
		WHERE inhparent = 'price_ticks'::regclass AND inhrelid = to_regclass(?))`
	if err := db.Raw(isAttached, name).Scan(&attached).Error; err != nil || attached {
		return err
	}
	return db.Transaction(func(tx *gorm.DB) error {
		// One creator at a time; the others find it attached.
		if err := partitionLock.wait(tx, name); err != nil {
			return err
		}
		if err := tx.Raw(isAttached, name).Scan(&attached).Error; err != nil || attached {
			return err
		}
		if err := tx.Exec("SELECT make_price_ticks_partition(?)", month).Error; err != nil {
			return fmt.Errorf("error creating partition %s: %w", name, err)
		}
		return nil
	})
}
