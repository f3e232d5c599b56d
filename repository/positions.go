package repository

import (
	"context"
	"time"

	"gorm.io/gorm"

	"nof0/entities"
)

// Positions keeps every opening of a position; at most one per model, provider
// and symbol is open.
type Positions struct{ base }

// isOpen is spelled out: a plan that is kept for any parameter cannot use the
// index of the open positions.
const isOpen = "status = '" + entities.PositionOpen + "'"

// Open returns the open positions at a provider, by model, then symbol.
func (r Positions) Open(ctx context.Context, provider string) (positions []entities.Position, err error) {
	err = r.run(ctx, "positions", "Open", func(db *gorm.DB) error {
		return db.Where(isOpen).Where("provider = ?", provider).
			Order(byModel + ", " + bySymbol).Find(&positions).Error
	})
	return positions, err
}

// NewestClosed returns the ids of up to n positions of each model at a provider
// that were closed by a fill, by model, the one closed last at the end.
func (r Positions) NewestClosed(ctx context.Context, provider string, n int) (closed map[string][]string, err error) {
	err = r.run(ctx, "positions", "NewestClosed", func(db *gorm.DB) error {
		var rows []struct{ ModelID, ID string }
		err := db.Raw(`
			SELECT newest.model_id, newest.id
			FROM models m
			CROSS JOIN LATERAL (
				SELECT p.model_id, p.id, p.closed_at
				FROM positions p
				WHERE p.model_id = m.id AND p.provider = ? AND p.status = 'closed' AND p.closed_at IS NOT NULL
				ORDER BY p.closed_at DESC, p.id COLLATE "C" DESC
				LIMIT ?
			) newest
			ORDER BY newest.`+byModel+`, newest.closed_at, newest.id COLLATE "C"`, provider, n).Scan(&rows).Error
		closed = make(map[string][]string)
		for _, row := range rows {
			closed[row.ModelID] = append(closed[row.ModelID], row.ID)
		}
		return err
	})
	return closed, err
}

// State takes in a statement: "at asOf exactly these positions of the model
// were open". It holds until a newer statement. An older one adds the openings
// that are not known, as closed, and sets nothing back: whatever the order in
// which statements arrive, the rows end the same. The account must be locked.
// Outcomes stand in the order of positions; closed counts the ones that the
// statement no longer lists. Extra is what it says of the model beside them.
func (r Positions) State(ctx context.Context, model string, positions []entities.Position, extra entities.JSON, asOf time.Time) (outcomes []Outcome, closed int64, err error) {
	err = r.run(ctx, "positions", "State", func(db *gorm.DB) error {
		account, err := accountOf(db, model)
		if err != nil {
			return err
		}
		status := entities.PositionOpen
		if account.PositionsAsOf != nil && asOf.Before(*account.PositionsAsOf) {
			status = entities.PositionClosed
		}
		ids := make([]string, len(positions))
		for i := range positions {
			positions[i].ModelID, positions[i].Status, positions[i].StatedAt = model, status, asOf
			ids[i] = positions[i].ID
		}
		if status == entities.PositionOpen {
			if closed, err = r.closeOthers(db, account, ids); err != nil {
				return err
			}
			err := db.Model(&entities.Account{}).Where("model_id = ?", model).
				Where("positions_as_of IS DISTINCT FROM ?", asOf).
				Updates(map[string]any{"positions_as_of": asOf, "positions_extra": extra}).Error
			if err != nil {
				return err
			}
		}
		outcomes, err = r.put(db, positions, ids)
		return err
	})
	return outcomes, closed, err
}

// closeOthers closes the open positions of an account that are not among ids.
// When they were closed, no statement says; of positions at another provider it
// says nothing.
func (r Positions) closeOthers(db *gorm.DB, account *entities.Account, ids []string) (int64, error) {
	query := db.Model(&entities.Position{}).
		Where("model_id = ? AND provider = ?", account.ModelID, account.Provider).Where(isOpen)
	if len(ids) > 0 {
		query = query.Where("id NOT IN ?", ids)
	}
	res := query.Update("status", entities.PositionClosed)
	return res.RowsAffected, res.Error
}

// put stores openings, each unless the stored one is of newer data.
func (r Positions) put(db *gorm.DB, positions []entities.Position, ids []string) ([]Outcome, error) {
	outcomes := make([]Outcome, len(positions))
	if len(positions) == 0 {
		return outcomes, nil
	}
	var found []entities.Position
	if err := db.Where("model_id = ? AND id IN ?", positions[0].ModelID, ids).Find(&found).Error; err != nil {
		return nil, err
	}
	stored := make(map[string]*entities.Position, len(found))
	for i := range found {
		stored[found[i].ID] = &found[i]
	}
	var write []entities.Position
	for i, p := range positions {
		old, ok := stored[p.ID]
		if ok {
			// A statement does not tell these: fills do.
			p.OpenedQuantity = old.OpenedQuantity
			if p.Status == entities.PositionClosed {
				// An older statement knows less than what is stored.
				p.Status, p.ClosedAt = old.Status, old.ClosedAt
			}
		}
		switch {
		case !ok:
			outcomes[i] = Inserted
		case p.StatedAt.Before(old.StatedAt):
			outcomes[i] = Superseded
			continue
		case sameRow(old, &p, "StatedAt"):
			outcomes[i] = Unchanged
			if sameTime(&old.StatedAt, &p.StatedAt) {
				continue
			}
		case sameTime(&old.StatedAt, &p.StatedAt) && !sameRow(old, &p, "Status"):
			outcomes[i] = Conflict
			continue
		default:
			outcomes[i] = Updated
		}
		write = append(write, p)
	}
	if len(write) == 0 {
		return outcomes, nil
	}
	conflict, err := replaceAll[entities.Position](db)
	if err != nil {
		return nil, err
	}
	return outcomes, upsert(db, conflict, write)
}
