package arena

import (
	"context"
	"maps"
	"slices"

	"nof0/internal/analytics"
	"nof0/internal/mapping"
	"nof0/internal/wire"
)

// Leaderboard implements Source. It costs the same however much happens in an hour: newest
// snapshots, running statistics, and the last equity of each hour.
func (s *Store) Leaderboard(ctx context.Context) (wire.Leaderboard, error) {
	rows, err := s.Competitors(ctx)
	if err != nil {
		return wire.Leaderboard{}, err
	}
	out := wire.Leaderboard{ServerTime: s.serverTime()}
	for i := range rows {
		c := &rows[i]
		if err := s.gatherHours(ctx, c); err != nil {
			return wire.Leaderboard{}, err
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
	return s.gather(ctx, competitors)
}

// gather returns the facts of Competitors of the given models.
func (s *Store) gather(ctx context.Context, models []string) ([]analytics.Competitor, error) {
	rows := make([]analytics.Competitor, len(models))
	facts := make(map[string]*analytics.Competitor, len(models))
	for i, model := range models {
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
				Wins:        m.WinnersCount,
				WinDollars:  m.WinnersNetSum,
				LoseDollars: m.LosersNetSum,
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

// gatherHours adds the series that a Sharpe ratio is computed from where the newest
// snapshot states none.
func (s *Store) gatherHours(ctx context.Context, c *analytics.Competitor) error {
	if c.Newest == nil || c.Newest.SharpeRatio.Ptr() != nil {
		return nil
	}
	hours, err := s.repos.Equity.HoursOf(ctx, c.ID)
	c.HourlyEquities = []float64{c.NAV}
	for _, h := range hours {
		c.HourlyEquities = append(c.HourlyEquities, h.DollarEquity)
	}
	return Unavailable(err)
}
