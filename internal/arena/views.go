package arena

import (
	"context"
	"time"

	"nof0/cachelayer"
	"nof0/config"
)

// Domain is a part of the data that moves from the JSON store to Postgres as
// one.
type Domain string

// The domains, in the order in which they move.
const (
	DomainPrices        Domain = "prices"
	DomainTrades        Domain = "trades"
	DomainPositions     Domain = "positions"
	DomainAccounts      Domain = "accounts"
	DomainAnalytics     Domain = "analytics"
	DomainConversations Domain = "conversations"
)

// view is how one view of the API is made and kept.
type view struct {
	domain Domain
	// maxAge is how long a client may keep the answer.
	maxAge func(config.Cache) time.Duration
	key    func(cachelayer.Keys, Request) (cachelayer.Key, error)
	load   func(context.Context, Source, Request) (any, error)
	// series, where given, is how the view is made by the store alone: the JSON
	// directory has no history to tell. There are as many of these documents as
	// clients think of, so they are kept in this process, for as long as version
	// stays what it is.
	series  func(context.Context, *Store, Request) (any, error)
	version func(cachelayer.Keys) cachelayer.Key
}

// pollAge bounds what clients may keep of data that changes by the minute.
const pollAge = 5 * time.Second

func polled(c config.Cache) time.Duration { return min(pollAge, c.Short) }
func medium(c config.Cache) time.Duration { return c.Medium }
func long(c config.Cache) time.Duration   { return c.Long }

// views says it all of every view but ViewAccountTotals from the store, which
// is put together from segments.
var views = map[View]view{
	ViewCryptoPrices: {
		domain: DomainPrices, maxAge: polled, key: fixed(cachelayer.Keys.CryptoPrices),
		load: func(ctx context.Context, s Source, _ Request) (any, error) { return s.CryptoPrices(ctx) },
	},
	ViewAccountTotals: {
		domain: DomainAccounts, maxAge: polled,
		key: func(k cachelayer.Keys, r Request) (cachelayer.Key, error) {
			return k.AccountTotalsSince(int(r.FromMarker))
		},
		load: func(ctx context.Context, s Source, r Request) (any, error) { return s.AccountTotals(ctx, r.FromMarker) },
	},
	ViewTrades: {
		domain: DomainTrades, maxAge: polled, key: fixed(cachelayer.Keys.TradesView),
		load: func(ctx context.Context, s Source, _ Request) (any, error) { return s.Trades(ctx) },
	},
	ViewSinceInception: {
		domain: DomainAccounts, maxAge: long, key: fixed(cachelayer.Keys.SinceInceptionView),
		load: func(ctx context.Context, s Source, _ Request) (any, error) { return s.SinceInception(ctx) },
	},
	ViewLeaderboard: {
		domain: DomainAnalytics, maxAge: medium, key: fixed(cachelayer.Keys.LeaderboardView),
		load: func(ctx context.Context, s Source, _ Request) (any, error) { return s.Leaderboard(ctx) },
	},
	ViewAnalytics: {
		domain: DomainAnalytics, maxAge: long, key: fixed(cachelayer.Keys.AllAnalytics),
		load: func(ctx context.Context, s Source, _ Request) (any, error) { return s.Analytics(ctx) },
	},
	ViewAnalyticsOf: {
		domain: DomainAnalytics, maxAge: long,
		key:  func(k cachelayer.Keys, r Request) (cachelayer.Key, error) { return k.Analytics(r.Model) },
		load: func(ctx context.Context, s Source, r Request) (any, error) { return s.AnalyticsOf(ctx, r.Model) },
	},
	ViewPositions: {
		domain: DomainPositions, maxAge: polled,
		key: func(k cachelayer.Keys, r Request) (cachelayer.Key, error) {
			if r.Limit > 0 {
				return k.PositionsViewLimit(r.Limit)
			}
			return k.PositionsView(), nil
		},
		load: func(ctx context.Context, s Source, r Request) (any, error) { return s.Positions(ctx, r.Limit) },
	},
	ViewConversations: {
		domain: DomainConversations, maxAge: polled, key: fixed(cachelayer.Keys.ConversationsView),
		load: func(ctx context.Context, s Source, _ Request) (any, error) { return s.Conversations(ctx) },
	},
	ViewEquity: {
		domain: DomainAccounts, maxAge: polled,
		key: func(k cachelayer.Keys, r Request) (cachelayer.Key, error) {
			return k.EquityCurves(r.Model, r.Series.key()), nil
		},
		series: func(ctx context.Context, s *Store, r Request) (any, error) {
			return s.EquityCurves(ctx, r.Model, r.Series)
		},
		version: cachelayer.Keys.EquityVersion,
	},
	ViewPrices: {
		domain: DomainPrices, maxAge: polled,
		key: func(k cachelayer.Keys, r Request) (cachelayer.Key, error) {
			return k.PriceHistory(r.Symbol, r.Series.key()), nil
		},
		series: func(ctx context.Context, s *Store, r Request) (any, error) {
			return s.PriceHistory(ctx, r.Symbol, r.Series)
		},
		version: cachelayer.Keys.PricesVersion,
	},
}

func fixed(key func(cachelayer.Keys) cachelayer.Key) func(cachelayer.Keys, Request) (cachelayer.Key, error) {
	return func(k cachelayer.Keys, _ Request) (cachelayer.Key, error) { return key(k), nil }
}
