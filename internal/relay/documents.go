package relay

import (
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/entities"
	"nof0/internal/mapping"
	"nof0/internal/wire"
)

// render makes a document of a row by way of its payload.
func render[R, P any](row R, payload func(R) (P, error)) (jsontext.Value, error) {
	p, err := payload(row)
	if err != nil {
		return nil, err
	}
	raw, err := wire.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("error rendering %T: %w", p, err)
	}
	return raw, nil
}

// positionDocument is an open position at the newest price where that is newer
// than what the position states.
func positionDocument(row entities.Position, price *entities.PriceLatest) (jsontext.Value, error) {
	return render(row, func(row entities.Position) (wire.Position, error) {
		p, err := mapping.PositionPayload(row)
		if err == nil && price != nil && price.ObservedAt.After(row.StatedAt) {
			p.CurrentPrice = wire.Some(price.Price)
			p.UnrealizedPnl = wire.Some((price.Price - row.EntryPrice) * row.Quantity)
		}
		return p, err
	})
}

// traderFields are the members of a trader's state but its id.
func traderFields(row entities.TraderState) (map[string]jsontext.Value, error) {
	raw, err := render(row, func(row entities.TraderState) (wire.TraderState, error) {
		t := wire.TraderState{
			TraderID:         row.TraderID,
			ExchangeProvider: wire.FromPtr(row.ExchangeProvider),
			MarketProvider:   wire.FromPtr(row.MarketProvider),
			AllocationPct:    wire.FromPtr(row.AllocationPct),
			Cooldown:         jsontext.Value(row.Cooldown),
			RiskGuards:       jsontext.Value(row.RiskGuards),
		}
		if row.LastDecisionAt != nil {
			t.LastDecisionAt = wire.Some(wire.Seconds(*row.LastDecisionAt))
		}
		if row.PauseUntil != nil {
			t.PauseUntil = wire.Some(wire.Seconds(*row.PauseUntil))
		}
		return t, mapping.Overlay(row.Extra, &t)
	})
	if err != nil {
		return nil, err
	}
	fields := map[string]jsontext.Value{}
	if err := wire.Unmarshal(raw, &fields); err != nil {
		return nil, fmt.Errorf("error reading trader state: %w", err)
	}
	delete(fields, "trader_id")
	return fields, nil
}

func assetPayload(row entities.MarketAsset) (wire.MarketAsset, error) {
	m := wire.MarketAsset{
		Provider:      wire.Some(row.Provider),
		Symbol:        row.Symbol,
		SizeDecimals:  wire.FromPtr(row.SizeDecimals),
		MaxLeverage:   wire.FromPtr(row.MaxLeverage),
		OnlyIsolated:  wire.FromPtr(row.OnlyIsolated),
		MarginTableID: wire.FromPtr(row.MarginTableID),
		IsDelisted:    wire.FromPtr(row.IsDelisted),
	}
	return m, mapping.Overlay(row.Extra, &m)
}

// marketDocument is a market context with what it is of and its time in unix
// milliseconds.
type marketDocument struct {
	Provider  string `json:"provider"`
	Symbol    string `json:"symbol"`
	Timestamp int64  `json:"timestamp"`
	wire.MarketContext
}

func contextPayload(row entities.MarketAssetCtx) (marketDocument, error) {
	m := marketDocument{
		Provider:  row.Provider,
		Symbol:    row.Symbol,
		Timestamp: wire.Millis(row.ObservedAt),
		MarketContext: wire.MarketContext{
			Funding:       wire.FromPtr(row.Funding),
			OpenInterest:  wire.FromPtr(row.OpenInterest),
			OraclePrice:   wire.FromPtr(row.OraclePrice),
			MarkPrice:     wire.FromPtr(row.MarkPrice),
			MidPrice:      wire.FromPtr(row.MidPrice),
			ImpactPrices:  jsontext.Value(row.ImpactPrices),
			PrevDayPrice:  wire.FromPtr(row.PrevDayPrice),
			DayNotional:   wire.FromPtr(row.DayNotional),
			DayBaseVolume: wire.FromPtr(row.DayBaseVolume),
		},
	}
	return m, mapping.Overlay(row.Extra, &m.MarketContext)
}
