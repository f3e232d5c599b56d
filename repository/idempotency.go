package repository

import (
	"context"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"nof0/entities"
)

// Idempotency keeps the answers to write requests that carried a key. It works
// inside the transaction of the request: the answer is stored with what it
// is about, or not at all.
type Idempotency struct{ base }

// Begin reserves a key for a request. It returns what is stored where the key
// was used before, and waits for a request of the same key that is under way.
func (r Idempotency) Begin(ctx context.Context, key entities.IdempotencyKey) (stored *entities.IdempotencyKey, err error) {
	err = r.run(ctx, "idempotency", "Begin", func(db *gorm.DB) error {
		key.Body = []byte{}
		res := db.Clauses(clause.OnConflict{DoNothing: true}).Create(&key)
		if res.Error != nil || res.RowsAffected > 0 {
			return res.Error
		}
		stored = new(entities.IdempotencyKey)
		return db.Where("token_id = ? AND key = ?", key.TokenID, key.Key).Take(stored).Error
	})
	return stored, err
}

// Finish stores the answer under a key that Begin reserved.
func (r Idempotency) Finish(ctx context.Context, key entities.IdempotencyKey) error {
	return r.run(ctx, "idempotency", "Finish", func(db *gorm.DB) error {
		return later(db).Model(&entities.IdempotencyKey{}).
			Where("token_id = ? AND key = ?", key.TokenID, key.Key).
			Updates(map[string]any{"status": key.Status, "body": key.Body}).Error
	})
}

// Prune forgets keys from before a time, and returns how many.
func (r Idempotency) Prune(ctx context.Context, before time.Time) (removed int64, err error) {
	err = r.run(ctx, "idempotency", "Prune", func(db *gorm.DB) error {
		res := db.Where("created_at < ?", before).Delete(&entities.IdempotencyKey{})
		removed = res.RowsAffected
		return res.Error
	})
	return removed, err
}
