package repository

import (
	"context"
	"time"

	"gorm.io/gorm"

	"nof0/entities"
)

// PositionFilter selects the positions of a model at a provider: of one symbol, of one
// status. What is empty selects nothing.
type PositionFilter struct {
	Model, Provider, Symbol, Status string
	After                           *PositionKey // only those behind it; nil is from the first one on
}

// PositionKey is where a position stands in the history of its model: by entry, newest
// first, ties by id descending. Those without a time of entry come last, by id.
type PositionKey struct {
	EntryTime *time.Time
	ID        string
}

// History returns up to n positions in the order of PositionKey.
func (r Positions) History(ctx context.Context, f PositionFilter, n int) (positions []entities.Position, err error) {
	err = r.run(ctx, "positions", "History", func(db *gorm.DB) error {
		selected := func() *gorm.DB {
			query := db.Where("model_id = ? AND provider = ?", f.Model, f.Provider)
			if f.Symbol != "" {
				query = query.Where("symbol = ?", f.Symbol)
			}
			switch f.Status {
			case entities.PositionOpen:
				query = query.Where(isOpen)
			case entities.PositionClosed:
				query = query.Where("status = '" + entities.PositionClosed + "'")
			}
			return query
		}
		behindTimed := f.After != nil && f.After.EntryTime == nil
		if !behindTimed {
			query := selected().Where("entry_time IS NOT NULL")
			if f.After != nil {
				query = query.Where(`(entry_time, id COLLATE "C") < (?, ?)`, *f.After.EntryTime, f.After.ID)
			}
			if err := query.Order(`entry_time DESC, id COLLATE "C" DESC`).Limit(n).Find(&positions).Error; err != nil || len(positions) == n {
				return err
			}
		}
		query := selected().Where("entry_time IS NULL")
		if behindTimed {
			query = query.Where(`id COLLATE "C" < ?`, f.After.ID)
		}
		var untimed []entities.Position
		err := query.Order(`id COLLATE "C" DESC`).Limit(n - len(positions)).Find(&untimed).Error
		positions = append(positions, untimed...)
		return err
	})
	return positions, err
}

// Closings returns the trades that closed positions of a model, or parts of them, by
// position, oldest exit first. Each trade is looked up: for a page of a thousand positions
// the planner would read all trades there are.
func (r Positions) Closings(ctx context.Context, model string, ids []string) (closings map[string][]entities.Trade, err error) {
	closings = make(map[string][]entities.Trade)
	if len(ids) == 0 {
		return closings, nil
	}
	err = r.run(ctx, "positions", "Closings", func(db *gorm.DB) error {
		return eachRow(db, `
			SELECT f.position_id, t.id, t.exit_time, t.quantity, t.exit_price, t.realized_net_pnl
			FROM position_facts f
			CROSS JOIN LATERAL (
				SELECT *
				FROM trades
				WHERE competition_id = f.competition_id AND model_id = f.model_id AND id = f.ref
				OFFSET 0
			) t
			WHERE f.competition_id = @competition AND f.model_id = ? AND f.position_id = ANY (?) AND f.kind = 'fill'
			ORDER BY t.exit_time, t.id COLLATE "C"`, []any{model, &ids, in(db)}, func(scan func(...any) error) error {
			var position string
			t := entities.Trade{ModelID: model}
			err := scan(&position, &t.ID, &t.ExitTime, &t.Quantity, &t.ExitPrice, &t.RealizedNetPnl)
			closings[position] = append(closings[position], t)
			return err
		})
	})
	return closings, err
}
