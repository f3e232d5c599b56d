package season

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// FillsOptions say which fills to make up.
type FillsOptions struct {
	Seed uint64
	// Models that trade; 0 means 20.
	Models int
	// Count of trades.
	Count int
	// Start of it all; zero means that of a season.
	Start time.Time
}

// What the models of Fills do.
const (
	fillsModels  = 20
	fillsPause   = 3 * time.Second // between two events of all models
	fillsAdjust  = 8               // percent of the events that only move a stop
	fillsPartial = 45              // percent of the exits that leave a part
)

// Fills returns the plan of models that trade without thinking: dense fills,
// as many as one likes, made one after the other without keeping them.
// Positions are opened, moved, closed in parts of one order or at once, and
// opened again, in whole numbers or with the noise of subtracted doubles,
// beside hourly equity. There are no prices and no decisions.
func Fills(o FillsOptions) *Plan {
	if o.Models == 0 {
		o.Models = fillsModels
	}
	o.Start = Options{Start: o.Start}.withDefaults().Start
	return &Plan{
		name:   fmt.Sprintf("fills %+v", o),
		length: o.Count * 17 / 10,
		events: func(yield func(Event, error) bool) { newFloor(o).trade(o.Count, yield) },
	}
}

// floor is where the models of Fills trade.
type floor struct {
	r       *rand.Rand
	market  *market
	traders []*trader
	parts   map[*position]int64 // the order that closes a position in parts
	now     time.Time
	hour    int
	yield   func(Event, error) bool
}

func newFloor(o FillsOptions) *floor {
	// Somewhat more than it takes: every trade has its opening and more.
	hours := int(time.Duration(o.Count)*3*fillsPause/time.Hour) + 2
	options := Options{Seed: o.Seed, Models: o.Models, Hours: hours, Start: o.Start}.withDefaults()
	f := &floor{
		r: stream(o.Seed, "fills"), market: newMarket(options), parts: make(map[*position]int64), now: options.Start,
	}
	for i := range o.Models {
		f.traders = append(f.traders, newTrader(options, f.market, fmt.Sprintf("trader-%03d", i+1)))
	}
	return f
}

// put yields an event. It reports whether more are wanted.
func (f *floor) put(e Event, err error) bool { return f.yield(e, err) && err == nil }

// trade makes events until there are so many trades.
func (f *floor) trade(count int, yield func(Event, error) bool) {
	f.yield = yield
	for i := range f.market.coins {
		if !f.put(symbolEvent(&f.market.coins[i], f.now)) {
			return
		}
	}
	for _, t := range f.traders {
		if !f.put(modelEvent(f.now, t.account())) {
			return
		}
	}
	for done := 0; done < count; {
		n, more := f.cycle(pick(f.r, f.traders), count-done)
		if done += n; !more {
			return
		}
	}
}

// cycle is one decision of a trader, which is about some of the coins: first
// exits, at most so many, and then entries and moved stops. It returns how many
// exits there were.
func (f *floor) cycle(t *trader, atMost int) (exits int, more bool) {
	var others []int
	for _, coin := range f.r.Perm(len(f.market.coins))[:f.r.IntN(len(f.market.coins))+1] {
		if t.open[coin] == nil || chance(f.r, fillsAdjust) {
			others = append(others, coin)
			continue
		}
		if exits == atMost {
			break
		}
		exits++
		if !f.tick() || !f.close(t, coin) {
			return exits, false
		}
	}
	for _, coin := range others {
		act := f.adjust
		if t.open[coin] == nil {
			act = f.open
		}
		if !f.tick() || !act(t, coin) {
			return exits, false
		}
	}
	return exits, true
}

// tick lets time go by until the next event.
func (f *floor) tick() bool {
	f.now = f.now.Add(fillsPause/2 + time.Duration(f.r.Int64N(int64(fillsPause)))).Truncate(time.Millisecond)
	return f.markers()
}

// markers states the equity of everybody at the end of an hour.
func (f *floor) markers() bool {
	for ; !f.traders[0].marker(f.hour).After(f.now); f.hour++ {
		for _, t := range f.traders {
			at := t.marker(f.hour)
			if err := t.endHour(f.hour, at); err != nil {
				return f.put(Event{}, err)
			}
			row := t.rows[0]
			t.rows, t.held = t.rows[:0], t.held[:0]
			if !f.put(newEvent(KindEquity, t.id, at, row)) {
				return false
			}
		}
	}
	return true
}

func (f *floor) open(t *trader, coin int) bool {
	c := &t.market.coins[coin]
	price := t.market.at(coin, f.now)
	lots := between(f.r, int64(50e6), int64(400e6)) / c.micros(price, 1)
	o := order{
		short: chance(f.r, 50), size: max(lots, 2), leverage: between(f.r, int64(2), c.maxLeverage),
		confidence: decimal(between(f.r, int64(55), 88), 2), risk: between(f.r, int64(1e6), int64(9e6)),
		plan: exitPlan{target: price * 11 / 10, stop: price * 9 / 10, condition: "If the price closes beyond the stop"},
	}
	if err := t.enter(coin, o, f.now); err != nil {
		return f.put(Event{}, err)
	}
	opening := t.openings[0]
	t.openings = t.openings[:0]
	return f.put(positionEvent(t.id, f.now, opening.Position))
}

func (f *floor) adjust(t *trader, coin int) bool {
	p := t.open[coin]
	p.slOid = orderID(f.r, t.options.Start, f.now)
	p.oid = p.slOid
	row, err := p.row(t.market.at(coin, f.now))
	if err != nil {
		return f.put(Event{}, err)
	}
	return f.put(positionEvent(t.id, f.now, row))
}

func (f *floor) close(t *trader, coin int) bool {
	p := t.open[coin]
	x := exit{size: p.size, oid: f.parts[p], maker: chance(f.r, 20)}
	if x.oid == 0 {
		x.oid = orderID(f.r, t.options.Start, f.now)
	}
	delete(f.parts, p)
	if p.size > 1 && chance(f.r, fillsPartial) {
		x.size = between(f.r, 1, p.size-1)
		if chance(f.r, 50) { // the rest goes by the same order
			f.parts[p] = x.oid
		}
	}
	if err := t.leave(coin, x, f.now); err != nil {
		return f.put(Event{}, err)
	}
	trade, a := t.trades[0], t.afters[0]
	t.trades, t.afters = t.trades[:0], t.afters[:0]
	return f.put(tradeEvent(f.now, trade, a, closingForm(f.r.IntN(int(closingForms)))))
}
