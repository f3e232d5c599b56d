package arena

import (
	"context"
	"maps"
	"slices"

	"nof0/entities"
	"nof0/internal/analytics"
	"nof0/internal/mapping"
	"nof0/internal/wire"
)

// Leaderboard implements Source. It costs the same however long the season is:
// newest snapshots and running statistics, not history.
func (s *Store) Leaderboard(ctx context.Context) (wire.Leaderboard, error) {
	rows, err := s.Competitors(ctx)
	if err != nil {
		return wire.Leaderboard{}, err
	}
	out := wire.Leaderboard{ServerTime: s.serverTime()}
	for i := range rows {
		c := &rows[i]
		if c.Newest != nil && c.Newest.SharpeRatio.Ptr() == nil {
			if c.HourlyEquities, err = s.hourlyEquities(ctx, c); err != nil {
				return wire.Leaderboard{}, err
			}
		}
		if c.Imported != nil && (c.ShowsImported() || c.Trades.Count == 0) {
			if out.ImportedAsOf == nil {
				out.ImportedAsOf = make(map[string]float64)
			}
			out.ImportedAsOf[c.ID] = c.ImportedAsOf
		}
	}
	out.Leaderboard = analytics.Leaderboard(rows)
	return out, nil
}

// Competitors returns the facts from which the standing follows, of every
// competitor in the order of lists, but for the series of a Sharpe ratio that no row
// states.
func (s *Store) Competitors(ctx context.Context) ([]analytics.Competitor, error) {
	competitors, err := s.competitors(ctx)
	if err != nil {
		return nil, err
	}
	rows := make([]analytics.Competitor, len(competitors))
	facts := make(map[string]*analytics.Competitor, len(competitors))
	for i, model := range competitors {
		rows[i].ID = model
		facts[model] = &rows[i]
	}
	for _, gather := range []func(context.Context, map[string]*analytics.Competitor) error{
		s.gatherEquity, s.gatherAccounts, s.gatherTallies,
	} {
		if err := gather(ctx, facts); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

func (s *Store) gatherAccounts(ctx context.Context, facts map[string]*analytics.Competitor) error {
	accounts, err := s.repos.Accounts.All(ctx)
	if err != nil {
		return Unavailable(err)
	}
	without := maps.Clone(facts) // an inception
	for _, a := range accounts {
		c := facts[a.ModelID]
		if c == nil {
			continue
		}
		if a.InceptionNAV != nil {
			c.NAV = *a.InceptionNAV
			delete(without, a.ModelID)
		}
		if c.Imported, err = mapping.StandingPayload(a); err != nil {
			return err
		}
		if a.StandingAsOf != nil {
			c.ImportedAsOf = wire.Seconds(*a.StandingAsOf)
		}
	}
	maps.DeleteFunc(without, func(_ string, c *analytics.Competitor) bool { return c.Newest == nil })
	first, err := s.repos.Equity.First(ctx, slices.Collect(maps.Keys(without)))
	for _, row := range first {
		facts[row.ModelID].First = row.DollarEquity
	}
	return Unavailable(err)
}

func (s *Store) gatherTallies(ctx context.Context, facts map[string]*analytics.Competitor) error {
	stats, err := s.repos.Stats.All(ctx)
	for _, m := range stats {
		if c := facts[m.ModelID]; c != nil {
			c.Trades = analytics.TradeTally{
				Count:       m.NumTrades,
				Wins:        m.Winners.Count,
				WinDollars:  m.Winners.Net.Sum,
				LoseDollars: m.Losers.Net.Sum,
			}
		}
	}
	return Unavailable(err)
}

func (s *Store) gatherEquity(ctx context.Context, facts map[string]*analytics.Competitor) error {
	newest, err := s.repos.Equity.Newest(ctx)
	if err != nil {
		return Unavailable(err)
	}
	for _, snapshot := range newest {
		c := facts[snapshot.ModelID]
		if c == nil {
			continue
		}
		row, err := mapping.EquityPayload(snapshot)
		if err != nil {
			return err
		}
		c.Newest = &row
	}
	return nil
}

// hourlyEquities is the series that a Sharpe ratio is computed from where the
// newest snapshot states none.
func (s *Store) hourlyEquities(ctx context.Context, c *analytics.Competitor) ([]float64, error) {
	hours, err := s.repos.Equity.HoursOf(ctx, c.ID)
	if err != nil {
		return nil, Unavailable(err)
	}
	return equitySeries(c.NAV, hours), nil
}

func equitySeries(nav float64, hours []entities.AccountEquitySnapshot) []float64 {
	series := []float64{nav}
	for _, h := range hours {
		series = append(series, h.DollarEquity)
	}
	return series
}
