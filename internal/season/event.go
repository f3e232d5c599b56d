package season

import (
	"iter"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/internal/wire"
)

// The kinds of events, named as the routes that take them in.
const (
	KindModels    = "models"
	KindSymbols   = "symbols"
	KindPrices    = "prices"
	KindPositions = "positions"
	KindTrades    = "trades"
	KindEquity    = "equity"
	KindDecisions = "decisions"
	KindAnalytics = "analytics"
)

// Event is one thing that happens, as the ingest API takes it in.
type Event struct {
	Kind  string
	Model string // "" for what is of no model
	At    time.Time
	// Items counts the items of the body: 1, or several that are of one moment,
	// such as the prices of a minute.
	Items int
	// Body is the item or, where there are several, {"items":[…]}.
	Body jsontext.Value
}

// Plan is a sequence of events, in order of time. It makes them as they are
// asked for, the same ones each time.
type Plan struct {
	name   string
	length int
	events func(yield func(Event, error) bool)
}

// Name distinguishes the plan from every other: what it was made from.
func (p *Plan) Name() string { return p.name }

// Len returns the number of items of all events, at the outset a close guess
// for a plan of fills.
func (p *Plan) Len() int { return p.length }

// Events returns the events. An error is the last element.
func (p *Plan) Events() iter.Seq2[Event, error] { return p.events }

const (
	itemsPrefix = `{"items":[`
	itemsSuffix = `]}`
)

// inner is the body of an event without the frame of a list.
func (e *Event) inner() jsontext.Value {
	if e.Items == 1 {
		return e.Body
	}
	return e.Body[len(itemsPrefix) : len(e.Body)-len(itemsSuffix)]
}

// The items of the kinds that are not rows of package wire.
type (
	modelItem struct {
		ID             string              `json:"id"`
		DisplayName    string              `json:"display_name"`
		Kind           string              `json:"kind"`
		SinceInception wire.SinceInception `json:"since_inception"`
	}
	symbolItem struct {
		Symbol        string  `json:"symbol"`
		QuoteCurrency string  `json:"quote_currency"`
		TickSize      float64 `json:"tick_size"`
		SizeStep      float64 `json:"size_step"`
	}
	positionItem struct {
		ModelID  string        `json:"model_id"`
		Position wire.Position `json:"position"`
	}
	tradeItem struct {
		Trade     wire.Trade              `json:"trade"`
		Remaining wire.Opt[wire.Position] `json:"remaining,omitzero"`
		Equity    *wire.AccountTotal      `json:"equity,omitzero"`
	}
	itemList[T any] struct {
		Items []T `json:"items"`
	}
)

// newEvent renders an event of one item.
func newEvent(kind, model string, at time.Time, item any) (Event, error) {
	body, err := wire.Marshal(item)
	return Event{Kind: kind, Model: model, At: at, Items: 1, Body: body}, err
}

func modelEvent(at time.Time, account wire.SinceInception) (Event, error) {
	id, kind := account.ModelID, "competitor"
	if id == Benchmark {
		kind = "benchmark"
	}
	return newEvent(KindModels, "", at, modelItem{ID: id, DisplayName: id, Kind: kind, SinceInception: account})
}

func symbolEvent(c *coin, at time.Time) (Event, error) {
	return newEvent(KindSymbols, "", at, symbolItem{
		Symbol: c.symbol, QuoteCurrency: "USD",
		TickSize: decimal(1, c.priceDecimals), SizeStep: decimal(1, c.sizeDecimals),
	})
}

// newEvents renders an event of as many items as there are, one at least.
func newEvents[T any](kind, model string, at time.Time, items []T) (Event, error) {
	if len(items) == 1 {
		return newEvent(kind, model, at, items[0])
	}
	e, err := newEvent(kind, model, at, itemList[T]{items})
	e.Items = len(items)
	return e, err
}

func positionEvent(model string, at time.Time, p wire.Position) (Event, error) {
	return newEvent(KindPositions, model, at, positionItem{model, p})
}

// closingForm is how the event of a trade says what is left of its position.
type closingForm int

const (
	closingRemaining closingForm = iota // null or the position
	closingNothing                      // remaining is absent
	closingTrade                        // the trade stands alone
	closingForms                        // how many there are
)

// tradeEvent renders a trade. What comes along with it has no place beside a
// trade that stands alone.
func tradeEvent(at time.Time, trade wire.Trade, a after, form closingForm) (Event, error) {
	if form == closingTrade && a.equity == nil {
		return newEvent(KindTrades, trade.ModelID, at, trade)
	}
	item := tradeItem{Trade: trade, Equity: a.equity}
	if form == closingRemaining {
		item.Remaining = wire.Null[wire.Position]()
		if a.remaining != nil {
			item.Remaining = wire.Some(*a.remaining)
		}
	}
	return newEvent(KindTrades, trade.ModelID, at, item)
}
