package repository

import (
	"context"

	"gorm.io/gorm"

	"nof0/entities"
)

// Rollout keeps where each domain is read from and written to, and the lock
// under which that may change.
//
// Who writes facts of a domain holds the lock shared until its transaction
// ends, and reads the switches once it has it; who sets a switch holds it
// alone. So no write is under way while a switch moves, and every write knows
// the switches that hold for it.
type Rollout struct{ base }

// rolloutLock is the key of the advisory lock.
const rolloutLock = 0x6e6f6630_0004

// LockShared holds the lock with others of its kind until the transaction ends.
func (r Rollout) LockShared(ctx context.Context) error {
	return r.run(ctx, "rollout", "LockShared", func(db *gorm.DB) error {
		return db.Exec("SELECT pg_advisory_xact_lock_shared(?)", int64(rolloutLock)).Error
	})
}

// Switches returns the switches that have been set, by domain.
func (r Rollout) Switches(ctx context.Context) (switches []entities.RolloutSwitch, err error) {
	err = r.run(ctx, "rollout", "Switches", func(db *gorm.DB) error {
		return db.Order("domain").Find(&switches).Error
	})
	return switches, err
}
