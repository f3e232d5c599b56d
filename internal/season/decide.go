package season

import (
	"time"

	"nof0/internal/analytics"
)

// coinSignal is what an answer says of one coin.
type coinSignal struct {
	Coin                  string  `json:"coin"`
	Signal                string  `json:"signal"`
	Quantity              float64 `json:"quantity"`
	ProfitTarget          float64 `json:"profit_target"`
	StopLoss              float64 `json:"stop_loss"`
	InvalidationCondition string  `json:"invalidation_condition"`
	Confidence            float64 `json:"confidence"`
	Leverage              int64   `json:"leverage"`
	RiskUsd               float64 `json:"risk_usd"`
	Justification         string  `json:"justification"`
}

// signal says something of an open position.
func (p *position) signal(word string, quantity float64, justification string) coinSignal {
	return coinSignal{
		Coin: p.coin.symbol, Signal: word, Quantity: quantity,
		ProfitTarget: p.coin.price(p.plan.target), StopLoss: p.coin.price(p.plan.stop),
		InvalidationCondition: p.plan.condition,
		Confidence:            p.confidence, Leverage: p.leverage, RiskUsd: usd(p.risk), Justification: justification,
	}
}

// decide is one cycle: the model is asked, answers, and its orders go out. A
// failed answer leaves everything as it is.
func (t *trader) decide(now time.Time) error {
	t.cycle++
	prompt := ""
	if !t.forgotten(now) {
		prompt = t.prompt(now)
	}
	if chance(t.r, t.traits.failsPercent) {
		return t.fail(now, prompt)
	}
	said := make(map[string]coinSignal)
	for i, p := range t.open {
		if p != nil {
			said[p.coin.symbol] = t.manage(i, now)
		}
	}
	if s, ok := t.seek(now); ok {
		said[s.Coin] = s
	}
	return t.answer(now, prompt, said)
}

// manage closes, reduces or holds an open position.
func (t *trader) manage(coin int, now time.Time) coinSignal {
	p := t.open[coin]
	price := t.market.at(coin, now)
	gain := p.sign() * (price - p.entryPrice)
	var why string
	switch {
	case p.sign()*(price-p.plan.target) >= 0:
		why = pick(t.r, targetReached())
	case p.sign()*(price-p.plan.stop) <= 0:
		why = pick(t.r, stopReached())
	case now.Sub(p.entryTime) > t.traits.longestHold:
		why = pick(t.r, heldTooLong())
	case t.r.IntN(150) == 0:
		why = pick(t.r, thesisBroken())
	}
	if why != "" {
		t.orderExit(coin, now)
		return p.signal(analytics.SignalClose, p.quantity, why)
	}
	if gain > 0 && !p.reduced && t.r.IntN(60) == 0 {
		// There is no word for reducing: a close of less than the position is one.
		if part := p.size / 2 / p.coin.lot * p.coin.lot; part > 0 {
			x := exit{size: part, oid: orderID(t.r, t.options.Start, now), maker: chance(t.r, 20)}
			t.schedule(t.fillTime(now), func(at time.Time) error { return t.leave(coin, x, at) })
			return p.signal(analytics.SignalClose, p.coin.size(part), pick(t.r, partTaken()))
		}
	}
	if gain > 0 && chance(t.r, 2) {
		// The stop follows the price, at most to the middle of the gain.
		p.plan.stop = p.entryPrice + p.sign()*gain/2
		p.slOid = orderID(t.r, t.options.Start, now)
		p.oid = p.slOid
	}
	quantity := p.quantity
	if chance(t.r, 3) {
		quantity = -quantity // models get the sign of a hold wrong now and then
	}
	return p.signal(analytics.SignalHold, quantity, "")
}

// orderExit closes what is left, now and then in two fills of one order.
func (t *trader) orderExit(coin int, now time.Time) {
	p := t.open[coin]
	x := exit{size: p.size, oid: orderID(t.r, t.options.Start, now), maker: chance(t.r, 20)}
	at := t.fillTime(now)
	if !p.reduced && p.size >= 10 && chance(t.r, 15) {
		first := x
		first.size = p.size * int64(between(t.r, 10, 40)) / 100
		x.size -= first.size
		t.schedule(at, func(at time.Time) error { return t.leave(coin, first, at) })
		at = at.Add(time.Duration(between(t.r, 20_000, 60_000)) * time.Millisecond)
	}
	t.schedule(at, func(at time.Time) error { return t.leave(coin, x, at) })
}

// seek looks for an entry.
func (t *trader) seek(now time.Time) (coinSignal, bool) {
	var flat []int
	for i, p := range t.open {
		if p == nil {
			flat = append(flat, i)
		}
	}
	if len(flat) == 0 || now.Before(t.nextEntry) || !chance(t.r, 60) {
		return coinSignal{}, false
	}
	coin := pick(t.r, flat)
	o, ok := t.size(coin, now)
	if !ok {
		return coinSignal{}, false
	}
	t.nextEntry = now.Add(t.options.EntryPause + time.Duration(t.r.Int64N(int64(t.traits.patience))))
	t.schedule(t.fillTime(now), func(at time.Time) error { return t.enter(coin, o, at) })
	word, why := analytics.SignalLong, pick(t.r, longReasons())
	if o.short {
		word, why = analytics.SignalShort, pick(t.r, shortReasons())
	}
	c := &t.market.coins[coin]
	intended := &position{coin: c, short: o.short, plan: o.plan, confidence: o.confidence, leverage: o.leverage, risk: o.risk}
	return intended.signal(word, c.size(o.size), why), true
}

// size makes up an entry: side by the trend of four hours, amount by what may
// be lost at the stop, within the free cash.
func (t *trader) size(coin int, now time.Time) (order, bool) {
	c := &t.market.coins[coin]
	price := t.market.at(coin, now)
	falling := price < t.market.at(coin, now.Add(-4*time.Hour))
	short := falling != chance(t.r, t.traits.contrary) && chance(t.r, t.traits.shorts)

	leverage := min(between(t.r, t.traits.minLeverage, t.traits.maxLeverage), c.maxLeverage)
	equity, _ := t.equity(now)
	risk := equity / 1000 * int64(between(t.r, 10, 30))
	stopPermille := int64(between(t.r, 12, 40))
	targetPermille := stopPermille * int64(between(t.r, 10, 22)) / 10
	notional := min(risk/stopPermille*1000, max(t.cash(now), 0)*4/10*leverage)
	size := notional / c.micros(price, c.lot) * c.lot
	const least = 10_000_000 // the exchange refuses orders below 10 USD
	if c.micros(price, size) < least {
		return order{}, false
	}
	sign := int64(1)
	if short {
		sign = -1
	}
	stop := price - sign*price*stopPermille/1000
	return order{
		short: short, size: size, leverage: leverage,
		confidence: decimal(int64(between(t.r, 55, 88)), 2),
		risk:       c.micros(price, size) / 1000 * stopPermille,
		plan: exitPlan{
			target:    price + sign*price*targetPermille/1000,
			stop:      stop,
			condition: t.condition(c, short, stop),
		},
	}, true
}
