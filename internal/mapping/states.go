package mapping

import (
	"slices"
	"time"

	"nof0/entities"
	"nof0/internal/wire"
)

// Model is the table row of a model. One that does not say what it is competes,
// unless it is among the benchmarks.
func Model(m wire.Model, benchmarks []string) entities.Model {
	x := newExtra(m.Extra)
	row := entities.Model{
		ID:           m.ID,
		DisplayName:  m.ID,
		Kind:         entities.ModelCompetitor,
		TraderConfig: entities.JSON(m.TraderConfig),
	}
	if slices.Contains(benchmarks, m.ID) {
		row.Kind = entities.ModelBenchmark
	}
	if name := column(x, "display_name", m.DisplayName); name != nil {
		row.DisplayName = *name
	}
	if kind := column(x, "kind", m.Kind); kind != nil {
		row.Kind = *kind
	}
	row.Extra = x.json()
	return row
}

// ModelPayload is the payload of a model's table row.
func ModelPayload(row entities.Model) (wire.Model, error) {
	m := wire.Model{
		ID: row.ID, DisplayName: wire.Some(row.DisplayName), Kind: wire.Some(row.Kind), TraderConfig: raw(row.TraderConfig),
	}
	return m, Overlay(row.Extra, &m)
}

// Competition is the table row of a competition. What the payload does not say stays as
// it is stored; null is none.
func Competition(c wire.Competition, stored *entities.Competition) entities.Competition {
	row := entities.Competition{Name: c.ID, Status: entities.CompetitionUpcoming}
	if stored != nil {
		row = *stored
	}
	row.ID = c.ID
	row.Name, row.Status = c.Name.Or(row.Name), c.Status.Or(row.Status)
	stated(&row.Season, c.Season, func(s string) string { return s })
	stated(&row.Mode, c.Mode, func(s string) string { return s })
	stated(&row.StartsAt, c.StartsAt, wire.Time)
	stated(&row.EndsAt, c.EndsAt, wire.Time)
	if c.Rules != nil {
		row.Rules = entities.JSON(c.Rules)
	}
	return row
}

// stated sets a column to what a member says of it, if anything.
func stated[T, C any](column **C, member wire.Opt[T], of func(T) C) {
	if member.IsNull() {
		*column = nil
	} else if v, ok := member.Get(); ok {
		*column = new(of(v))
	}
}

// CompetitionPayload is the payload of a competition's table row.
func CompetitionPayload(row entities.Competition) wire.Competition {
	return wire.Competition{
		ID: row.ID, Name: wire.Some(row.Name), Season: wire.FromPtr(row.Season), Mode: wire.FromPtr(row.Mode),
		StartsAt: optTime(row.StartsAt), EndsAt: optTime(row.EndsAt), Status: wire.Some(row.Status), Rules: raw(row.Rules),
	}
}

// DefaultQuote is the currency of prices that do not say theirs.
const DefaultQuote = "USD"

var symbols = newMapper[wire.Symbol, entities.Symbol]("QuoteCurrency")

// Symbol is the table row of a symbol.
func Symbol(s wire.Symbol) entities.Symbol {
	x := newExtra(s.Extra)
	row := entities.Symbol{QuoteCurrency: DefaultQuote}
	if quote := column(x, "quote_currency", s.QuoteCurrency); quote != nil {
		row.QuoteCurrency = *quote
	}
	return symbols.row(s, x, row)
}

// SymbolPayload is the payload of a symbol's table row.
func SymbolPayload(row entities.Symbol) (wire.Symbol, error) {
	return symbols.payload(row, wire.Symbol{QuoteCurrency: wire.Some(row.QuoteCurrency)})
}

var traders = newMapper[wire.TraderState, entities.TraderState]()

// TraderState is the table row of a trader's state.
func TraderState(t wire.TraderState) entities.TraderState {
	return traders.row(t, newExtra(t.Extra), entities.TraderState{})
}

// TraderStatePayload is the payload of a trader's table row.
func TraderStatePayload(row entities.TraderState) (wire.TraderState, error) {
	return traders.payload(row, wire.TraderState{})
}

var assets = newMapper[wire.MarketAsset, entities.MarketAsset]("Provider")

// MarketAsset is the table row of a venue's metadata of a symbol.
func MarketAsset(m wire.MarketAsset, primary string) entities.MarketAsset {
	x := newExtra(m.Extra)
	return assets.row(m, x, entities.MarketAsset{Provider: x.provider(m.Provider, primary)})
}

// MarketAssetPayload is the payload of a symbol's metadata at a venue.
func MarketAssetPayload(row entities.MarketAsset) (wire.MarketAsset, error) {
	return assets.payload(row, wire.MarketAsset{})
}

var contexts = newMapper[wire.MarketContext, entities.MarketAssetCtx]()

// MarketContext is the table row of the market around a price.
func MarketContext(m wire.MarketContext, provider, symbol string, at time.Time) entities.MarketAssetCtx {
	return contexts.row(m, newExtra(m.Extra), entities.MarketAssetCtx{Provider: provider, Symbol: symbol, ObservedAt: at})
}

// MarketContextPayload is the payload of the market around a price.
func MarketContextPayload(row entities.MarketAssetCtx) (wire.MarketContext, error) {
	return contexts.payload(row, wire.MarketContext{})
}
