package arena

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"nof0/entities"
	"nof0/internal/mapping"
	"nof0/internal/wire"
	"nof0/repository"
)

// tradeKey is where a trade stands in the history of all models.
type tradeKey struct {
	Exit  int64  `json:"t"` // unix microseconds
	ID    string `json:"i"`
	Model string `json:"m"`
}

func (k tradeKey) compare(o tradeKey) int {
	return cmp.Or(cmp.Compare(k.Exit, o.Exit), cmp.Compare(k.ID, o.ID), cmp.Compare(k.Model, o.Model))
}

func keyOfTrade(t wire.Trade) tradeKey {
	return tradeKey{Exit: wire.Time(t.ExitTime).UnixMicro(), ID: t.ID, Model: t.ModelID}
}

// TradesPage implements Source.
func (s *Store) TradesPage(ctx context.Context, req Request) (wire.Trades, error) {
	if err := s.selectable(ctx, req); err != nil {
		return wire.Trades{}, err
	}
	filter := repository.TradeFilter{
		Model: req.Model, Symbol: req.Symbol, Side: req.Side, Span: req.Series.span(), Ascending: req.ascending(),
	}
	rows, next, err := PageOf(req, func(after *tradeKey, n int) ([]entities.Trade, error) {
		if after != nil {
			filter.After = &repository.TradeKey{ExitTime: micros(after.Exit), ID: after.ID, ModelID: after.Model}
		}
		rows, err := s.repos.Trades.Page(ctx, filter, n)
		return rows, Unavailable(err)
	}, func(t entities.Trade) tradeKey {
		return tradeKey{Exit: t.ExitTime.UnixMicro(), ID: t.ID, Model: t.ModelID}
	})
	if err != nil {
		return wire.Trades{}, err
	}
	trades, err := each(rows, mapping.TradePayload)
	return wire.Trades{Trades: trades, NextCursor: next, ServerTime: s.serverTime()}, err
}

// selectable refuses a request for the rows of a model or a symbol that there is not.
func (s *Store) selectable(ctx context.Context, req Request) error {
	if req.Model != "" {
		known, err := s.repos.Models.Exists(ctx, req.Model)
		if err != nil {
			return Unavailable(err)
		}
		if !known {
			return fmt.Errorf("no model %q: %w", req.Model, ErrUnknownModel)
		}
	}
	if req.Symbol != "" {
		known, err := s.repos.Symbols.Named(ctx, []string{req.Symbol})
		if err != nil {
			return Unavailable(err)
		}
		if len(known) == 0 {
			return fmt.Errorf("no symbol %q: %w", req.Symbol, ErrUnknownSymbol)
		}
	}
	return nil
}

// SelectTrades returns the page of trades that a request asks for, of all that there
// are.
func SelectTrades(all []wire.Trade, req Request) (page []wire.Trade, next string, err error) {
	span := req.Series
	selected := slices.DeleteFunc(slices.Clone(all), func(t wire.Trade) bool {
		exit := wire.Time(t.ExitTime)
		return req.Model != "" && t.ModelID != req.Model || req.Symbol != "" && t.Symbol != req.Symbol ||
			req.Side != "" && t.Side != req.Side ||
			!span.From.IsZero() && exit.Before(span.From) || !span.To.IsZero() && exit.After(span.To)
	})
	direction := -1
	if req.ascending() {
		direction = 1
	}
	slices.SortFunc(selected, func(a, b wire.Trade) int { return direction * keyOfTrade(a).compare(keyOfTrade(b)) })
	behind := func(t wire.Trade, after tradeKey) bool { return direction*keyOfTrade(t).compare(after) > 0 }
	return pageOfList(req, selected, behind, keyOfTrade)
}
