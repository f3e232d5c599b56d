package season

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"nof0/internal/wire"
)

// PlanOptions say what the plan of a season holds beside what happened.
type PlanOptions struct {
	// Analytics adds the metrics of every competitor, as the last events.
	Analytics bool
}

// Plan returns the life of the season as events: who takes part, then prices,
// openings, trades, decisions and equity as they happen. Every hour the open
// positions are stated anew beside the equity. Once all of it is taken in, the
// store is what the season is; beside the hourly equity it holds the snapshots
// that came along with trades.
func (s *Season) Plan(o PlanOptions) *Plan {
	setUp, happenings, first := s.setUp(), s.happenings(o), 0
	if since := s.options.Since; !since.IsZero() {
		setUp = nil
		happenings = slices.DeleteFunc(happenings, func(h happening) bool { return h.at.Before(since) })
		for first < s.Minutes() && s.minute(first).Before(since) {
			first++
		}
	}
	length := len(setUp) + (s.Minutes()-first)*len(s.market.coins)
	for i := range happenings {
		length += happenings[i].items
	}
	return &Plan{
		name:   fmt.Sprintf("season %+v %+v", s.options, o),
		length: length,
		events: func(yield func(Event, error) bool) {
			put := func(e Event, err error) bool { return yield(e, err) && err == nil }
			for i := range setUp {
				if !put(setUp[i].render()) {
					return
				}
			}
			// The price of a minute comes before what is done at it.
			minute := first
			for i := range happenings {
				for ; minute < s.Minutes() && !s.minute(minute).After(happenings[i].at); minute++ {
					if !put(newEvents(KindPrices, "", s.minute(minute), s.Prices(minute))) {
						return
					}
				}
				if !put(happenings[i].render()) {
					return
				}
			}
		},
	}
}

// minute is when a minute of the season begins.
func (s *Season) minute(n int) time.Time {
	return s.options.Start.Add(time.Duration(n) * time.Minute)
}

// rank orders what happens to a model at one moment: what an order filled
// stands before what is stated of it.
type rank int

const (
	rankTrade rank = iota
	rankOpening
	rankAdjustment
	rankTotal
	rankDecision
	rankMetrics
)

// happening is an event that is yet to be rendered.
type happening struct {
	at     time.Time
	rank   rank
	model  string
	items  int
	render func() (Event, error)
}

// setUp lists who takes part.
func (s *Season) setUp() []happening {
	var all []happening
	at := s.options.Start
	for i := range s.market.coins {
		all = append(all, happening{render: func() (Event, error) { return symbolEvent(&s.market.coins[i], at) }})
	}
	for i := range s.accounts {
		all = append(all, happening{render: func() (Event, error) { return modelEvent(at, s.accounts[i]) }})
	}
	return all
}

// happenings lists what happened, but for the prices, in order.
func (s *Season) happenings(o PlanOptions) []happening {
	var all []happening
	for _, t := range s.traders {
		all = append(all, t.happenings()...)
	}
	if o.Analytics {
		docs := s.Analytics()
		for i := range docs {
			all = append(all, happening{s.End(), rankMetrics, docs[i].ModelID, 1, func() (Event, error) {
				return newEvent(KindAnalytics, docs[i].ModelID, s.End(), &docs[i])
			}})
		}
	}
	slices.SortStableFunc(all, func(a, b happening) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.rank, b.rank), cmp.Compare(a.model, b.model))
	})
	return all
}

// happenings lists what happened to one model.
func (t *trader) happenings() []happening {
	var all []happening
	add := func(at time.Time, rank rank, items int, render func() (Event, error)) {
		all = append(all, happening{at, rank, t.id, items, render})
	}
	for i := range t.openings {
		p := &t.openings[i].Position
		at := wire.Time(p.EntryTime.Or(0))
		add(at, rankOpening, 1, func() (Event, error) { return positionEvent(t.id, at, *p) })
	}
	r := t.options.stream("closingForms", t.id)
	for i := range t.trades {
		at, form := wire.Time(t.trades[i].ExitTime), closingForm(r.IntN(int(closingForms)))
		add(at, rankTrade, 1, func() (Event, error) { return tradeEvent(at, t.trades[i], t.afters[i], form) })
	}
	for i := range t.decisions {
		d := &t.decisions[i]
		at := wire.Time(d.InsertedAt.Or(d.Timestamp))
		add(at, rankDecision, 1, func() (Event, error) { return newEvent(KindDecisions, t.id, at, d) })
	}
	for i := range t.rows {
		row := &t.rows[i]
		at := wire.Time(row.Timestamp)
		if t.held[i] > 0 {
			add(at, rankAdjustment, t.held[i], func() (Event, error) { return adjustmentEvent(at, row) })
		}
		add(at, rankTotal, 1, func() (Event, error) { return newEvent(KindEquity, t.id, at, row) })
	}
	return all
}

// adjustmentEvent states the open positions as an equity row has them.
func adjustmentEvent(at time.Time, row *wire.AccountTotal) (Event, error) {
	stated, err := row.ModelPositions()
	if err != nil {
		return Event{}, err
	}
	items := make([]positionItem, 0, len(stated.Positions))
	for _, symbol := range slices.Sorted(maps.Keys(stated.Positions)) {
		items = append(items, positionItem{row.ModelID, stated.Positions[symbol]})
	}
	return newEvents(KindPositions, row.ModelID, at, items)
}
