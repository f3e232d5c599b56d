package arena

import (
	"context"
	"fmt"
	"slices"

	"nof0/entities"
	"nof0/internal/analytics"
	"nof0/internal/mapping"
	"nof0/internal/wire"
)

// Model returns a model with what there is to say of its account in the competition.
func (s *Store) Model(ctx context.Context, id string) (wire.ModelDetail, error) {
	models, err := s.repos.Models.All(ctx)
	if err != nil {
		return wire.ModelDetail{}, Unavailable(err)
	}
	i := slices.IndexFunc(models, func(m entities.Model) bool { return m.ID == id })
	if i < 0 {
		return wire.ModelDetail{}, fmt.Errorf("no model %q: %w", id, ErrUnknownModel)
	}
	out := wire.ModelDetail{ServerTime: s.serverTime()}
	if out.Model, err = mapping.ModelPayload(models[i]); err != nil {
		return out, err
	}
	accounts, err := s.repos.Accounts.All(ctx)
	if err != nil {
		return out, Unavailable(err)
	}
	i = slices.IndexFunc(accounts, func(a entities.Account) bool { return a.ModelID == id })
	if i < 0 {
		return out, nil
	}
	out.Account = &wire.AccountDetail{Provider: accounts[i].Provider, BaseCurrency: accounts[i].BaseCurrency}
	return out, s.addAccount(ctx, id, &out)
}

// addAccount adds what other views say of an account.
func (s *Store) addAccount(ctx context.Context, model string, out *wire.ModelDetail) error {
	inceptions, err := s.SinceInception(ctx)
	if err != nil {
		return err
	}
	for i, row := range inceptions.SinceInceptionValues {
		if row.ModelID == model {
			out.Account.SinceInception = &inceptions.SinceInceptionValues[i]
		}
	}
	facts, err := s.gather(ctx, []string{model})
	if err != nil {
		return err
	}
	if err := s.gatherHours(ctx, &facts[0]); err != nil {
		return err
	}
	out.Equity, out.Statistics = facts[0].Newest, &analytics.Leaderboard(facts)[0]
	decisions, err := s.Decisions(ctx, Request{Model: model, Limit: 1})
	if len(decisions.Decisions) > 0 {
		out.LastDecision = &decisions.Decisions[0]
	}
	return err
}

// Symbol returns a symbol with what the primary provider says of it.
func (s *Store) Symbol(ctx context.Context, name string) (wire.SymbolDetail, error) {
	known, err := s.repos.Symbols.Named(ctx, []string{name})
	if err != nil {
		return wire.SymbolDetail{}, Unavailable(err)
	}
	if len(known) == 0 {
		return wire.SymbolDetail{}, fmt.Errorf("no symbol %q: %w", name, ErrUnknownSymbol)
	}
	out := wire.SymbolDetail{ServerTime: s.serverTime()}
	if out.Symbol, err = mapping.SymbolPayload(known[0]); err != nil {
		return out, err
	}
	prices, err := s.repos.Prices.LatestOf(ctx, name)
	if err != nil {
		return out, Unavailable(err)
	}
	out.Price, _, err = ofProvider(prices, mapping.PricePayload, func(p entities.PriceLatest) bool { return p.Provider == s.provider })
	if err != nil {
		return out, err
	}
	assets, err := s.repos.Markets.AssetsOf(ctx, name)
	if err != nil {
		return out, Unavailable(err)
	}
	out.Asset, _, err = ofProvider(assets, mapping.MarketAssetPayload, func(a entities.MarketAsset) bool { return a.Provider == s.provider })
	if err != nil {
		return out, err
	}
	markets, err := s.repos.Markets.ContextsOf(ctx, name)
	if err != nil {
		return out, Unavailable(err)
	}
	market, of, err := ofProvider(markets, mapping.MarketContextPayload, func(m entities.MarketAssetCtx) bool { return m.Provider == s.provider })
	if out.Market = market; market != nil {
		out.MarketTimestamp = wire.Some(wire.Millis(of.ObservedAt))
	}
	return out, err
}

// ofProvider returns the row that is of a provider, and its payload; nil where none is.
func ofProvider[R, P any](rows []R, payload func(R) (P, error), is func(R) bool) (*P, R, error) {
	var none R
	i := slices.IndexFunc(rows, is)
	if i < 0 {
		return nil, none, nil
	}
	p, err := payload(rows[i])
	return &p, rows[i], err
}
