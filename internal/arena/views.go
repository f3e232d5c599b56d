package arena

import (
	"context"
	"strconv"

	"nof0/cachelayer"
	"nof0/internal/catalogue"
)

// Domain is a part of the data that moves from the JSON store to Postgres as
// one.
type Domain = catalogue.Domain

// The domains, in the order in which they move.
const (
	DomainPrices        = catalogue.DomainPrices
	DomainTrades        = catalogue.DomainTrades
	DomainPositions     = catalogue.DomainPositions
	DomainAccounts      = catalogue.DomainAccounts
	DomainAnalytics     = catalogue.DomainAnalytics
	DomainConversations = catalogue.DomainConversations
)

// view is a view of the catalogue and how it is made.
type view struct {
	catalogue.View

	// load makes the view from either source; loadStore one that the store alone
	// has.
	load      func(context.Context, Source, Request) (any, error)
	loadStore func(context.Context, *Store, Request) (any, error)
	// part tells apart the documents of the view that are of one model, or of
	// none; nil where there is one.
	part func(Request) string
}

// views are those of the catalogue. That of ViewAccountTotals from the store is
// put together from segments.
var views = makeViews()

func makeViews() map[View]*view {
	made := map[View]view{
		ViewCryptoPrices: {
			load: func(ctx context.Context, s Source, _ Request) (any, error) { return s.CryptoPrices(ctx) },
		},
		ViewAccountTotals: {
			load: func(ctx context.Context, s Source, r Request) (any, error) { return s.AccountTotals(ctx, r.FromMarker) },
			part: func(r Request) string { return strconv.FormatInt(r.FromMarker, 10) },
		},
		ViewTrades: {
			load: func(ctx context.Context, s Source, _ Request) (any, error) { return s.Trades(ctx) },
		},
		ViewSinceInception: {
			load: func(ctx context.Context, s Source, _ Request) (any, error) { return s.SinceInception(ctx) },
		},
		ViewLeaderboard: {
			load: func(ctx context.Context, s Source, _ Request) (any, error) { return s.Leaderboard(ctx) },
		},
		ViewAnalytics: {
			load: func(ctx context.Context, s Source, _ Request) (any, error) { return s.Analytics(ctx) },
		},
		ViewAnalyticsOf: {
			load: func(ctx context.Context, s Source, r Request) (any, error) { return s.AnalyticsOf(ctx, r.Model) },
		},
		ViewPositions: {
			load: func(ctx context.Context, s Source, r Request) (any, error) { return s.Positions(ctx, r.Limit) },
			part: func(r Request) string {
				if r.Limit == 0 {
					return ""
				}
				return strconv.Itoa(r.Limit)
			},
		},
		ViewConversations: {
			load: func(ctx context.Context, s Source, _ Request) (any, error) { return s.Conversations(ctx) },
		},
		ViewEquity: {
			loadStore: func(ctx context.Context, s *Store, r Request) (any, error) {
				return s.EquityCurves(ctx, r.Model, r.Series)
			},
			part: func(r Request) string { return r.Series.key() + ":" + r.Model },
		},
		ViewPrices: {
			loadStore: func(ctx context.Context, s *Store, r Request) (any, error) {
				return s.PriceHistory(ctx, r.Symbol, r.Series)
			},
			part: func(r Request) string { return r.Series.key() + ":" + r.Symbol },
		},
	}
	declared := map[View]*view{}
	for _, v := range catalogue.Views() {
		one := made[v.Name]
		one.View = v
		declared[v.Name] = &one
	}
	return declared
}

// key is where the document that a request asks for is kept.
func (v *view) key(keys cachelayer.Keys, req Request) (cachelayer.Key, error) {
	part := ""
	if v.part != nil {
		part = v.part(req)
	}
	return keys.View(&v.View, req.Model, part)
}
