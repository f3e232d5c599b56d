package analytics

import (
	"cmp"

	"nof0/internal/wire"
)

// place is where a decision stands in the order of decisions.
type place struct {
	Timestamp float64 `json:"timestamp"` // unix seconds
	ID        string  `json:"id"`
}

func (p place) compare(o place) int {
	return cmp.Or(cmp.Compare(p.Timestamp, o.Timestamp), cmp.Compare(p.ID, o.ID))
}

// decisionTotals are all that the fields over decisions follow from. Decisions
// are added in the order of their time.
type decisionTotals struct {
	Count   int64        `json:"count"`
	Last    *place       `json:"last"` // the last that was added
	Newest  newest       `json:"newest"`
	Signals signalTotals `json:"signals"`

	// The gaps between decisions, in seconds, and their extremes.
	Gaps     Stats `json:"gaps"`
	Shortest int64 `json:"shortest"` // microseconds
	Longest  int64 `json:"longest"`  // microseconds

	// States has every coin that was named, with its open entry signal, "" when
	// it is flat. The minutes of a gap go to the states before it.
	States      map[string]string `json:"states"`
	AllMicros   int64             `json:"all_micros"` // of one coin
	LongMicros  int64             `json:"long_micros"`
	ShortMicros int64             `json:"short_micros"`
}

// begin makes a decision that is counted elsewhere the one before the first.
func (t *decisionTotals) begin(at place) { t.Last = &at }

// recall learns the states of coins from a decision that is counted elsewhere.
func (t *decisionTotals) recall(d *wire.Decision) { t.enter(signalsOf(d.LlmResponse)) }

func (t *decisionTotals) add(d *wire.Decision) {
	t.pass(d.Timestamp)
	t.Count++
	t.Last = &place{d.Timestamp, d.ID}
	t.Newest.add(d.ID, d.Timestamp)
	signals := signalsOf(d.LlmResponse)
	for _, s := range signals {
		t.Signals.add(s)
	}
	t.enter(signals)
}

// pass lets the time until a decision go by.
func (t *decisionTotals) pass(until float64) {
	if t.Last == nil {
		return
	}
	us := microsBetween(t.Last.Timestamp, until)
	var v value
	v.setMicros(us)
	if t.Gaps.Count() == 0 {
		t.Shortest, t.Longest = us, us
	}
	t.Gaps.add(&v)
	t.Shortest, t.Longest = min(t.Shortest, us), max(t.Longest, us)

	t.AllMicros += us
	for _, state := range t.States {
		switch state {
		case SignalLong:
			t.LongMicros += us
		case SignalShort:
			t.ShortMicros += us
		}
	}
}

// enter brings coins to the states that signals put them into.
func (t *decisionTotals) enter(signals []signal) {
	if t.States == nil {
		t.States = map[string]string{}
	}
	for _, s := range signals {
		t.States[s.coin] = stateAfter(t.States[s.coin], s.word)
	}
}

// stateAfter is the state of a coin after a signal.
func stateAfter(state, word string) string {
	switch word {
	case SignalLong, SignalShort:
		return word
	case SignalClose:
		return ""
	}
	return state
}

// micros returns the microseconds by state. Coins of the arena that were never named
// were flat all along.
func (t *decisionTotals) micros(symbols []string) (long, short, flat int64) {
	coins := int64(len(t.States))
	for _, s := range symbols {
		if _, named := t.States[s]; !named {
			coins++
		}
	}
	return t.LongMicros, t.ShortMicros, t.AllMicros*coins - t.LongMicros - t.ShortMicros
}

// fill reports whether the medians are known.
func (t *decisionTotals) fill(doc *Document, symbols []string) bool {
	known := t.Signals.fill(doc)
	long, short, flat := t.micros(symbols)
	doc.Signals.setMinutes(float64(long), float64(short), float64(flat), microsPerMinute)
	doc.Invocation = Invocation{
		NumInvocations:         t.Count,
		MinInvocationBreakMins: minutes(t.Shortest),
		MaxInvocationBreakMins: minutes(t.Longest),
	}
	doc.decisionSpreads(t).set()
	if t.Newest.ID != "" {
		doc.LastConvoTimestamp = wire.Some(t.Newest.Timestamp)
		doc.LastConvoDocID = wire.Some(t.Newest.ID)
	}
	return known
}
