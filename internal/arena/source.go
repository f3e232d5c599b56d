// Package arena is the service layer: it assembles every view of the public
// API from whichever source serves its domain, and takes in every event.
package arena

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"

	"nof0/cachelayer"
	"nof0/internal/catalogue"
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

// NotInFilesError says that a domain is read from the JSON files, which cannot hold
// what was asked for.
type NotInFilesError struct{ Domain Domain }

func (e *NotInFilesError) Error() string {
	return fmt.Sprintf("%s is read from the JSON files, which cannot hold this", e.Domain)
}

// Limits of the views that clients poll without parameters.
const (
	RecentTrades        = 100 // newest trades per model in Trades
	RecentConversations = 100 // newest documents in Conversations
)

// Source answers every view of the public API. The JSON directory and the
// Postgres store both implement it, and one conformance suite runs against
// both. Every method returns rows in the order that the endpoint promises and
// sets ServerTime to the time of the answer. Errors wrap ErrUnknownModel,
// ErrUnknownSymbol or ErrUnavailable where they apply, and are a ParameterError where
// a cursor does not belong to the request.
type Source interface {
	// CryptoPrices returns the newest price of each symbol at the primary provider.
	CryptoPrices(ctx context.Context) (wire.CryptoPrices, error)
	// AccountTotals returns one row per model and hourly marker, from the given
	// marker on; 0 is the whole season.
	AccountTotals(ctx context.Context, fromMarker int64) (wire.AccountTotals, error)
	// Trades returns the newest RecentTrades trades of each model.
	Trades(ctx context.Context) (wire.Trades, error)
	// TradesPage returns a page of the trades that the request selects.
	TradesPage(ctx context.Context, req Request) (wire.Trades, error)
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
	// Models returns every model.
	Models(ctx context.Context) (wire.Models, error)
	// Symbols returns every symbol.
	Symbols(ctx context.Context) (wire.Symbols, error)
	// Conversations returns the newest RecentConversations documents.
	Conversations(ctx context.Context) (wire.Conversations, error)
	// ConversationsPage returns a page of the documents that the request selects.
	ConversationsPage(ctx context.Context, req Request) (wire.Conversations, error)
}

// view is a view of the catalogue and how it is made.
type view struct {
	catalogue.View

	// load makes the view from either source; loadStore, in its place, one that the
	// store alone has.
	load      func(context.Context, Source, Request) (any, error)
	loadStore func(context.Context, *Store, Request) (any, error)
	// row is one of those that a download of the view has, and rows hands them out
	// where they are not those of the view itself.
	row  reflect.Type
	rows func(ctx context.Context, s *Store, r Request, emit func(row any) error) error
	// part tells apart the documents of the view that are of one model, or of
	// none; nil where there is one, or where pages tell them apart.
	part func(Request) string
}

// views are those of the catalogue. That of catalogue.ViewAccountTotals from the store is
// put together from segments.
var views = makeViews()

func makeViews() map[catalogue.ViewName]*view {
	made := map[catalogue.ViewName]view{
		catalogue.ViewCryptoPrices: {
			load: func(ctx context.Context, s Source, _ Request) (any, error) { return s.CryptoPrices(ctx) },
		},
		catalogue.ViewAccountTotals: {
			load: func(ctx context.Context, s Source, r Request) (any, error) { return accountTotals(ctx, s, r) },
			part: func(r Request) string { return strconv.FormatInt(r.FromMarker, 10) },
		},
		catalogue.ViewTrades: {
			load: func(ctx context.Context, s Source, r Request) (any, error) {
				if r.page() == "" {
					return s.Trades(ctx)
				}
				return s.TradesPage(ctx, r)
			},
			row: reflect.TypeFor[wire.Trade](),
		},
		catalogue.ViewSinceInception: {
			load: func(ctx context.Context, s Source, _ Request) (any, error) { return s.SinceInception(ctx) },
		},
		catalogue.ViewLeaderboard: {
			load: func(ctx context.Context, s Source, _ Request) (any, error) { return s.Leaderboard(ctx) },
		},
		catalogue.ViewAnalytics: {
			load: func(ctx context.Context, s Source, _ Request) (any, error) { return s.Analytics(ctx) },
		},
		catalogue.ViewAnalyticsOf: {
			load: func(ctx context.Context, s Source, r Request) (any, error) { return s.AnalyticsOf(ctx, r.Model) },
		},
		catalogue.ViewPositions: {
			load: func(ctx context.Context, s Source, r Request) (any, error) { return s.Positions(ctx, r.Limit) },
			row:  reflect.TypeFor[wire.PositionRow](),
			part: func(r Request) string {
				if r.Limit == 0 {
					return ""
				}
				return strconv.Itoa(r.Limit)
			},
		},
		catalogue.ViewConversations: {
			load: func(ctx context.Context, s Source, r Request) (any, error) {
				if r.page() == "" {
					return s.Conversations(ctx)
				}
				return s.ConversationsPage(ctx, r)
			},
		},
		catalogue.ViewPositionsOf: {
			loadStore: func(ctx context.Context, s *Store, r Request) (any, error) { return s.PositionHistory(ctx, r) },
			row:       reflect.TypeFor[wire.PositionRecord](),
		},
		catalogue.ViewModels: {
			load: func(ctx context.Context, s Source, _ Request) (any, error) { return s.Models(ctx) },
		},
		catalogue.ViewSymbols: {
			load: func(ctx context.Context, s Source, _ Request) (any, error) { return s.Symbols(ctx) },
		},
		catalogue.ViewModel: {
			loadStore: func(ctx context.Context, s *Store, r Request) (any, error) { return s.Model(ctx, r.Model) },
			part:      func(r Request) string { return r.Model },
		},
		catalogue.ViewSymbol: {
			loadStore: func(ctx context.Context, s *Store, r Request) (any, error) { return s.Symbol(ctx, r.Symbol) },
			part:      func(r Request) string { return r.Symbol },
		},
		catalogue.ViewEquity: {
			loadStore: func(ctx context.Context, s *Store, r Request) (any, error) {
				return s.EquityCurves(ctx, r.Model, r.Series)
			},
			part: func(r Request) string { return r.Series.key() + ":" + r.Model },
			row:  reflect.TypeFor[wire.EquityRow](),
			rows: equityRows,
		},
		catalogue.ViewPrices: {
			loadStore: func(ctx context.Context, s *Store, r Request) (any, error) {
				return s.PriceHistory(ctx, r.Symbol, r.Series)
			},
			part: func(r Request) string { return r.Series.key() + ":" + r.Symbol },
			row:  reflect.TypeFor[wire.PriceRow](),
			rows: priceRows,
		},
		catalogue.ViewDecisions: {
			loadStore: func(ctx context.Context, s *Store, r Request) (any, error) { return s.Decisions(ctx, r) },
		},
		catalogue.ViewSearch: {
			loadStore: func(ctx context.Context, s *Store, r Request) (any, error) { return s.Search(ctx, r) },
		},
		catalogue.ViewDecision: {
			loadStore: func(ctx context.Context, s *Store, r Request) (any, error) { return s.Audit(ctx, r.Model, r.Decision) },
			part:      partOfDecision,
		},
		catalogue.ViewDecisionDiff: {
			loadStore: func(ctx context.Context, s *Store, r Request) (any, error) {
				return s.PromptDiff(ctx, r.Model, r.Decision)
			},
			part: partOfDecision,
		},
		catalogue.ViewCompetitions: {
			loadStore: func(ctx context.Context, s *Store, r Request) (any, error) { return s.Competitions(ctx, r.Competition) },
		},
	}
	declared := map[catalogue.ViewName]*view{}
	for _, v := range catalogue.Views() {
		one := made[v.Name]
		one.View = v
		declared[v.Name] = &one
	}
	return declared
}

// partOfDecision tells decisions apart; ids have no braces.
func partOfDecision(r Request) string { return r.Model + "{" + r.Decision }

// from makes the view from the source that serves it, or from the store where that
// alone has it.
func (v *view) from(ctx context.Context, source Source, store *Store, req Request) (any, error) {
	if v.loadStore != nil {
		return v.loadStore(ctx, store, req)
	}
	return v.load(ctx, source, req)
}

// key is where the document that a request asks for is kept.
func (v *view) key(sc scope, req Request) (cachelayer.Key, error) {
	part := ""
	switch {
	case v.part != nil:
		part = v.part(req)
	case v.Paged:
		part = req.page()
	}
	return sc.keys.View(&v.View, req.Model, part, sc.all...)
}

// accountTotals returns the account totals of a source from a marker on: all of them,
// with the competition, where it lies beyond the newest.
func accountTotals(ctx context.Context, source Source, req Request) (wire.AccountTotals, error) {
	out, err := source.AccountTotals(ctx, req.FromMarker)
	if err != nil || req.FromMarker == 0 || req.FromMarker <= out.LastHourlyMarkerRead {
		return out, err
	}
	if req.Competition == "" {
		return out, fmt.Errorf("%w: which competition this is stands in the database", ErrUnavailable)
	}
	out, err = source.AccountTotals(ctx, 0)
	out.Competition = req.Competition
	return out, err
}
