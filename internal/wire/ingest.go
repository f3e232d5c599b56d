package wire

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// PositionItem is an open position as it is written: the row that GET sends,
// with whose it is.
type PositionItem struct {
	ModelID  string         `json:"model_id"`          // model
	Provider Opt[string]    `json:"provider,omitzero"` // venue of the position; hyperliquid where it is absent
	Position jsontext.Value `json:"position" is:"Position"`
	// Timestamp is when the position was as it is stated, in unix seconds. Without it
	// the first item of a position is its opening, at its entry time, and another one
	// is how the position is when it arrives.
	Timestamp Opt[float64] `json:"timestamp,omitzero"`

	open Position
}

// Parts lets Bounds see the rows that the item is made of.
func (p *PositionItem) Parts() map[string]any { return map[string]any{"/position": &p.open} }

// Open is the position of a decoded item.
func (p *PositionItem) Open() Position { return p.open }

func (p *PositionItem) check(f *Faults) {
	f.id("/model_id", p.ModelID)
	f.optID("/provider", p.Provider)
	f.optSeconds("/timestamp", p.Timestamp)
	var wrong Faults
	if p.open, wrong = decode[Position](p.Position); waitsForFill(p.Position) {
		wrong = Faults{{Reason: "waits for its fill, so that nothing is open yet; send it when it has a price and a size"}}
	}
	f.putUnder("/position", wrong)
}

// TradeItem is a closing trade as it is written, with what comes along.
type TradeItem struct {
	Trade Trade
	// Remaining is what is left of the position; nil where the item does not
	// say. Closed says that it says null: nothing is left.
	Remaining *Position
	Closed    bool
	// Equity is the account-totals row that comes along, nil without one.
	Equity *AccountTotal

	at string // where the trade stands in the item
}

// Parts lets Bounds see the rows that the item is made of.
func (t *TradeItem) Parts() map[string]any {
	return map[string]any{t.at: &t.Trade, "/remaining": t.Remaining, "/equity": t.Equity}
}

// tradeEnvelope is the long form of a TradeItem, its parts still raw.
type tradeEnvelope struct {
	Trade     jsontext.Value `json:"trade"`
	Remaining jsontext.Value `json:"remaining,omitzero"`
	Equity    jsontext.Value `json:"equity,omitzero"`
}

func (*tradeEnvelope) check(*Faults) {}

// DecodeTradeItem reads {trade, remaining?, equity?}, or a bare trade row.
func DecodeTradeItem(raw jsontext.Value) (TradeItem, error) {
	var item TradeItem
	envelope, plain := plainEnvelope(raw)
	var faults Faults
	if !plain {
		if !isTradeEnvelope(raw) {
			trade, err := Decode[Trade](raw)
			item.Trade = trade
			return item, err
		}
		if envelope, faults = decode[tradeEnvelope](raw); len(faults) > 0 {
			return item, faults
		}
	}
	item.at = "/trade"
	var wrong Faults
	item.Trade, wrong = decode[Trade](envelope.Trade)
	faults.putUnder("/trade", wrong)
	switch {
	case envelope.Remaining == nil:
	case envelope.Remaining.Kind() == 'n':
		item.Closed = true
	default:
		left, wrong := decode[Position](envelope.Remaining)
		item.Remaining = &left
		faults.putUnder("/remaining", wrong)
	}
	if envelope.Equity != nil && envelope.Equity.Kind() != 'n' {
		equity, wrong := decode[AccountTotal](envelope.Equity)
		item.Equity = &equity
		faults.putUnder("/equity", wrong)
	}
	if len(faults) > 0 {
		return item, faults
	}
	item.check(&faults)
	return item, faults.err()
}

// plainEnvelope reads a long form that has nothing but its parts, of which each is read on
// its own: the others cost two more readings of all that is in them.
func plainEnvelope(raw jsontext.Value) (e tradeEnvelope, ok bool) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(raw)) // of which it makes no copy
	if begin, err := dec.ReadToken(); err != nil || begin.Kind() != '{' {
		return e, false
	}
	for dec.PeekKind() == '"' {
		token, err := dec.ReadToken()
		if err != nil {
			return e, false
		}
		name := token.String() // before the value takes its place
		value, err := dec.ReadValue()
		if err != nil {
			return e, false
		}
		end := dec.InputOffset()
		value = raw[end-int64(len(value)) : end]
		switch name {
		case "trade":
			e.Trade = value
		case "remaining":
			e.Remaining = value
		case "equity":
			e.Equity = value
		default:
			return e, false
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return e, false
	}
	_, err := dec.ReadToken()
	return e, errors.Is(err, io.EOF) && e.Trade != nil && e.Trade.Kind() != 'n'
}

// isTradeEnvelope distinguishes the long form, which has the trade as a member, from a
// bare trade row.
func isTradeEnvelope(raw jsontext.Value) bool {
	var probe struct {
		Trade jsontext.Value `json:"trade"`
	}
	return json.Unmarshal(raw, &probe, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) == nil &&
		probe.Trade != nil
}

// check holds the parts of an item to each other.
func (t *TradeItem) check(f *Faults) {
	if t.Equity != nil && t.Equity.ModelID != t.Trade.ModelID {
		f.addf("/equity/model_id", "is not the model of the trade")
	}
	left := t.Remaining
	if left == nil {
		return
	}
	if left.Symbol != t.Trade.Symbol {
		f.addf("/remaining/symbol", "is not the symbol of the trade")
	}
	if IsOrderID(left.EntryOid) != IsOrderID(t.Trade.EntryOid) ||
		IsOrderID(left.EntryOid) && left.EntryOid != t.Trade.EntryOid {
		f.addf("/remaining/entry_oid", "is not the entry order of the trade")
	}
	if (left.Quantity < 0) != (t.Trade.Quantity < 0) {
		f.addf("/remaining/quantity", "is on the other side than the trade")
	}
}

// MarketContext is the market around a price. Prices are USD, funding a
// fraction per hour, volumes those of the last 24 hours.
type MarketContext struct {
	Funding       Opt[float64]   `json:"funding,omitzero" bound:"difference"`    // fraction per hour
	OpenInterest  Opt[float64]   `json:"open_interest,omitzero"`                 // coins
	OraclePrice   Opt[float64]   `json:"oracle_price,omitzero"`                  // USD
	MarkPrice     Opt[float64]   `json:"mark_price,omitzero"`                    // USD
	MidPrice      Opt[float64]   `json:"mid_price,omitzero"`                     // USD
	ImpactPrices  jsontext.Value `json:"impact_prices,omitzero" bound:"amounts"` // as the venue sends them
	PrevDayPrice  Opt[float64]   `json:"prev_day_price,omitzero"`                // USD
	DayNotional   Opt[float64]   `json:"day_notional,omitzero"`                  // volume of 24 hours in USD
	DayBaseVolume Opt[float64]   `json:"day_base_volume,omitzero"`               // volume of 24 hours in coins
	Extra         jsontext.Value `json:",embed"`
}

func (*MarketContext) check(*Faults) {}

// PriceItem is a price as it is written, with the market context that it may
// carry in the member context.
type PriceItem struct {
	Price   Price
	Context *MarketContext
}

// Parts lets Bounds see the rows that the item is made of.
func (p *PriceItem) Parts() map[string]any {
	return map[string]any{"": &p.Price, "/context": p.Context}
}

// DecodePriceItem reads a price item.
func DecodePriceItem(raw jsontext.Value) (PriceItem, error) {
	price, faults := decode[Price](raw)
	item := PriceItem{Price: price}
	if len(faults) > 0 || len(price.Extra) == 0 {
		return item, faults.err()
	}
	members := map[string]jsontext.Value{}
	if err := Unmarshal(price.Extra, &members); err != nil {
		return item, Faults{typeFault(err)}
	}
	context, carried := members["context"]
	if !carried {
		return item, nil
	}
	market, wrong := decode[MarketContext](context)
	if len(wrong) > 0 {
		faults.putUnder("/context", wrong)
		return item, faults
	}
	item.Context = &market
	delete(members, "context")
	item.Price.Extra = nil
	if len(members) > 0 {
		rest, err := Marshal(members)
		if err != nil {
			return item, Faults{typeFault(err)}
		}
		item.Price.Extra = rest
	}
	return item, nil
}

// Model is a participant as it is written and listed. Kind is competitor or
// benchmark.
type Model struct {
	ID           string         `json:"id"`                                        // model
	DisplayName  Opt[string]    `json:"display_name,omitzero"`                     // name for people
	Kind         Opt[string]    `json:"kind,omitzero" enum:"competitor,benchmark"` // competitor where it is absent
	TraderConfig jsontext.Value `json:"trader_config,omitzero" is:"object,null"`   // how the model trades
	// SinceInception is the inception of its account, a row as GET sends it.
	SinceInception jsontext.Value `json:"since_inception,omitzero" is:"SinceInception,null"`
	Extra          jsontext.Value `json:",embed"`

	inception *SinceInception
}

// Parts lets Bounds see the rows that the item is made of.
func (m *Model) Parts() map[string]any { return map[string]any{"/since_inception": m.inception} }

// Inception is the inception that a decoded model carries, nil where it has
// none.
func (m *Model) Inception() *SinceInception { return m.inception }

func (m *Model) check(f *Faults) {
	f.id("/id", m.ID)
	if k := m.Kind.Or("competitor"); k != "competitor" && k != "benchmark" {
		f.addf("/kind", "%q is neither competitor nor benchmark", abbreviate(k, maxPath))
	}
	f.object("/trader_config", m.TraderConfig)
	if m.SinceInception == nil || m.SinceInception.Kind() == 'n' {
		return
	}
	inception, wrong := decode[SinceInception](m.SinceInception)
	f.putUnder("/since_inception", wrong)
	if len(wrong) == 0 && inception.ModelID != m.ID {
		f.addf("/since_inception/model_id", "is not the id of the model")
	}
	m.inception = &inception
}

// Symbol is a traded perpetual as it is written and listed.
type Symbol struct {
	Symbol        string         `json:"symbol"`                  // coin
	QuoteCurrency Opt[string]    `json:"quote_currency,omitzero"` // USD where it is absent
	TickSize      Opt[float64]   `json:"tick_size,omitzero"`      // smallest step of the price in USD
	SizeStep      Opt[float64]   `json:"size_step,omitzero"`      // smallest step of a quantity in coins
	Metadata      jsontext.Value `json:"metadata,omitzero"`       // whatever the source adds
	Extra         jsontext.Value `json:",embed"`
}

func (s *Symbol) check(f *Faults) {
	f.id("/symbol", s.Symbol)
	f.optID("/quote_currency", s.QuoteCurrency)
	f.positive("/tick_size", s.TickSize.Or(1))
	f.positive("/size_step", s.SizeStep.Or(1))
}

// TraderState is what a trader remembers between decisions. Times are unix
// seconds, allocation is percent of the account.
type TraderState struct {
	TraderID         string         `json:"trader_id"`                              // trader
	ExchangeProvider Opt[string]    `json:"exchange_provider,omitzero"`             // venue that it trades on
	MarketProvider   Opt[string]    `json:"market_provider,omitzero"`               // venue that it takes prices from
	AllocationPct    Opt[float64]   `json:"allocation_pct,omitzero"`                // percent of the account
	Cooldown         jsontext.Value `json:"cooldown,omitzero"`                      // what it waits for
	RiskGuards       jsontext.Value `json:"risk_guards,omitzero"`                   // limits that it keeps
	LastDecisionAt   Opt[float64]   `json:"last_decision_at,omitzero" bound:"time"` // unix seconds with up to six decimals
	PauseUntil       Opt[float64]   `json:"pause_until,omitzero" bound:"free"`      // unix seconds with up to six decimals
	Extra            jsontext.Value `json:",embed"`
}

func (t *TraderState) check(f *Faults) {
	f.id("/trader_id", t.TraderID)
	f.optID("/exchange_provider", t.ExchangeProvider)
	f.optID("/market_provider", t.MarketProvider)
	f.optSeconds("/last_decision_at", t.LastDecisionAt)
	f.optSeconds("/pause_until", t.PauseUntil)
}

// MarketAsset is a venue's metadata of a symbol.
type MarketAsset struct {
	Provider      Opt[string]    `json:"provider,omitzero"`                     // venue; hyperliquid where it is absent
	Symbol        string         `json:"symbol"`                                // coin
	SizeDecimals  Opt[int64]     `json:"size_decimals,omitzero" bound:"amount"` // decimals of a quantity
	MaxLeverage   Opt[float64]   `json:"max_leverage,omitzero"`                 // largest leverage
	OnlyIsolated  Opt[bool]      `json:"only_isolated,omitzero"`                // whether margin can be isolated only
	MarginTableID Opt[int64]     `json:"margin_table_id,omitzero"`              // margin table of the venue
	IsDelisted    Opt[bool]      `json:"is_delisted,omitzero"`                  // whether it is no longer traded
	Extra         jsontext.Value `json:",embed"`
}

func (m *MarketAsset) check(f *Faults) {
	f.id("/symbol", m.Symbol)
	f.optID("/provider", m.Provider)
}
