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
	raw, err := render(row, mapping.TraderStatePayload)
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

// assetPayload is the metadata of a symbol with its venue, which it may leave
// out where it comes from.
func assetPayload(row entities.MarketAsset) (wire.MarketAsset, error) {
	m, err := mapping.MarketAssetPayload(row)
	m.Provider = wire.Some(row.Provider)
	return m, err
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
	market, err := mapping.MarketContextPayload(row)
	return marketDocument{
		Provider: row.Provider, Symbol: row.Symbol, Timestamp: wire.Millis(row.ObservedAt), MarketContext: market,
	}, err
}
