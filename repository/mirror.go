package repository

import (
	"context"
	"time"

	"gorm.io/gorm"

	"nof0/entities"
)

// Mirror keeps how far the JSON files of each domain have followed the outbox.
type Mirror struct{ base }

// Claim keeps others from following until the transaction ends. It is false
// where another process is at it.
func (r Mirror) Claim(ctx context.Context) (claimed bool, err error) {
	err = r.run(ctx, "mirror", "Claim", func(db *gorm.DB) error {
		claimed, err = mirrorLock.try(db)
		return err
	})
	return claimed, err
}

// Positions returns how far each domain has followed, by domain. One that never
// did is not among them.
func (r Mirror) Positions(ctx context.Context) (positions []entities.JSONMirror, err error) {
	err = r.run(ctx, "mirror", "Positions", func(db *gorm.DB) error {
		return db.Order(`domain COLLATE "C"`).Find(&positions).Error
	})
	return positions, err
}

// Set stores how far domains have followed.
func (r Mirror) Set(ctx context.Context, domains []string, sequence int64, at time.Time) error {
	return r.run(ctx, "mirror", "Set", func(db *gorm.DB) error {
		conflict, err := replaceAll[entities.JSONMirror](db)
		if err != nil {
			return err
		}
		rows := make([]entities.JSONMirror, len(domains))
		for i, domain := range domains {
			rows[i] = entities.JSONMirror{Domain: domain, Sequence: sequence, MirroredAt: at}
		}
		return upsert(db, conflict, rows)
	})
}

// HistorySize returns how many trades, equity snapshots, decision cycles and
// threads there are.
func (r Mirror) HistorySize(ctx context.Context) (rows int64, err error) {
	err = r.run(ctx, "mirror", "HistorySize", func(db *gorm.DB) error {
		return db.Raw(`
			SELECT (SELECT count(*) FROM trades WHERE competition_id = @competition)
				+ (SELECT count(*) FROM account_equity_snapshots WHERE competition_id = @competition)
				+ (SELECT count(*) FROM decision_cycles WHERE competition_id = @competition)
				+ (SELECT count(*) FROM conversations WHERE competition_id = @competition AND `+isThread+`)`, in(db)).
			Scan(&rows).Error
	})
	return rows, err
}
