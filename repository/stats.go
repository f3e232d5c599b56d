package repository

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/shopspring/decimal"
	"gorm.io/gorm"

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

// statsDelta is by how much the statistics of models change.
type statsDelta map[string]*entities.ModelStats

func (d statsDelta) of(model string) *entities.ModelStats {
	if d[model] == nil {
		d[model] = &entities.ModelStats{ModelID: model}
	}
	return d[model]
}

// trade counts a trade that has come, n is 1, or gone, n is -1.
func (d statsDelta) trade(t *entities.Trade, n int64) *entities.ModelStats {
	s := d.of(t.ModelID)
	net := decimal.NewFromFloat(t.RealizedNetPnl).Mul(decimal.NewFromInt(n)) // the shortest that gives the double back
	s.NumTrades += n
	if t.RealizedNetPnl > 0 {
		s.WinnersCount, s.WinnersNetSum = s.WinnersCount+n, s.WinnersNetSum.Add(net)
	} else {
		s.LosersCount, s.LosersNetSum = s.LosersCount+n, s.LosersNetSum.Add(net)
	}
	return s
}

// until notes when what came by ingest happened.
func until(s *entities.ModelStats, at time.Time) {
	if s.IngestedUntil == nil || at.After(*s.IngestedUntil) {
		s.IngestedUntil = &at
	}
}

// addTrades moves the statistics by trades that have just been inserted, by ingest or
// by an import.
func addTrades(db *gorm.DB, trades []entities.Trade, ingested bool) error {
	d := make(statsDelta)
	for i := range trades {
		if s := d.trade(&trades[i], 1); ingested {
			until(s, trades[i].ExitTime)
		}
	}
	return d.write(db)
}

// addDecisions is addTrades of decisions.
func addDecisions(db *gorm.DB, cycles []entities.DecisionCycle, ingested bool) error {
	d := make(statsDelta)
	for i := range cycles {
		s := d.of(cycles[i].ModelID)
		if s.NumDecisions++; ingested {
			until(s, cycles[i].ExecutedAt)
		}
	}
	return d.write(db)
}

// write moves the statistics. The database adds, so that two writers at once lose
// nothing.
func (d statsDelta) write(db *gorm.DB) error {
	rows := make([]entities.ModelStats, 0, len(d))
	for _, model := range slices.Sorted(maps.Keys(d)) {
		rows = append(rows, *d[model])
	}
	return upsert(db, movedStats, rows)
}

// The scale of a sum is that of its widest term so far, which depends on the order of the
// terms.
const movedStats = `(competition_id, model_id) DO UPDATE SET
	ingested_until = greatest(model_stats.ingested_until, excluded.ingested_until),
	num_trades = model_stats.num_trades + excluded.num_trades,
	num_decisions = model_stats.num_decisions + excluded.num_decisions,
	winners_count = model_stats.winners_count + excluded.winners_count,
	losers_count = model_stats.losers_count + excluded.losers_count,
	winners_net_sum = trim_scale(model_stats.winners_net_sum + excluded.winners_net_sum),
	losers_net_sum = trim_scale(model_stats.losers_net_sum + excluded.losers_net_sum),
	updated_at = excluded.updated_at`
