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

// Symbol is the table row of a symbol.
func Symbol(s wire.Symbol) entities.Symbol {
	x := newExtra(s.Extra)
	row := entities.Symbol{
		Symbol:        s.Symbol,
		QuoteCurrency: DefaultQuote,
		TickSize:      column(x, "tick_size", s.TickSize),
		SizeStep:      column(x, "size_step", s.SizeStep),
		Metadata:      entities.JSON(s.Metadata),
	}
	if quote := column(x, "quote_currency", s.QuoteCurrency); quote != nil {
		row.QuoteCurrency = *quote
	}
	row.Extra = x.json()
	return row
}

// SymbolPayload is the payload of a symbol's table row.
func SymbolPayload(row entities.Symbol) (wire.Symbol, error) {
	s := wire.Symbol{
		Symbol: row.Symbol, QuoteCurrency: wire.Some(row.QuoteCurrency), TickSize: wire.FromPtr(row.TickSize),
		SizeStep: wire.FromPtr(row.SizeStep), Metadata: raw(row.Metadata),
	}
	return s, Overlay(row.Extra, &s)
}

// TraderState is the table row of a trader's state.
func TraderState(t wire.TraderState) entities.TraderState {
	x := newExtra(t.Extra)
	row := entities.TraderState{
		TraderID:         t.TraderID,
		ExchangeProvider: column(x, "exchange_provider", t.ExchangeProvider),
		MarketProvider:   column(x, "market_provider", t.MarketProvider),
		AllocationPct:    column(x, "allocation_pct", t.AllocationPct),
		Cooldown:         entities.JSON(t.Cooldown),
		RiskGuards:       entities.JSON(t.RiskGuards),
		LastDecisionAt:   x.optSeconds("last_decision_at", t.LastDecisionAt),
		PauseUntil:       x.optSeconds("pause_until", t.PauseUntil),
	}
	row.Extra = x.json()
	return row
}

// TraderStatePayload is the payload of a trader's table row.
func TraderStatePayload(row entities.TraderState) (wire.TraderState, error) {
	t := wire.TraderState{
		TraderID:         row.TraderID,
		ExchangeProvider: wire.FromPtr(row.ExchangeProvider),
		MarketProvider:   wire.FromPtr(row.MarketProvider),
		AllocationPct:    wire.FromPtr(row.AllocationPct),
		Cooldown:         raw(row.Cooldown),
		RiskGuards:       raw(row.RiskGuards),
		LastDecisionAt:   optTime(row.LastDecisionAt),
		PauseUntil:       optTime(row.PauseUntil),
	}
	return t, Overlay(row.Extra, &t)
}

// MarketAsset is the table row of a venue's metadata of a symbol.
func MarketAsset(m wire.MarketAsset, primary string) entities.MarketAsset {
	x := newExtra(m.Extra)
	row := entities.MarketAsset{
		Provider:      x.provider(m.Provider, primary),
		Symbol:        m.Symbol,
		SizeDecimals:  column(x, "size_decimals", m.SizeDecimals),
		MaxLeverage:   column(x, "max_leverage", m.MaxLeverage),
		OnlyIsolated:  column(x, "only_isolated", m.OnlyIsolated),
		MarginTableID: column(x, "margin_table_id", m.MarginTableID),
		IsDelisted:    column(x, "is_delisted", m.IsDelisted),
	}
	row.Extra = x.json()
	return row
}

// MarketAssetPayload is the payload of a symbol's metadata at a venue.
func MarketAssetPayload(row entities.MarketAsset) (wire.MarketAsset, error) {
	m := wire.MarketAsset{
		Symbol:        row.Symbol,
		SizeDecimals:  wire.FromPtr(row.SizeDecimals),
		MaxLeverage:   wire.FromPtr(row.MaxLeverage),
		OnlyIsolated:  wire.FromPtr(row.OnlyIsolated),
		MarginTableID: wire.FromPtr(row.MarginTableID),
		IsDelisted:    wire.FromPtr(row.IsDelisted),
	}
	return m, Overlay(row.Extra, &m)
}

// MarketContext is the table row of the market around a price.
func MarketContext(m wire.MarketContext, provider, symbol string, at time.Time) entities.MarketAssetCtx {
	x := newExtra(m.Extra)
	row := entities.MarketAssetCtx{
		Provider:      provider,
		Symbol:        symbol,
		ObservedAt:    at,
		Funding:       column(x, "funding", m.Funding),
		OpenInterest:  column(x, "open_interest", m.OpenInterest),
		OraclePrice:   column(x, "oracle_price", m.OraclePrice),
		MarkPrice:     column(x, "mark_price", m.MarkPrice),
		MidPrice:      column(x, "mid_price", m.MidPrice),
		ImpactPrices:  entities.JSON(m.ImpactPrices),
		PrevDayPrice:  column(x, "prev_day_price", m.PrevDayPrice),
		DayNotional:   column(x, "day_notional", m.DayNotional),
		DayBaseVolume: column(x, "day_base_volume", m.DayBaseVolume),
	}
	row.Extra = x.json()
	return row
}

// MarketContextPayload is the payload of the market around a price.
func MarketContextPayload(row entities.MarketAssetCtx) (wire.MarketContext, error) {
	m := wire.MarketContext{
		Funding:       wire.FromPtr(row.Funding),
		OpenInterest:  wire.FromPtr(row.OpenInterest),
		OraclePrice:   wire.FromPtr(row.OraclePrice),
		MarkPrice:     wire.FromPtr(row.MarkPrice),
		MidPrice:      wire.FromPtr(row.MidPrice),
		ImpactPrices:  raw(row.ImpactPrices),
		PrevDayPrice:  wire.FromPtr(row.PrevDayPrice),
		DayNotional:   wire.FromPtr(row.DayNotional),
		DayBaseVolume: wire.FromPtr(row.DayBaseVolume),
	}
	return m, Overlay(row.Extra, &m)
}
