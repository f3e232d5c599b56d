package repository

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/shopspring/decimal"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"nof0/entities"
)

// Stats keeps the running trade statistics of the models.
type Stats struct{ base }

// All returns the statistics of every model that has traded or decided, by model.
func (r Stats) All(ctx context.Context) (stats []entities.ModelStats, err error) {
	err = r.run(ctx, "stats", "All", func(db *gorm.DB) error {
		return db.Order(byModel).Find(&stats).Error
	})
	return stats, err
}

// addDecisions counts decisions that have just been inserted, as addStats does
// with trades.
func addDecisions(db *gorm.DB, cycles []entities.DecisionCycle, ingested bool) error {
	counts := make(map[string]*entities.ModelStats)
	for i := range cycles {
		count := statsOf(counts, cycles[i].ModelID)
		count.NumDecisions++
		if ingested {
			count.IngestedUntil = later(count.IngestedUntil, cycles[i].ExecutedAt)
		}
	}
	for _, model := range slices.Sorted(maps.Keys(counts)) {
		if err := db.Exec(`
			INSERT INTO model_stats (competition_id, model_id, num_decisions, ingested_until)
			VALUES (@competition, ?, ?, ?)
			ON CONFLICT (competition_id, model_id) DO UPDATE
			SET num_decisions = model_stats.num_decisions + excluded.num_decisions,
				ingested_until = greatest(model_stats.ingested_until, excluded.ingested_until),
				updated_at = excluded.updated_at`,
			model, counts[model].NumDecisions, counts[model].IngestedUntil, in(db)).Error; err != nil {
			return err
		}
	}
	return nil
}

func statsOf(byModel map[string]*entities.ModelStats, model string) *entities.ModelStats {
	if byModel[model] == nil {
		byModel[model] = &entities.ModelStats{ModelID: model}
	}
	return byModel[model]
}

// later is the later of two times, the first of which may not be there.
func later(known *time.Time, at time.Time) *time.Time {
	if known != nil && !at.After(*known) {
		return known
	}
	return &at
}

// addStats moves the statistics by trades that have just been inserted, by
// ingest or by an import.
func addStats(db *gorm.DB, trades []entities.Trade, ingested bool) error {
	return moveStats(db, trades, "+", ingested)
}

// moveStats moves the statistics by trades that have come or gone: sign is + or −.
// The database adds, so that two writers at once lose nothing.
func moveStats(db *gorm.DB, trades []entities.Trade, sign string, ingested bool) error {
	if len(trades) == 0 {
		return nil
	}
	byModel := make(map[string]*entities.ModelStats)
	for i := range trades {
		stats := statsOf(byModel, trades[i].ModelID)
		addTrade(stats, &trades[i])
		if ingested {
			stats.IngestedUntil = later(stats.IngestedUntil, trades[i].ExitTime)
		}
	}
	deltas := make([]entities.ModelStats, 0, len(byModel))
	for _, delta := range byModel {
		deltas = append(deltas, *delta)
	}
	stmt := &gorm.Statement{DB: db}
	if err := stmt.Parse(&entities.ModelStats{}); err != nil {
		return err
	}
	sums := make(map[string]any)
	for _, column := range stmt.Schema.DBNames {
		sum := fmt.Sprintf("model_stats.%[1]s %[2]s excluded.%[1]s", column, sign)
		switch {
		case column == "competition_id", column == "model_id", column == "created_at":
			continue
		case column == "updated_at":
			sum = "excluded.updated_at"
		case column == "ingested_until":
			sum = "greatest(model_stats.ingested_until, excluded.ingested_until)"
		case stmt.Schema.FieldsByDBName[column].DataType == "numeric":
			// The scale of a sum is that of its widest term so far, which depends
			// on the order of the terms.
			sum = fmt.Sprintf("trim_scale(%s)", sum)
		}
		sums[column] = gorm.Expr(sum)
	}
	// Every delta is then added to a row that is there, and trimmed.
	if _, err := registerAll(db, zeros(deltas)); err != nil {
		return err
	}
	return upsert(db, clause.OnConflict{
		Columns:   []clause.Column{{Name: "competition_id"}, {Name: "model_id"}},
		DoUpdates: clause.Assignments(sums),
	}, deltas)
}

// zeros are the statistics of models that have not traded.
func zeros(of []entities.ModelStats) []entities.ModelStats {
	rows := make([]entities.ModelStats, len(of))
	for i := range of {
		rows[i].ModelID = of[i].ModelID
	}
	return rows
}

// addTrade adds one trade to the statistics of its model.
func addTrade(s *entities.ModelStats, t *entities.Trade) {
	var (
		net      = exact(t.RealizedNetPnl)
		notional = exact(t.Quantity).Abs().Mul(exact(t.EntryPrice))
		holding  = decimal.New(t.ExitTime.UnixMicro()-t.EntryTime.UnixMicro(), -6)
	)
	s.NumTrades++
	add(&s.Net, net)
	add(&s.Notional, notional)
	add(&s.Holding, holding)
	if t.RealizedGrossPnl != nil {
		add(&s.Gross, exact(*t.RealizedGrossPnl))
	}
	if t.TotalCommissionDollars != nil {
		add(&s.Fee, exact(*t.TotalCommissionDollars))
	}
	outcome, side := &s.Losers, &s.Longs
	if t.RealizedNetPnl > 0 {
		outcome = &s.Winners
	}
	if t.Side == "short" {
		side = &s.Shorts
	}
	for _, g := range []*entities.TradeGroup{outcome, side} {
		g.Count++
		add(&g.Net, net)
		add(&g.Notional, notional)
		add(&g.Holding, holding)
	}
}

func add(m *entities.Moments, x decimal.Decimal) {
	m.Sum = m.Sum.Add(x)
	m.SumSq = m.SumSq.Add(x.Mul(x))
}

// exact is the shortest decimal that gives the double back.
func exact(x float64) decimal.Decimal { return decimal.NewFromFloat(x) }
