package repository

import (
	"context"

	"gorm.io/gorm"

	"nof0/entities"
)

// Parity keeps the reports of the comparisons of the two sources.
type Parity struct{ base }

// Newest returns the newest report of a domain, nil where there is none.
func (r Parity) Newest(ctx context.Context, domain string) (run *entities.ParityRun, err error) {
	err = r.run(ctx, "parity", "Newest", func(db *gorm.DB) error {
		var found []entities.ParityRun
		err := db.Where("domain = ?", domain).Order("ran_at DESC, id DESC").Limit(1).Find(&found).Error
		if err == nil && len(found) > 0 {
			run = &found[0]
		}
		return err
	})
	return run, err
}
