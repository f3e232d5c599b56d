package repository

import (
	"context"
	"time"

	"gorm.io/gorm"

	"nof0/entities"
)

// Recompute keeps how far the computed metrics have come, and reads the facts
// that they go on with.
type Recompute struct{ base }

// Begin makes the transaction see the database as it is now until its end, and
// keeps others from computing metrics meanwhile. It is the first thing that the
// transaction does; claimed is false where somebody else is at it.
func (r Recompute) Begin(ctx context.Context) (claimed bool, err error) {
	err = r.run(ctx, "recompute", "Begin", func(db *gorm.DB) error {
		if err := db.Exec("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").Error; err != nil {
			return err
		}
		claimed, err = byNumber.try(db, int64(LockRecompute))
		return err
	})
	return claimed, err
}

// Stale returns the competitors whose computed metrics are to be served (see
// Analytics.Served) and are behind their trades, decisions or imported document,
// or kept in a way other than version, by model. It costs the same however many
// facts there are.
func (r Recompute) Stale(ctx context.Context, version int64) (models []string, err error) {
	err = r.run(ctx, "recompute", "Stale", func(db *gorm.DB) error {
		return db.Raw(`
			SELECT m.id
			FROM models m
			JOIN model_stats s ON s.competition_id = @competition AND s.model_id = m.id
			LEFT JOIN analytics_states k ON k.competition_id = @competition AND k.model_id = m.id
			LEFT JOIN model_analytics i ON i.competition_id = @competition AND i.model_id = m.id AND i.source = ?
			WHERE m.kind = ?
				AND (k.model_id IS NULL OR k.version <> ?
					OR k.num_trades <> s.num_trades OR k.num_decisions <> s.num_decisions
					OR k.imported_as_of IS DISTINCT FROM i.as_of)
				AND (i.as_of IS NULL OR s.ingested_until > i.as_of)
			ORDER BY m.id COLLATE "C"`, entities.AnalyticsImported, entities.ModelCompetitor, version, in(db)).Scan(&models).Error
	})
	return models, err
}

// State returns how far the metrics of a model have come, nil before the first
// run, and the statistics that its facts have moved, nil before the first fact.
func (r Recompute) State(ctx context.Context, model string) (state *entities.AnalyticsState, stats *entities.ModelStats, err error) {
	err = r.run(ctx, "recompute", "State", func(db *gorm.DB) error {
		var states []entities.AnalyticsState
		if err := db.Where("model_id = ?", model).Find(&states).Error; err != nil {
			return err
		}
		if len(states) > 0 {
			state = &states[0]
		}
		var found []entities.ModelStats
		if err := db.Where("model_id = ?", model).Find(&found).Error; err != nil {
			return err
		}
		if len(found) > 0 {
			stats = &found[0]
		}
		return nil
	})
	return state, stats, err
}

// Keep stores how far the metrics of a model have come and, where doc is not
// nil, its computed document.
func (r Recompute) Keep(ctx context.Context, state entities.AnalyticsState, doc *entities.ModelAnalytics) error {
	return r.run(ctx, "recompute", "Keep", func(db *gorm.DB) error {
		conflict, err := replaceAll[entities.AnalyticsState](db)
		if err != nil {
			return err
		}
		if err := upsert(db, conflict, []entities.AnalyticsState{state}); err != nil || doc == nil {
			return err
		}
		replace, err := replaceAll[entities.ModelAnalytics](db)
		if err != nil {
			return err
		}
		return upsert(db, replace+" WHERE excluded.source = '"+entities.AnalyticsComputed+"'", []entities.ModelAnalytics{*doc})
	})
}

// Place is where a fact of a model stands in the order of its facts: by time,
// then by the bytes of its id.
type Place struct {
	Time time.Time
	ID   string
}

// TradeFact is what metrics need of a trade.
type TradeFact struct {
	ID                     string
	Side                   string
	Quantity               float64
	EntryTime, ExitTime    time.Time
	EntryPrice             float64
	RealizedNetPnl         float64
	RealizedGrossPnl       *float64
	TotalCommissionDollars *float64
}

// DecisionFact is what metrics need of a decision.
type DecisionFact struct {
	ID         string
	ExecutedAt time.Time
	Decisions  entities.JSON
}

// TradesHorizon returns the place of the newest trade of a model but n, nil
// where it has no more than n.
func (r Recompute) TradesHorizon(ctx context.Context, model string, n int) (*Place, error) {
	return r.horizon(ctx, "TradesHorizon", model, n, `
		SELECT exit_time, id FROM trades WHERE competition_id = @competition AND model_id = ?
		ORDER BY exit_time DESC, id COLLATE "C" DESC OFFSET ? LIMIT 1`)
}

// DecisionsHorizon returns the place of the newest decision of a model but n,
// nil where it has no more than n.
func (r Recompute) DecisionsHorizon(ctx context.Context, model string, n int) (*Place, error) {
	return r.horizon(ctx, "DecisionsHorizon", model, n, `
		SELECT executed_at, id FROM decision_cycles WHERE competition_id = @competition AND model_id = ?
		ORDER BY executed_at DESC, id COLLATE "C" DESC OFFSET ? LIMIT 1`)
}

func (r Recompute) horizon(ctx context.Context, method, model string, n int, query string) (place *Place, err error) {
	err = r.each(ctx, method, query, []any{model, n}, func(scan func(...any) error) error {
		place = new(Place)
		return scan(&place.Time, &place.ID)
	})
	return place, err
}

// Trades hands out the trades of a model after one place and up to another,
// each nil for no bound, in no order. They are read as they are handed out,
// and fn must not use the transaction.
func (r Recompute) Trades(ctx context.Context, model string, after, upTo *Place, fn func(*TradeFact) error) error {
	bounds, args := between("exit_time", model, after, upTo)
	var t TradeFact
	return r.each(ctx, "Trades", `
		SELECT id, side, quantity, entry_time, exit_time, entry_price,
			realized_net_pnl, realized_gross_pnl, total_commission_dollars
		FROM trades WHERE `+bounds, args, func(scan func(...any) error) error {
		if err := scan(&t.ID, &t.Side, &t.Quantity, &t.EntryTime, &t.ExitTime, &t.EntryPrice,
			&t.RealizedNetPnl, &t.RealizedGrossPnl, &t.TotalCommissionDollars); err != nil {
			return err
		}
		return fn(&t)
	})
}

// Decisions hands out the decisions of a model as Trades does trades, but in
// their order.
func (r Recompute) Decisions(ctx context.Context, model string, after, upTo *Place, fn func(*DecisionFact) error) error {
	bounds, args := between("executed_at", model, after, upTo)
	var d DecisionFact
	return r.each(ctx, "Decisions", `
		SELECT id, executed_at, decisions
		FROM decision_cycles WHERE `+bounds+`
		ORDER BY executed_at, id COLLATE "C"`, args, func(scan func(...any) error) error {
		if err := scan(&d.ID, &d.ExecutedAt, &d.Decisions); err != nil {
			return err
		}
		return fn(&d)
	})
}

// between is the condition on the facts of a model between two places.
func between(column, model string, after, upTo *Place) (condition string, args []any) {
	condition, args = "competition_id = @competition AND model_id = ?", []any{model}
	if after != nil {
		// The first condition is the one that the index takes.
		condition += ` AND ` + column + ` >= ? AND (` + column + ` > ? OR id COLLATE "C" > ?)`
		args = append(args, after.Time, after.Time, after.ID)
	}
	if upTo != nil {
		condition += ` AND ` + column + ` <= ? AND (` + column + ` < ? OR id COLLATE "C" <= ?)`
		args = append(args, upTo.Time, upTo.Time, upTo.ID)
	}
	return condition, args
}

// CountUntil returns how many trades and decisions of a model are known up to
// two times, nil for none of them.
func (r Recompute) CountUntil(ctx context.Context, model string, trades, decisions *time.Time) (numTrades, numDecisions int64, err error) {
	err = r.run(ctx, "recompute", "CountUntil", func(db *gorm.DB) error {
		return db.Raw(`
			SELECT (SELECT count(*) FROM trades WHERE competition_id = @competition AND model_id = @model AND exit_time <= @trades),
				(SELECT count(*) FROM decision_cycles WHERE competition_id = @competition AND model_id = @model AND executed_at <= @decisions)`,
			in(db), map[string]any{"model": model, "trades": trades, "decisions": decisions}).
			Row().Scan(&numTrades, &numDecisions)
	})
	return numTrades, numDecisions, err
}

// each runs a query and hands its rows to fn one by one, with what reads the
// columns of the row. However many rows there are, few are in memory.
func (r Recompute) each(ctx context.Context, method, query string, args []any, fn func(scan func(...any) error) error) error {
	return r.run(ctx, "recompute", method, func(db *gorm.DB) error { return eachRow(db, query, append(args, in(db)), fn) })
}
