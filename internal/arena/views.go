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
		DomainPrices, polled, fixed(cachelayer.Keys.CryptoPrices),
		func(ctx context.Context, s Source, _ Request) (any, error) { return s.CryptoPrices(ctx) },
	},
	ViewAccountTotals: {
		DomainAccounts, polled,
		func(k cachelayer.Keys, r Request) (cachelayer.Key, error) {
			return k.AccountTotalsSince(int(r.FromMarker))
		},
		func(ctx context.Context, s Source, r Request) (any, error) { return s.AccountTotals(ctx, r.FromMarker) },
	},
	ViewTrades: {
		DomainTrades, polled, fixed(cachelayer.Keys.TradesView),
		func(ctx context.Context, s Source, _ Request) (any, error) { return s.Trades(ctx) },
	},
	ViewSinceInception: {
		DomainAccounts, long, fixed(cachelayer.Keys.SinceInceptionView),
		func(ctx context.Context, s Source, _ Request) (any, error) { return s.SinceInception(ctx) },
	},
	ViewLeaderboard: {
		DomainAnalytics, medium, fixed(cachelayer.Keys.LeaderboardView),
		func(ctx context.Context, s Source, _ Request) (any, error) { return s.Leaderboard(ctx) },
	},
	ViewAnalytics: {
		DomainAnalytics, long, fixed(cachelayer.Keys.AllAnalytics),
		func(ctx context.Context, s Source, _ Request) (any, error) { return s.Analytics(ctx) },
	},
	ViewAnalyticsOf: {
		DomainAnalytics, long,
		func(k cachelayer.Keys, r Request) (cachelayer.Key, error) { return k.Analytics(r.Model) },
		func(ctx context.Context, s Source, r Request) (any, error) { return s.AnalyticsOf(ctx, r.Model) },
	},
	ViewPositions: {
		DomainPositions, polled,
		func(k cachelayer.Keys, r Request) (cachelayer.Key, error) {
			if r.Limit > 0 {
				return k.PositionsViewLimit(r.Limit)
			}
			return k.PositionsView(), nil
		},
		func(ctx context.Context, s Source, r Request) (any, error) { return s.Positions(ctx, r.Limit) },
	},
	ViewConversations: {
		DomainConversations, polled, fixed(cachelayer.Keys.ConversationsView),
		func(ctx context.Context, s Source, _ Request) (any, error) { return s.Conversations(ctx) },
	},
}

func fixed(key func(cachelayer.Keys) cachelayer.Key) func(cachelayer.Keys, Request) (cachelayer.Key, error) {
	return func(k cachelayer.Keys, _ Request) (cachelayer.Key, error) { return key(k), nil }
}
