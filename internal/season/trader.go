package season

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"nof0/internal/analytics"
	"nof0/internal/wire"
)

const (
	navMicros = 10_000_000_000 // NAV at inception: 10,000 USD

	// settling is the longest that fills go on after the decision for them. No
	// decision falls into the last of it of any hour, so that a season ends with nothing due
	// whatever its length and goes on as a longer one of the same seed and start;
	// and none into that of the decision before.
	settling = 80 * time.Second
)

// trader is one account while the season goes on.
type trader struct {
	id        string
	r         *rand.Rand
	market    *market
	options   Options
	inception time.Time
	traits    traits

	realized  int64       // net PnL of exited trades, micro-dollars
	closed    int         // trades exited
	open      []*position // by coin, nil where flat
	pending   []fill
	nextEntry time.Time
	cycle     int64
	returns   analytics.Returns

	trades    []wire.Trade
	afters    []after // by trade
	openings  []Opening
	rows      []wire.AccountTotal
	held      []int // open positions, by row
	decisions []wire.Decision
	last      map[string]wire.Position // positions at the newest row
}

// fill is an order that is yet to be executed.
type fill struct {
	at    time.Time
	apply func(at time.Time) error
}

func newTrader(o Options, m *market, id string) *trader {
	r, habits, wait := beginnings(o, id)
	t := &trader{
		id: id, r: r, market: m, options: o, traits: habits,
		inception: o.Start.Add(wait),
		open:      make([]*position, len(m.coins)),
	}
	t.returns.Add(usd(navMicros))
	return t
}

// beginnings draws the habits of a model and how long after the start of the season
// its inception is, and returns what the rest of its life is drawn from.
func beginnings(o Options, id string) (r *rand.Rand, habits traits, wait time.Duration) {
	r = o.stream("model", id)
	habits = drawTraits(r, id)
	return r, habits, time.Duration(between(r, int64(20e6), int64(1200e6))) * time.Microsecond
}

// forgotten reports whether a moment is so long before Since that a decision of it
// is not written.
func (t *trader) forgotten(now time.Time) bool {
	return now.Add(time.Minute).Before(t.options.Since)
}

// run lives the season of a competitor.
func (t *trader) run() error {
	next := t.inception.Add(t.gap() / 4)
	for hour := range t.options.Hours {
		marker := t.marker(hour)
		const quiet = settling + 10*time.Second
		for ; !next.After(marker); next = next.Add(t.gap()) {
			if next.After(marker.Add(-quiet)) {
				next = next.Add(quiet)
				break
			}
			if err := t.execute(next); err != nil {
				return err
			}
			if err := t.decide(next); err != nil {
				return err
			}
		}
		if err := t.endHour(hour, marker); err != nil {
			return err
		}
	}
	return nil
}

// hold lives the season of the benchmark.
func (t *trader) hold() error {
	at := t.fillTime(t.inception)
	const btc = 0
	c := &t.market.coins[btc]
	lots := int64(navMicros*999/1000) / c.micros(t.market.at(btc, at), c.lot)
	t.schedule(at, func(at time.Time) error {
		return t.enter(btc, order{size: lots * c.lot, leverage: 1, confidence: 1}, at)
	})
	for hour := range t.options.Hours {
		if err := t.endHour(hour, t.marker(hour)); err != nil {
			return err
		}
	}
	return nil
}

// marker returns the moment of an hourly marker, the end of that hour.
func (t *trader) marker(hour int) time.Time {
	return t.options.Start.Add(time.Duration(hour+1) * time.Hour)
}

// gap draws the time to the next decision, four fifths to six fifths of the mean.
func (t *trader) gap() time.Duration {
	mean := t.options.DecisionEvery.Microseconds()
	return time.Duration(between(t.r, mean*4/5, mean*6/5)) * time.Microsecond
}

// fillTime draws when an order of a decision is executed: the exchange says it
// in milliseconds, which now and then are a whole second.
func (t *trader) fillTime(decided time.Time) time.Time {
	if chance(t.r, 2) {
		return decided.Truncate(time.Second).Add(2 * time.Second)
	}
	return decided.Add(time.Duration(between(t.r, 600, 2400)) * time.Millisecond).Truncate(time.Millisecond)
}

func (t *trader) schedule(at time.Time, apply func(at time.Time) error) {
	t.pending = append(t.pending, fill{at, apply})
	slices.SortStableFunc(t.pending, func(a, b fill) int { return a.at.Compare(b.at) })
}

// execute executes what is due.
func (t *trader) execute(now time.Time) error {
	for len(t.pending) > 0 && !t.pending[0].at.After(now) {
		due := t.pending[0]
		t.pending = t.pending[1:]
		if err := due.apply(due.at); err != nil {
			return err
		}
	}
	return nil
}

// order is an entry that a model decided on. Prices are ticks.
type order struct {
	short      bool
	size       int64
	leverage   int64
	confidence float64
	risk       int64
	plan       exitPlan
}

// enter opens a position.
func (t *trader) enter(coin int, o order, at time.Time) error {
	c := &t.market.coins[coin]
	price := t.market.at(coin, at)
	p := &position{
		coin: c, short: o.short, size: o.size, quantity: c.size(o.size),
		entryPrice: price, entryTime: at, entryFee: fee(c.micros(price, o.size), takerRate),
		leverage: o.leverage, confidence: o.confidence, risk: o.risk, plan: o.plan,
		entryOid: orderID(t.r, t.options.Start, at), tpOid: -1, slOid: -1, entryTid: tid(t.r),
	}
	p.oid = p.entryOid
	if o.plan != (exitPlan{}) && !chance(t.r, 15) {
		p.tpOid = p.entryOid + between(t.r, int64(1000), int64(30_000))
		p.slOid = p.tpOid + between(t.r, int64(1000), int64(30_000))
		p.oid = p.slOid
	}
	t.open[coin] = p
	row, err := p.row(price)
	if err != nil {
		return err
	}
	t.openings = append(t.openings, Opening{ModelID: t.id, Position: row})
	return nil
}

// after is what a trade left behind.
type after struct {
	remaining *wire.Position     // nil where the position is closed
	equity    *wire.AccountTotal // of every fourth trade
}

// leave closes a position or a part of it.
func (t *trader) leave(coin int, x exit, at time.Time) error {
	p := t.open[coin]
	x.at = at
	x.price = t.market.at(coin, at)
	trade, net := p.close(t.r, t.id, x)
	t.realized += net
	var a after
	if p.size == 0 {
		t.open[coin] = nil
	} else {
		row, err := p.row(x.price)
		if err != nil {
			return err
		}
		a.remaining = &row
	}
	since := at.Sub(t.options.Start)
	if t.closed%4 == 1 && since%time.Hour != 0 { // a marker has its own row
		_, row, err := t.total(int(since/time.Hour), at)
		if err != nil {
			return err
		}
		row.SinceInceptionMinuteMarker = wire.Some(int64(since / time.Minute))
		a.equity = &row
	}
	t.closed++
	t.trades = append(t.trades, trade)
	t.afters = append(t.afters, a)
	return nil
}

// equity returns the worth of the account in micro-dollars, and its unrealized part.
func (t *trader) equity(now time.Time) (equity, unrealized int64) {
	equity = navMicros + t.realized
	for i, p := range t.open {
		if p != nil {
			unrealized += p.unrealized(t.market.at(i, now))
			equity -= p.entryFee
		}
	}
	return equity + unrealized, unrealized
}

// cash returns what is not bound as margin, in micro-dollars.
func (t *trader) cash(now time.Time) int64 {
	cash, _ := t.equity(now)
	for _, p := range t.open {
		if p != nil {
			cash -= p.margin()
		}
	}
	return cash
}

// endHour writes the equity row of an hour.
func (t *trader) endHour(hour int, marker time.Time) error {
	if err := t.execute(marker); err != nil {
		return err
	}
	equity, _ := t.equity(marker)
	t.returns.Add(usd(equity))
	positions, row, err := t.total(hour, marker)
	if err != nil {
		return err
	}
	row.SinceInceptionMinuteMarker = wire.Some(int64(hour*60) + t.r.Int64N(3))
	t.last = positions
	t.rows = append(t.rows, row)
	t.held = append(t.held, len(positions))
	return nil
}

// total returns the open positions at a moment of an hour and the equity row
// of that moment, without its minute.
func (t *trader) total(hour int, at time.Time) (map[string]wire.Position, wire.AccountTotal, error) {
	positions := map[string]wire.Position{}
	for i, p := range t.open {
		if p == nil {
			continue
		}
		row, err := p.row(t.market.at(i, at))
		if err != nil {
			return nil, wire.AccountTotal{}, err
		}
		positions[p.coin.symbol] = row
	}
	raw, err := wire.Marshal(positions)
	if err != nil {
		return nil, wire.AccountTotal{}, err
	}
	equity, unrealized := t.equity(at)
	sharpe := wire.Null[float64]()
	if hour >= 2 { // as on the live site
		sharpe = wire.Some(t.returns.Sharpe())
	}
	gain := math.Round(float64(equity-navMicros) / navMicros * 1e6)
	return positions, wire.AccountTotal{
		ID:                         wire.Some(t.id + "_" + strconv.Itoa(hour)),
		ModelID:                    t.id,
		Timestamp:                  wire.Seconds(at),
		DollarEquity:               usd(equity),
		RealizedPnl:                wire.Some(usd(t.realized)),
		TotalUnrealizedPnl:         wire.Some(usd(unrealized)),
		CumPnlPct:                  wire.Some(decimal(int64(gain), 4)),
		SharpeRatio:                sharpe,
		SinceInceptionHourlyMarker: int64(hour),
		Positions:                  raw,
	}, nil
}

// account returns the inception of the account.
func (t *trader) account() wire.SinceInception {
	return wire.SinceInception{
		ID:                wire.Some(uuid(t.options.stream("account", t.id))),
		ModelID:           t.id,
		NavSinceInception: usd(navMicros),
		InceptionDate:     wire.Seconds(t.inception),
		NumInvocations:    wire.Some(int64(len(t.decisions))),
	}
}

// competitorFacts are what the leaderboard needs of the account.
func (t *trader) competitorFacts() analytics.Competitor {
	hourly := []float64{usd(navMicros)}
	for i := range t.rows {
		hourly = append(hourly, t.rows[i].DollarEquity)
	}
	return analytics.Competitor{
		ID: t.id, NAV: usd(navMicros), Newest: &t.rows[len(t.rows)-1],
		Trades: analytics.Tally(t.trades), HourlyEquities: hourly,
	}
}

// byExit orders trades as they happened.
func byExit(a, b wire.Trade) int {
	return cmp.Or(cmp.Compare(a.ExitTime, b.ExitTime), cmp.Compare(a.ID, b.ID))
}
