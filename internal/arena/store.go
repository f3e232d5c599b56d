package arena

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/entities"
	"nof0/internal/analytics"
	"nof0/internal/mapping"
	"nof0/internal/wire"
	"nof0/repository"
)

// Store answers the API from Postgres, with the accounts of the competition that its
// repositories are bound to. It keeps nothing in memory: cachelayer is before it.
type Store struct {
	repos    repository.Repositories
	provider string
	now      func() time.Time
	// named is the competition that links name; "" where they name none.
	named string
}

var _ Source = (*Store)(nil)

// NewStore returns the source of a database. Views that are keyed by symbol
// alone serve the primary provider.
func NewStore(repos repository.Repositories, primaryProvider string, now func() time.Time) *Store {
	return &Store{repos: repos, provider: primaryProvider, now: now}
}

// CryptoPrices implements Source.
func (s *Store) CryptoPrices(ctx context.Context) (wire.CryptoPrices, error) {
	rows, err := s.repos.Prices.Latest(ctx, s.provider)
	if err != nil {
		return wire.CryptoPrices{}, Unavailable(err)
	}
	prices, err := each(rows, mapping.PricePayload)
	if err != nil {
		return wire.CryptoPrices{}, err
	}
	out := wire.CryptoPrices{Prices: make(map[string]wire.Price, len(prices)), ServerTime: s.serverTime()}
	for _, p := range prices {
		out.Prices[p.Symbol] = p
	}
	return out, nil
}

// AccountTotals implements Source.
func (s *Store) AccountTotals(ctx context.Context, fromMarker int64) (wire.AccountTotals, error) {
	last, err := s.LastMarker(ctx)
	if err != nil {
		return wire.AccountTotals{}, err
	}
	rows, err := s.Hours(ctx, fromMarker, last)
	if err != nil {
		return wire.AccountTotals{}, err
	}
	return wire.AccountTotals{AccountTotals: rows, LastHourlyMarkerRead: last, ServerTime: s.serverTime()}, nil
}

// LastMarker returns the newest hourly marker of the season, -1 before the
// first equity snapshot.
func (s *Store) LastMarker(ctx context.Context) (int64, error) {
	last, err := s.repos.Equity.LastMarker(ctx)
	return last, Unavailable(err)
}

// NextMarker returns the first hourly marker from the given one on, -1 where
// there is none.
func (s *Store) NextMarker(ctx context.Context, from int64) (int64, error) {
	next, err := s.repos.Equity.NextMarker(ctx, from)
	return next, Unavailable(err)
}

// Hours returns the account-totals rows of the hourly markers from one to
// another, both inclusive.
func (s *Store) Hours(ctx context.Context, from, to int64) ([]wire.AccountTotal, error) {
	rows, err := s.repos.Equity.Hours(ctx, from, to)
	if err != nil {
		return nil, Unavailable(err)
	}
	return each(rows, mapping.EquityPayload)
}

// Trades implements Source.
func (s *Store) Trades(ctx context.Context) (wire.Trades, error) {
	rows, err := s.repos.Trades.Newest(ctx, RecentTrades)
	if err != nil {
		return wire.Trades{}, Unavailable(err)
	}
	trades, err := each(rows, mapping.TradePayload)
	return wire.Trades{Trades: trades, ServerTime: s.serverTime()}, err
}

// SinceInception implements Source.
func (s *Store) SinceInception(ctx context.Context) (wire.SinceInceptionValues, error) {
	accounts, err := s.repos.Accounts.All(ctx)
	if err != nil {
		return wire.SinceInceptionValues{}, Unavailable(err)
	}
	stats, err := s.repos.Stats.All(ctx)
	if err != nil {
		return wire.SinceInceptionValues{}, Unavailable(err)
	}
	decisions := make(map[string]int64, len(stats))
	for _, m := range stats {
		decisions[m.ModelID] = m.NumDecisions
	}
	out := wire.SinceInceptionValues{SinceInceptionValues: []wire.SinceInception{}, ServerTime: s.serverTime()}
	for _, account := range accounts {
		row, known, err := mapping.InceptionPayload(account)
		if err != nil {
			return wire.SinceInceptionValues{}, err
		}
		if !known {
			continue
		}
		if row.NumInvocations.IsZero() {
			row.NumInvocations = wire.Some(decisions[account.ModelID])
			out.Counted = append(out.Counted, account.ModelID)
		}
		out.SinceInceptionValues = append(out.SinceInceptionValues, row)
	}
	return out, nil
}

// Analytics implements Source.
func (s *Store) Analytics(ctx context.Context) (wire.Analytics, error) {
	competitors, err := s.competitors(ctx)
	if err != nil {
		return wire.Analytics{}, err
	}
	docs, err := s.repos.Analytics.Served(ctx)
	if err != nil {
		return wire.Analytics{}, Unavailable(err)
	}
	return s.analyticsOf(ctx, competitors, docs)
}

// AnalyticsOf implements Source.
func (s *Store) AnalyticsOf(ctx context.Context, model string) (wire.Analytics, error) {
	doc, err := s.repos.Analytics.ServedOf(ctx, model)
	if err != nil {
		return wire.Analytics{}, Unavailable(err)
	}
	if doc != nil {
		return s.analyticsOf(ctx, []string{model}, []entities.ModelAnalytics{*doc})
	}
	competitors, err := s.competitors(ctx)
	if err != nil {
		return wire.Analytics{}, err
	}
	if !slices.Contains(competitors, model) {
		return wire.Analytics{}, fmt.Errorf("no analytics of %q: %w", model, ErrUnknownModel)
	}
	return s.analyticsOf(ctx, []string{model}, nil)
}

// analyticsOf answers with the documents of the models. One that has none among
// docs gets the metrics of no facts, all 0; its coverage says whether there are
// facts that are not computed yet.
func (s *Store) analyticsOf(ctx context.Context, models []string, docs []entities.ModelAnalytics) (wire.Analytics, error) {
	payloads := make(map[string]jsontext.Value, len(models))
	for _, doc := range docs {
		payloads[doc.ModelID] = jsontext.Value(doc.Payload)
	}
	stats, err := s.repos.Stats.All(ctx)
	if err != nil {
		return wire.Analytics{}, Unavailable(err)
	}
	known := make(map[string]entities.ModelStats, len(stats))
	for _, m := range stats {
		known[m.ModelID] = m
	}
	out := wire.Analytics{Analytics: make([]jsontext.Value, len(models)), ServerTime: s.serverTime()}
	for i, model := range models {
		if out.Analytics[i] = payloads[model]; out.Analytics[i] != nil {
			continue
		}
		m := known[model]
		doc := analytics.Document{ID: model, ModelID: model, Coverage: wire.Some(analytics.Coverage{
			Whole: m.NumDecisions == 0, TradesWhole: m.NumTrades == 0,
		})}
		if out.Analytics[i], err = wire.Marshal(doc); err != nil {
			return wire.Analytics{}, fmt.Errorf("error rendering the metrics of %s: %w", model, err)
		}
	}
	return out, nil
}

// Positions implements Source.
func (s *Store) Positions(ctx context.Context, limit int) (wire.Positions, error) {
	competitors, err := s.competitors(ctx)
	if err != nil {
		return wire.Positions{}, err
	}
	if limit > 0 && limit < len(competitors) {
		competitors = competitors[:limit]
	}
	rows, err := s.repos.Positions.Open(ctx, s.provider)
	if err != nil {
		return wire.Positions{}, Unavailable(err)
	}
	accounts, err := s.repos.Accounts.All(ctx)
	if err != nil {
		return wire.Positions{}, Unavailable(err)
	}
	open := make(map[string][]entities.Position, len(competitors))
	for _, row := range rows {
		open[row.ModelID] = append(open[row.ModelID], row)
	}
	beside := make(map[string]entities.JSON, len(accounts))
	for _, account := range accounts {
		beside[account.ModelID] = account.PositionsExtra
	}
	out := wire.Positions{AccountTotals: make([]wire.ModelPositions, len(competitors)), ServerTime: s.serverTime()}
	for i, model := range competitors {
		if out.AccountTotals[i], err = mapping.StatementPayload(model, open[model], beside[model]); err != nil {
			return wire.Positions{}, err
		}
	}
	return out, nil
}

// Conversations implements Source.
func (s *Store) Conversations(ctx context.Context) (wire.Conversations, error) {
	decisions, err := s.repos.Decisions.Newest(ctx, RecentConversations)
	if err != nil {
		return wire.Conversations{}, Unavailable(err)
	}
	threads, err := s.repos.Conversations.NewestThreads(ctx, RecentConversations)
	if err != nil {
		return wire.Conversations{}, Unavailable(err)
	}
	docs := make([]wire.Document, 0, len(decisions)+len(threads))
	for _, row := range decisions {
		d, err := mapping.DecisionPayload(row)
		if err != nil {
			return wire.Conversations{}, err
		}
		docs = append(docs, wire.Document{Decision: &d})
	}
	for _, row := range threads {
		t, err := mapping.ThreadPayload(row.Conversation, row.Messages)
		if err != nil {
			return wire.Conversations{}, err
		}
		docs = append(docs, wire.Document{Thread: &t})
	}
	return wire.Conversations{Conversations: NewestDocuments(docs), ServerTime: s.serverTime()}, nil
}

// Models implements Source.
func (s *Store) Models(ctx context.Context) (wire.Models, error) {
	rows, err := s.repos.Models.All(ctx)
	if err != nil {
		return wire.Models{}, Unavailable(err)
	}
	models, err := each(rows, mapping.ModelPayload)
	return wire.Models{Models: models, ServerTime: s.serverTime()}, err
}

// Symbols implements Source.
func (s *Store) Symbols(ctx context.Context) (wire.Symbols, error) {
	rows, err := s.repos.Symbols.All(ctx)
	if err != nil {
		return wire.Symbols{}, Unavailable(err)
	}
	symbols, err := each(rows, mapping.SymbolPayload)
	return wire.Symbols{Symbols: symbols, ServerTime: s.serverTime()}, err
}

// competitors lists the models that compete, in the order of lists.
func (s *Store) competitors(ctx context.Context) ([]string, error) {
	models, err := s.models(ctx)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, m := range models {
		if m.Kind == entities.ModelCompetitor {
			ids = append(ids, m.ID)
		}
	}
	return ids, nil
}

func (s *Store) serverTime() int64 { return wire.Millis(s.now()) }

// each translates rows into payloads; no rows give an empty list, not null.
func each[R, P any](rows []R, payload func(R) (P, error)) ([]P, error) {
	out := make([]P, len(rows))
	for i, row := range rows {
		p, err := payload(row)
		if err != nil {
			return nil, err
		}
		out[i] = p
	}
	return out, nil
}

// Unavailable makes an outage of the database ErrUnavailable; any other error stays what
// it is.
func Unavailable(err error) error {
	if errors.Is(err, ErrUnavailable) || !errors.Is(err, repository.ErrUnavailable) && !errors.Is(err, repository.ErrLocked) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
