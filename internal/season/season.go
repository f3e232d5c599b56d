package season

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"nof0/internal/analytics"
	"nof0/internal/wire"
)

// Season is everything that happened, from the first minute to the last.
type Season struct {
	options     Options
	market      *market
	competitors []string
	traders     []*trader // the competitors by id, then the benchmark
	accounts    []wire.SinceInception
}

// Generate makes up a season. An error says which options are refused and what
// is accepted, or that ctx is done.
func Generate(ctx context.Context, o Options) (*Season, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("error in the options of the season: %w", err)
	}
	s := &Season{options: o, market: newMarket(o), competitors: competitors(o.Models - 1)}
	for _, id := range s.competitors {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		t := newTrader(o, s.market, id)
		if err := t.run(); err != nil {
			return nil, fmt.Errorf("error generating the season of %s: %w", id, err)
		}
		s.traders = append(s.traders, t)
	}
	benchmark := newTrader(o, s.market, Benchmark)
	if err := benchmark.hold(); err != nil {
		return nil, fmt.Errorf("error generating the season of the benchmark: %w", err)
	}
	s.traders = append(s.traders, benchmark)

	for _, t := range s.traders {
		s.accounts = append(s.accounts, t.account())
	}
	slices.SortFunc(s.accounts, func(a, b wire.SinceInception) int { return cmp.Compare(a.ID.Or(""), b.ID.Or("")) })
	return s, nil
}

// End is the moment of the last hourly marker. Nothing happens after it.
func (s *Season) End() time.Time {
	return s.options.Start.Add(time.Duration(s.options.Hours) * time.Hour)
}

// Facts are what happened, whole and in order of time. They share memory with
// the season and must not be modified.
type Facts struct {
	Competitors []string // by id
	Accounts    []wire.SinceInception
	Equity      []wire.AccountTotal   // by marker, then model; the benchmark included
	Openings    []Opening             // by entry time, then model; the benchmark included
	Trades      []wire.Trade          // by exit time, then id
	Decisions   []wire.Decision       // by timestamp, then id
	Positions   []wire.ModelPositions // open at the end, of the competitors by id
}

// Opening is a position at the moment of its entry.
type Opening struct {
	ModelID  string
	Position wire.Position
}

// Facts returns what happened.
func (s *Season) Facts() Facts {
	f := Facts{Competitors: s.competitors, Accounts: s.accounts}
	for _, t := range s.traders {
		f.Equity = append(f.Equity, t.rows...)
		f.Openings = append(f.Openings, t.openings...)
		f.Trades = append(f.Trades, t.trades...)
		f.Decisions = append(f.Decisions, t.decisions...)
		if t.id != Benchmark {
			f.Positions = append(f.Positions, wire.ModelPositions{ModelID: t.id, Positions: t.last})
		}
	}
	slices.SortFunc(f.Equity, func(a, b wire.AccountTotal) int {
		return cmp.Or(cmp.Compare(a.SinceInceptionHourlyMarker, b.SinceInceptionHourlyMarker), cmp.Compare(a.ModelID, b.ModelID))
	})
	slices.SortFunc(f.Openings, func(a, b Opening) int {
		return cmp.Or(cmp.Compare(a.Position.EntryTime.Or(0), b.Position.EntryTime.Or(0)), cmp.Compare(a.ModelID, b.ModelID))
	})
	slices.SortFunc(f.Trades, byExit)
	slices.SortFunc(f.Decisions, func(a, b wire.Decision) int {
		return cmp.Or(cmp.Compare(a.Timestamp, b.Timestamp), cmp.Compare(a.ID, b.ID))
	})
	return f
}

// Minutes returns the number of minutes that have prices.
func (s *Season) Minutes() int { return len(s.market.ticks[0]) }

// Prices returns the price of every coin at a minute of the season, 0 being
// its start. A minute outside of the season gives none.
func (s *Season) Prices(minute int) []wire.Price {
	if minute < 0 || minute >= s.Minutes() {
		return nil
	}
	at := wire.Millis(s.options.Start.Add(time.Duration(minute) * time.Minute))
	prices := make([]wire.Price, len(s.market.coins))
	for i := range s.market.coins {
		c := &s.market.coins[i]
		prices[i] = wire.Price{Symbol: c.symbol, Price: c.price(s.market.ticks[i][minute]), Timestamp: at}
	}
	return prices
}

// Symbols returns the coins of the arena.
func (s *Season) Symbols() []string {
	symbols := make([]string, len(s.market.coins))
	for i := range s.market.coins {
		symbols[i] = s.market.coins[i].symbol
	}
	return symbols
}

// Analytics returns the metrics of the competitors by id, from all that they
// ever traded and decided.
func (s *Season) Analytics() []analytics.Document {
	docs := make([]analytics.Document, 0, len(s.competitors))
	for _, t := range s.traders {
		if t.id == Benchmark {
			continue
		}
		docs = append(docs, analytics.Compute(analytics.Input{
			Model: t.id, Trades: t.trades, Decisions: t.decisions, Symbols: s.Symbols(), UpdatedAt: s.End(),
		}))
	}
	return docs
}

// Leaderboard returns the standings at the end.
func (s *Season) Leaderboard() []wire.LeaderboardRow {
	var facts []analytics.Competitor
	for _, t := range s.traders {
		if t.id != Benchmark {
			facts = append(facts, t.competitorFacts())
		}
	}
	return analytics.Leaderboard(facts)
}
