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
				WHERE p.competition_id = @competition AND p.model_id = m.id AND p.provider = ? AND p.status = 'closed' AND p.closed_at IS NOT NULL
				ORDER BY p.closed_at DESC, p.id COLLATE "C" DESC
				LIMIT ?
			) newest
			ORDER BY newest.`+byModel+`, newest.closed_at, newest.id COLLATE "C"`, provider, n, in(db)).Scan(&rows).Error
		closed = make(map[string][]string)
		for _, row := range rows {
			closed[row.ModelID] = append(closed[row.ModelID], row.ID)
		}
		return err
	})
	return closed, err
}

// State takes in a statement: "at asOf exactly these positions of the model
// were open". It is a fact among the others, with its own time: it holds until
// a newer statement, and what fills and openings say of later times stays. The
// account must be locked. Outcomes stand in the order of positions; closed
// counts the ones that the statement no longer lists. Extra is what it says of
// the model beside them.
func (r Positions) State(ctx context.Context, model string, positions []entities.Position, extra entities.JSON, asOf time.Time) (outcomes []Outcome, closed int64, err error) {
	err = r.run(ctx, "positions", "State", func(db *gorm.DB) error {
		account, err := accountOf(db, model)
		if err != nil {
			return err
		}
		asOf := asOf.Truncate(time.Microsecond) // as it is stored
		b := newBook()
		keys := make([]positionKey, len(positions))
		for i := range positions {
			positions[i].ModelID, positions[i].Status, positions[i].StatedAt = model, entities.PositionOpen, asOf
			keys[i] = keyOf(&positions[i])
		}
		if err := b.readModel(db, model, keys); err != nil {
			return err
		}
		if account.StatementAt == nil || !asOf.Before(*account.StatementAt) {
			b.statements[model].StatementAt = &asOf
			if err := noteStatement(db, account, extra, asOf); err != nil {
				return err
			}
		}
		if outcomes, closed, err = b.state(account, positions, asOf); err != nil {
			return err
		}
		return b.write(db)
	})
	return outcomes, closed, err
}

// noteStatement keeps the time of the newest statement of an account, and what
// it says beside positions.
func noteStatement(db *gorm.DB, account *entities.Account, extra entities.JSON, asOf time.Time) error {
	changes := map[string]any{"statement_at": asOf, "positions_extra": extra}
	if account.PositionsAsOf == nil || account.PositionsAsOf.Before(asOf) {
		changes["positions_as_of"] = asOf
	}
	return db.Model(&entities.Account{}).Where("model_id = ?", account.ModelID).
		Where("statement_at IS DISTINCT FROM ?", asOf).Updates(changes).Error
}

// TakeOver takes in the open positions of a model as another store kept them
// until now, with the facts that it knows; to Postgres what arrives later is
// new. Outcomes and closed are those of State, and the account must be locked.
func (r Positions) TakeOver(ctx context.Context, model string, positions []entities.Position, facts []entities.PositionFact, extra entities.JSON, asOf time.Time) (outcomes []Outcome, closed int64, err error) {
	err = r.run(ctx, "positions", "TakeOver", func(db *gorm.DB) error {
		account, err := accountOf(db, model)
		if err != nil {
			return err
		}
		asOf := asOf.Truncate(time.Microsecond) // as it is stored
		b := newBook()
		var keys []positionKey
		for i := range positions {
			positions[i].ModelID, positions[i].Status = model, entities.PositionOpen
			keys = append(keys, keyOf(&positions[i]))
		}
		for i := range facts {
			keys = append(keys, positionKey{model, facts[i].PositionID})
		}
		if err := b.readModel(db, model, keys); err != nil {
			return err
		}
		outcomes, closed = b.takeOver(account, positions, facts, asOf)
		err = db.Model(&entities.Account{}).Where("model_id = ?", model).
			Updates(map[string]any{"positions_as_of": asOf, "positions_extra": extra}).Error
		if err != nil {
			return err
		}
		return b.write(db)
	})
	return outcomes, closed, err
}

// LedgerFacts returns the facts of the open positions of every model at a
// provider, and of trades those that closed nothing that is known, by model.
func (r Positions) LedgerFacts(ctx context.Context, provider string, trades []entities.Trade) (facts map[string][]entities.PositionFact, err error) {
	err = r.run(ctx, "positions", "LedgerFacts", func(db *gorm.DB) error {
		var open []entities.PositionFact
		err := db.Raw(`
			SELECT `+columnsOf[entities.PositionFact](db, "f")+`
			FROM positions p
			JOIN position_facts f ON f.competition_id = p.competition_id AND f.model_id = p.model_id AND f.position_id = p.id
			WHERE p.competition_id = @competition AND p.status = 'open' AND p.provider = ?`, provider, in(db)).Scan(&open).Error
		if err != nil {
			return err
		}
		like := make([]entities.PositionFact, len(trades))
		for i := range trades {
			like[i] = entities.PositionFact{ModelID: trades[i].ModelID, Kind: entities.FactFill, Ref: trades[i].ID}
		}
		fills, err := findAll(db, like)
		if err != nil {
			return err
		}
		var of []entities.Position
		for _, f := range fills {
			if f != nil {
				of = append(of, entities.Position{ModelID: f.ModelID, ID: f.PositionID})
			}
		}
		known, err := findAll(db, of)
		if err != nil {
			return err
		}
		matched := make(map[positionKey]bool)
		for _, p := range known {
			if p != nil {
				matched[keyOf(p)] = true
			}
		}
		for _, f := range fills {
			if f != nil && !matched[positionKey{f.ModelID, f.PositionID}] && f.Provider == provider {
				open = append(open, *f)
			}
		}
		facts = make(map[string][]entities.PositionFact)
		for _, f := range open {
			f.Timestamps = entities.Timestamps{}
			facts[f.ModelID] = append(facts[f.ModelID], f)
		}
		return nil
	})
	return facts, err
}
