package console

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"nof0/internal/arena"
	"nof0/internal/catalogue"
	"nof0/internal/wire"
)

// How many rows a part of a page has.
const (
	shownPositions = 20
	shownTrades    = 25
	shownDecisions = 15
)

// modelData is what the page of a model shows.
type modelData struct {
	Model          model
	Curve          wire.EquityCurve
	Sketch         []sketched
	Standing       *standing // nil of a benchmark
	AsOf           float64
	Open           []openPosition
	OpenFault      string
	History        wire.PositionHistory
	HistoryFault   string
	Trades         wire.Trades
	TradesFault    string
	Symbols        []wire.Symbol
	Metrics        []metricTable
	Decisions      wire.Decisions
	DecisionsFault string
	CurveFault     string
}

func (d modelData) title() string { return d.Model.Name() }

// openPosition is a position with what follows from the price.
type openPosition struct {
	wire.Position

	Plan     exitPlan
	Distance wire.Opt[float64] // percent that the price may go until the position is liquidated
}

// exitPlan is when a position is to be closed.
type exitPlan struct {
	Target       wire.Opt[float64] `json:"profit_target"`
	Stop         wire.Opt[float64] `json:"stop_loss"`
	Invalidation wire.Opt[string]  `json:"invalidation_condition"`
}

// modelPage reads the page of a model.
func modelPage(r *reading) (any, error) {
	d := modelData{Model: model{Model: wire.Model{ID: r.ask.Model}}}
	if _, err := r.readModels(); err != nil {
		return nil, err
	}
	for _, m := range r.models {
		if m.ID == d.Model.ID {
			d.Model = m
		}
	}
	var curves wire.EquityCurves
	series := arena.Series{Points: sketchPoints}
	if err := r.parts(
		part{&d.CurveFault, arena.Request{View: catalogue.ViewEquity, Model: d.Model.ID, Series: series}, &curves},
		part{&d.HistoryFault, arena.Request{View: catalogue.ViewPositionsOf, Model: d.Model.ID, Limit: shownPositions, Cursor: r.ask.Query.Get("older")}, &d.History},
		part{&d.TradesFault, arena.Request{
			View: catalogue.ViewTrades, Model: d.Model.ID, Symbol: r.ask.Symbol, Side: r.ask.Side, Limit: shownTrades, Cursor: r.ask.Cursor,
		}, &d.Trades},
		part{&d.DecisionsFault, arena.Request{View: catalogue.ViewDecisions, Model: d.Model.ID, Limit: shownDecisions}, &d.Decisions},
	); err != nil {
		return nil, err
	}
	for _, c := range curves.Equity {
		d.Curve = c
		if n := len(c.Points); n > 0 {
			d.AsOf = c.Points[n-1].Timestamp
		}
	}
	d.Sketch = r.sketch([]model{d.Model}, map[string]wire.EquityCurve{d.Model.ID: d.Curve})
	var symbols wire.Symbols
	if _, err := r.part(arena.Request{View: catalogue.ViewSymbols}, &symbols); err != nil {
		return nil, err
	}
	d.Symbols = symbols.Symbols
	rows, _, err := r.standings(map[string]wire.EquityCurve{d.Model.ID: d.Curve})
	if err != nil {
		return nil, err
	}
	for i := range rows {
		if rows[i].ID == d.Model.ID {
			d.Standing = &rows[i]
		}
	}
	if d.Open, d.OpenFault, err = r.open(func(p wire.ModelPositions, _ wire.Position) bool { return p.ModelID == d.Model.ID }); err != nil {
		return nil, err
	}
	var analytics wire.Analytics
	if _, err := r.part(arena.Request{View: catalogue.ViewAnalytics}, &analytics); err != nil {
		return nil, err
	}
	for _, raw := range analytics.Analytics {
		if id, _, err := feesIn(raw); err != nil || id != d.Model.ID {
			continue
		}
		if d.Metrics, err = tablesOf(raw); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// open reads the open positions that are wanted, by model, then symbol.
func (r *reading) open(want func(wire.ModelPositions, wire.Position) bool) (list []openPosition, fault string, err error) {
	var positions wire.Positions
	if fault, err = r.part(arena.Request{View: catalogue.ViewPositions}, &positions); err != nil {
		return nil, "", err
	}
	for _, of := range positions.AccountTotals {
		for _, name := range slices.Sorted(maps.Keys(of.Positions)) {
			if p := of.Positions[name]; want(of, p) && p.Quantity != 0 {
				list = append(list, opened(p))
			}
		}
	}
	return list, fault, nil
}

// opened adds what follows from the price of a position.
func opened(p wire.Position) openPosition {
	shown := openPosition{Position: p}
	_ = wire.Unmarshal(p.ExitPlan, &shown.Plan) // what is no plan is none
	at, priced := p.CurrentPrice.Get()
	liquidated, ok := p.LiquidationPrice.Get()
	if priced && ok && at > 0 && liquidated > 0 {
		shown.Distance = wire.Some(100 * math.Abs(liquidated/at-1))
	}
	return shown
}

// Side is the direction of a position.
func (p openPosition) Side() string { return sideOf(p.Quantity) }

func sideOf(quantity float64) string {
	if quantity < 0 {
		return "short"
	}
	return "long"
}

// part is a view that is read into a payload, and where to say that it cannot be.
type part struct {
	fault *string
	req   arena.Request
	into  any
}

// parts reads several views.
func (r *reading) parts(all ...part) error {
	for _, p := range all {
		fault, err := r.part(p.req, p.into)
		if err != nil {
			return err
		}
		*p.fault = cmp.Or(fault, *p.fault)
	}
	return nil
}
