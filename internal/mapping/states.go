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
