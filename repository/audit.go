package repository

import (
	"context"
	"strings"
	"time"

	"gorm.io/gorm"

	"nof0/entities"
)

// The queries of this file read what one decision of a model led to.

// Of returns a decision cycle of a model, nil where there is none of that id.
func (r Decisions) Of(ctx context.Context, model, id string) (decision *entities.DecisionCycle, err error) {
	err = r.run(ctx, "decisions", "Of", func(db *gorm.DB) error {
		decision, err = firstOf[entities.DecisionCycle](db.Where("model_id = ? AND id = ?", model, id))
		return err
	})
	return decision, err
}

// Beside returns the decisions of a model before and after one of them, in the order
// of time; each is nil where there is none. As InForce does, it reads nothing but the
// index by model: one by time alone would be read past what other models decided.
func (r Decisions) Beside(ctx context.Context, model string, of Place) (before, after *Place, err error) {
	err = r.run(ctx, "decisions", "Beside", func(db *gorm.DB) error {
		for _, side := range []struct {
			found       **Place
			less, order string
		}{
			{&before, "<", `executed_at DESC, id COLLATE "C" DESC`},
			{&after, ">", `executed_at, id COLLATE "C"`},
		} {
			err := eachRow(db, `
				SELECT executed_at, id FROM decision_cycles
				WHERE competition_id = @competition AND model_id = ? AND (executed_at, id COLLATE "C") `+side.less+` (?, ?)
				ORDER BY `+side.order+` LIMIT 1`, []any{model, of.Time, of.ID, in(db)}, func(scan func(...any) error) error {
				*side.found = new(Place)
				return scan(&(*side.found).Time, &(*side.found).ID)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return before, after, err
}

// InForce returns for each of some times the decision of a model that was the newest
// then: executed at that time or before. It is nil where there was none.
func (r Decisions) InForce(ctx context.Context, model string, times []time.Time) (decisions []*Place, err error) {
	decisions = make([]*Place, len(times))
	if len(times) == 0 {
		return decisions, nil
	}
	values := strings.TrimSuffix(strings.Repeat("(?::int, ?::timestamptz), ", len(times)), ", ")
	args := make([]any, 0, 2*len(times)+1)
	for i, at := range times {
		args = append(args, i, at)
	}
	err = r.run(ctx, "decisions", "InForce", func(db *gorm.DB) error {
		return eachRow(db, `
			SELECT asked.nth, d.executed_at, d.id
			FROM (VALUES `+values+`) AS asked (nth, at)
			CROSS JOIN LATERAL (
				SELECT executed_at, id
				FROM decision_cycles
				WHERE competition_id = @competition AND model_id = ? AND executed_at <= asked.at
				ORDER BY executed_at DESC, id COLLATE "C" DESC
				LIMIT 1
			) d`, append(args, model, in(db)), func(scan func(...any) error) error {
			var nth int
			var place Place
			if err := scan(&nth, &place.Time, &place.ID); err != nil {
				return err
			}
			decisions[nth] = &place
			return nil
		})
	})
	return decisions, err
}

// Entered returns the first n trades of a model that were entered within a span, and
// Exited those that were closed within it, by that time, ties by id.
func (r Trades) Entered(ctx context.Context, model string, span Span, n int) ([]entities.Trade, error) {
	return r.during(ctx, "Entered", "entry_time", model, span, n)
}

// Exited is explained with Entered.
func (r Trades) Exited(ctx context.Context, model string, span Span, n int) ([]entities.Trade, error) {
	return r.during(ctx, "Exited", "exit_time", model, span, n)
}

func (r Trades) during(ctx context.Context, method, column, model string, span Span, n int) (trades []entities.Trade, err error) {
	err = r.run(ctx, "trades", method, func(db *gorm.DB) error {
		where, args := span.on(column, "model_id = ?", model)
		return db.Where(where, args...).Order(column + `, id COLLATE "C"`).Limit(n).Find(&trades).Error
	})
	return trades, err
}

// During returns the positions of a model that were entered within a span, at most n
// of a symbol at a provider, and of each such the one that it had entered last before.
// A position without an entry time is not among them. They stand by entry time, ties
// by id.
func (r Positions) During(ctx context.Context, model string, span Span, n int) (positions []entities.Position, err error) {
	err = r.run(ctx, "positions", "During", func(db *gorm.DB) error {
		columns := columnsOf[entities.Position](db, "p")
		entered, args := span.on("p.entry_time", "TRUE")
		args = append([]any{model, model, model}, append(args, n, model, span.From, in(db))...)
		// Its symbols are found by one probe each.
		return db.Raw(`
			WITH RECURSIVE slots AS (
				(SELECT provider, symbol FROM positions WHERE competition_id = @competition AND model_id = ?
					ORDER BY provider, symbol LIMIT 1)
				UNION ALL
				SELECT next.provider, next.symbol
				FROM slots s
				CROSS JOIN LATERAL (
					SELECT p.provider, p.symbol FROM positions p
					WHERE p.competition_id = @competition AND p.model_id = ? AND (p.provider, p.symbol) > (s.provider, s.symbol)
					ORDER BY p.provider, p.symbol LIMIT 1
				) next
			)
			SELECT `+columns+`
			FROM slots s
			CROSS JOIN LATERAL (
				(SELECT * FROM positions p
					WHERE p.competition_id = @competition AND p.model_id = ? AND p.provider = s.provider AND p.symbol = s.symbol AND `+entered+`
					ORDER BY p.entry_time LIMIT ?)
				UNION ALL
				(SELECT * FROM positions p
					WHERE p.competition_id = @competition AND p.model_id = ? AND p.provider = s.provider AND p.symbol = s.symbol AND p.entry_time < ?
					ORDER BY p.entry_time DESC LIMIT 1)
			) p
			ORDER BY p.entry_time, p.id COLLATE "C"`, args...).Scan(&positions).Error
	})
	return positions, err
}

// Adjusted returns what was said within a span of positions of a model, after they
// had been opened and other than by a fill, by time: each row is the position as it
// was said to be, at its StatedAt.
func (r Positions) Adjusted(ctx context.Context, model string, ids []string, span Span) (states []entities.Position, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	err = r.run(ctx, "positions", "Adjusted", func(db *gorm.DB) error {
		where, args := span.condition("model_id = ? AND position_id IN ? AND kind = ?", model, ids, entities.FactAdjustment)
		var facts []entities.PositionFact
		if err := db.Where(where, args...).Order(`observed_at, ref COLLATE "C"`).Find(&facts).Error; err != nil {
			return err
		}
		for i := range facts {
			state, err := readState(&facts[i])
			if err != nil {
				return err
			}
			state.StatedAt = facts[i].ObservedAt
			states = append(states, *state)
		}
		return nil
	})
	return states, err
}
