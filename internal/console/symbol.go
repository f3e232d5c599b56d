package console

import (
	"nof0/internal/arena"
	"nof0/internal/catalogue"
	"nof0/internal/wire"
)

// symbolData is what the page of a symbol shows.
type symbolData struct {
	Symbol      string
	Price       *wire.Price // nil before the first
	Positions   []heldPosition
	Trades      wire.Trades
	Fault       string
	TradesFault string
}

// heldPosition is an open position and whose it is.
type heldPosition struct {
	openPosition

	ModelID string
}

func (d symbolData) title() string { return d.Symbol }

// symbolPage reads the page of a symbol.
func symbolPage(r *reading) (any, error) {
	d := symbolData{Symbol: r.ask.Symbol}
	if _, err := r.readModels(); err != nil {
		return nil, err
	}
	var symbols wire.Symbols
	var prices wire.CryptoPrices
	var positions wire.Positions
	if err := r.parts(
		part{&d.Fault, arena.Request{View: catalogue.ViewSymbols}, &symbols},
		part{&d.Fault, arena.Request{View: catalogue.ViewCryptoPrices}, &prices},
		part{&d.Fault, arena.Request{View: catalogue.ViewPositions}, &positions},
	); err != nil {
		return nil, err
	}
	known := d.Fault != ""
	for _, s := range symbols.Symbols {
		known = known || s.Symbol == d.Symbol
	}
	if !known {
		return nil, arena.ErrUnknownSymbol
	}
	if p, ok := prices.Prices[d.Symbol]; ok {
		d.Price = &p
	}
	for _, of := range positions.AccountTotals {
		for _, p := range of.Positions {
			if p.Symbol == d.Symbol && p.Quantity != 0 {
				d.Positions = append(d.Positions, heldPosition{opened(p), of.ModelID})
			}
		}
	}
	return d, r.parts(part{&d.TradesFault, arena.Request{
		View: catalogue.ViewTrades, Symbol: d.Symbol, Limit: shownTrades, Cursor: r.ask.Cursor,
	}, &d.Trades})
}
