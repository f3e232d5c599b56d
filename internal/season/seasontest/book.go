// Package seasontest says what a store must hold once it has taken in a season.
package seasontest

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/internal/catalogue"
	"nof0/internal/wire"
)

// Book says what a store must hold once it has taken in events: a second,
// simple reading of what they mean, to compare a store with. It takes in each
// event once, however often it is given. Prices, decisions and metrics are
// counted only. It is not safe for concurrent use.
type Book struct {
	counts map[string]int
	steps  map[string]float64 // of sizes, by symbol
	models map[string]*account
}

// account is what the book knows of a model.
type account struct {
	trades map[string]wire.Trade
	open   map[string]Held  // by symbol
	closed map[opening]bool // what was closed is not opened again
	equity map[float64]wire.AccountTotal
	newest float64
}

type opening struct {
	symbol string
	oid    int64
}

// Held is an open position as it must be.
type Held struct {
	Position wire.Position
	// Opened is the largest quantity that it had, without sign.
	Opened float64
	// Derived says that a trade reduced the position without saying what is
	// left: then only its identity, its entry and its quantity are known, the
	// quantity but for the noise of doubles.
	Derived bool
}

// NewBook returns an empty book.
func NewBook() *Book {
	return &Book{counts: make(map[string]int), steps: make(map[string]float64), models: make(map[string]*account)}
}

// Apply takes in a write: an item of a kind, or {"items": […]} of several. An error says
// that it contradicts what the book holds, or cannot be read.
func (b *Book) Apply(kind string, items int, body jsontext.Value) error {
	l := struct {
		Items []jsontext.Value `json:"items"`
	}{[]jsontext.Value{body}}
	if items > 1 {
		if err := wire.Unmarshal(body, &l); err != nil {
			return fmt.Errorf("error reading an event of %s: %w", kind, err)
		}
	}
	for _, item := range l.Items {
		if err := b.apply(kind, item); err != nil {
			return fmt.Errorf("error in an event of %s: %w", kind, err)
		}
	}
	return nil
}

func (b *Book) apply(kind string, body jsontext.Value) error {
	b.counts[kind]++
	switch catalogue.WriteKind(kind) {
	case catalogue.WriteSymbols:
		var s struct {
			Symbol   string  `json:"symbol"`
			SizeStep float64 `json:"size_step"`
		}
		if err := wire.Unmarshal(body, &s); err != nil {
			return err
		}
		b.steps[s.Symbol] = s.SizeStep
	case catalogue.WriteModels:
		var m struct {
			ID string `json:"id"`
		}
		if err := wire.Unmarshal(body, &m); err != nil {
			return err
		}
		b.account(m.ID)
	case catalogue.WritePositions:
		var p struct {
			ModelID  string        `json:"model_id"`
			Position wire.Position `json:"position"`
		}
		if err := wire.Unmarshal(body, &p); err != nil {
			return err
		}
		return b.account(p.ModelID).put(p.Position)
	case catalogue.WriteTrades:
		return b.trade(body)
	case catalogue.WriteEquity:
		var row wire.AccountTotal
		if err := wire.Unmarshal(body, &row); err != nil {
			return err
		}
		b.account(row.ModelID).total(row)
	}
	return nil
}

// trade takes in a closing trade, which stands alone or with what comes along.
func (b *Book) trade(body jsontext.Value) error {
	var item struct {
		Trade     *wire.Trade             `json:"trade"`
		Remaining wire.Opt[wire.Position] `json:"remaining"`
		Equity    *wire.AccountTotal      `json:"equity"`
	}
	if err := wire.Unmarshal(body, &item); err != nil {
		return err
	}
	if item.Trade == nil {
		item.Trade = new(wire.Trade)
		if err := wire.Unmarshal(body, item.Trade); err != nil {
			return err
		}
	}
	a := b.account(item.Trade.ModelID)
	if _, known := a.trades[item.Trade.ID]; known {
		return nil
	}
	a.trades[item.Trade.ID] = *item.Trade
	if item.Equity != nil {
		a.total(*item.Equity)
	}
	left, stated := item.Remaining.Get()
	switch {
	case stated:
		return a.put(left)
	case item.Remaining.IsNull():
		a.close(item.Trade)
	default:
		a.reduce(item.Trade, b.steps[item.Trade.Symbol])
	}
	return nil
}

func (b *Book) account(model string) *account {
	a := b.models[model]
	if a == nil {
		a = &account{
			trades: make(map[string]wire.Trade), open: make(map[string]Held),
			closed: make(map[opening]bool), equity: make(map[float64]wire.AccountTotal), newest: math.Inf(-1),
		}
		b.models[model] = a
	}
	return a
}

// put opens a position or states it anew.
func (a *account) put(p wire.Position) error {
	oid := p.EntryOid.Or(-1)
	if a.closed[opening{p.Symbol, oid}] {
		return nil // an event that came before
	}
	held, isOpen := a.open[p.Symbol]
	if isOpen && held.Position.EntryOid.Or(-1) != oid {
		return errors.New("another position of this model and symbol is open")
	}
	a.open[p.Symbol] = Held{Position: p, Opened: max(held.Opened, math.Abs(p.Quantity))}
	return nil
}

// close closes the position of a trade, where it is open.
func (a *account) close(t *wire.Trade) {
	oid := t.EntryOid.Or(-1)
	if held, isOpen := a.open[t.Symbol]; isOpen && held.Position.EntryOid.Or(-1) == oid {
		delete(a.open, t.Symbol)
		a.closed[opening{t.Symbol, oid}] = true
	}
}

// reduce takes a trade's quantity off its position, and closes it when there
// is nothing left but noise.
func (a *account) reduce(t *wire.Trade, step float64) {
	held, isOpen := a.open[t.Symbol]
	if !isOpen || held.Position.EntryOid.Or(-1) != t.EntryOid.Or(-1) {
		return
	}
	left := held.Position.Quantity - t.Quantity
	if math.Abs(left) < max(step/2, noise*held.Opened) || math.Signbit(left) != math.Signbit(held.Position.Quantity) {
		a.close(t)
		return
	}
	held.Position.Quantity = left
	held.Derived = true
	a.open[t.Symbol] = held
}

// noise is the part of an opening below which nothing is left of it.
const noise = 1e-9

func (a *account) total(row wire.AccountTotal) {
	a.equity[row.Timestamp] = row
	a.newest = max(a.newest, row.Timestamp)
}

// known is what the book knows of a model, which may be nothing.
func (b *Book) known(model string) *account {
	if a := b.models[model]; a != nil {
		return a
	}
	return &account{}
}

// Count returns how many items of a kind were given.
func (b *Book) Count(kind string) int { return b.counts[kind] }

// Models returns the ids of the models in order.
func (b *Book) Models() []string { return slices.Sorted(maps.Keys(b.models)) }

// Trades returns the trades of a model by id.
func (b *Book) Trades(model string) map[string]wire.Trade { return maps.Clone(b.known(model).trades) }

// Open returns the open positions of a model by symbol.
func (b *Book) Open(model string) map[string]Held { return maps.Clone(b.known(model).open) }

// Equity returns the equity rows of a model by time.
func (b *Book) Equity(model string) []wire.AccountTotal {
	a := b.known(model)
	rows := make([]wire.AccountTotal, 0, len(a.equity))
	for _, at := range slices.Sorted(maps.Keys(a.equity)) {
		rows = append(rows, a.equity[at])
	}
	return rows
}

// Newest returns the newest equity row of a model, and whether there is one.
func (b *Book) Newest(model string) (wire.AccountTotal, bool) {
	a := b.known(model)
	row, ok := a.equity[a.newest]
	return row, ok
}

// Matches says why a position that a store shows is not the one held, ""
// where it is.
func (h Held) Matches(p wire.Position) string {
	if !h.Derived {
		return unlike("position", canonical(p), canonical(h.Position))
	}
	if math.Abs(p.Quantity-h.Position.Quantity) > noise*h.Opened {
		return unlike("quantity", p.Quantity, h.Position.Quantity)
	}
	for _, why := range []string{
		unlike("symbol", p.Symbol, h.Position.Symbol),
		unlike("entry order", p.EntryOid, h.Position.EntryOid),
		unlike("entry time", p.EntryTime, h.Position.EntryTime),
		unlike("entry price", p.EntryPrice, h.Position.EntryPrice),
	} {
		if why != "" {
			return why
		}
	}
	return ""
}

// canonical renders a position with all members in order, those of its exit
// plan too.
func canonical(p wire.Position) string {
	raw, err := wire.Marshal(p)
	if err == nil {
		err = (*jsontext.Value)(&raw).Canonicalize()
	}
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

func unlike[T comparable](what string, got, want T) string {
	if got == want {
		return ""
	}
	return fmt.Sprintf("%s is %v, and must be %v", what, got, want)
}
