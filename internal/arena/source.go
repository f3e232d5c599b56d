// Package arena is the service layer: it assembles every view of the public
// API from whichever source serves its domain, and takes in every event.
package arena

import (
	"context"
	"errors"

	"nof0/internal/wire"
)

// Errors that every Source returns, wrapped.
var (
	// ErrUnknownModel says that the source is there and knows no such model.
	ErrUnknownModel = errors.New("unknown model")
	// ErrUnknownSymbol says that the source is there and knows no such symbol.
	ErrUnknownSymbol = errors.New("unknown symbol")
	// ErrUnavailable says that the source cannot be asked now. It is never
	// used for something that is merely absent.
	ErrUnavailable = errors.New("source unavailable")
)

// Limits of the views that clients poll without parameters.
const (
	RecentTrades        = 100 // newest trades per model in Trades
	RecentConversations = 100 // newest documents in Conversations
)

// Source answers every view of the public API. The JSON directory and the
// Postgres store both implement it, and one conformance suite runs against
// both. Every method returns rows in the order that the endpoint promises and
// sets ServerTime to the time of the answer. Errors wrap ErrUnknownModel or
// ErrUnavailable where they apply.
type Source interface {
	// CryptoPrices returns the newest price of each symbol at the primary provider.
	CryptoPrices(ctx context.Context) (wire.CryptoPrices, error)
	// AccountTotals returns one row per model and hourly marker, from the given
	// marker on; 0 is the whole season.
	AccountTotals(ctx context.Context, fromMarker int64) (wire.AccountTotals, error)
	// Trades returns the newest RecentTrades trades of each model.
	Trades(ctx context.Context) (wire.Trades, error)
	// SinceInception returns the inception facts of every account.
	SinceInception(ctx context.Context) (wire.SinceInceptionValues, error)
	// Leaderboard returns the standing of every competitor.
	Leaderboard(ctx context.Context) (wire.Leaderboard, error)
	// Analytics returns the published metrics of every competitor.
	Analytics(ctx context.Context) (wire.Analytics, error)
	// AnalyticsOf returns the published metrics of one model.
	AnalyticsOf(ctx context.Context, model string) (wire.Analytics, error)
	// Positions returns the open positions of every competitor, of the first
	// limit ones where limit is above 0.
	Positions(ctx context.Context, limit int) (wire.Positions, error)
	// Conversations returns the newest RecentConversations documents.
	Conversations(ctx context.Context) (wire.Conversations, error)
}
