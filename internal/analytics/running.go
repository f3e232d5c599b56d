package analytics

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"nof0/internal/wire"
)

// Errors of a Running.
var (
	// ErrLate says that a decision is older than one that was added before: how
	// the time between decisions was spent depends on their order. A Running of
	// all decisions in order takes its place.
	ErrLate = errors.New("a decision came after a newer one")
	// ErrMedianLost says that a median has moved past the values that were kept
	// around it. A Running of all facts takes its place.
	ErrMedianLost = errors.New("a median has moved past the values that were kept")
)

// Origin is where a Running starts. The zero value starts before the first
// trade and the first decision, and ends with all of them.
type Origin struct {
	// Imported is a document of another source that counted trades or decisions
	// that are not known here; nil where there is none. Where the history of
	// either is partial, it begins with what Imported counted up to its last one,
	// and what is added counts from there on.
	Imported         *Document `json:"imported,omitzero"`
	PartialTrades    bool      `json:"partial_trades,omitzero"`
	PartialDecisions bool      `json:"partial_decisions,omitzero"`
}

// Running are the metrics of one model so far. A trade or a decision is added
// in constant time, however many went before; the result is that of Compute
// over all of them. It is kept between runs as JSON, whose size is bounded. Get
// one from NewRunning or from JSON; it must not be copied after use.
type Running struct {
	s runningState
}

// runningState is what is kept of a Running.
type runningState struct {
	Origin    Origin         `json:"origin"`
	Trades    tradeTotals    `json:"trades"`
	Decisions decisionTotals `json:"decisions"`
	First     *place         `json:"first,omitzero"` // decision that is known, counted here or in Imported

	// Of all that were offered, counted here or in Imported.
	TradesSeen    int64  `json:"trades_seen"`
	DecisionsSeen int64  `json:"decisions_seen"`
	LastTrade     *place `json:"last_trade,omitzero"`
	// Of those, what Imported has counted.
	TradesElsewhere    int64  `json:"trades_elsewhere,omitzero"`
	DecisionsElsewhere int64  `json:"decisions_elsewhere,omitzero"`
	LastDecision       *place `json:"last_decision,omitzero"`
}

// NewRunning returns the metrics before the first trade and decision.
func NewRunning(o Origin) *Running {
	r := &Running{s: runningState{Origin: o}}
	if at, partial := r.importedDecisions(); partial {
		r.s.Decisions.begin(place{at, o.Imported.LastConvoDocID.Or("")})
	}
	return r
}

// importedTrades returns up to which exit time Imported has counted trades.
func (r *Running) importedTrades() (until float64, partial bool) {
	if !r.s.Origin.PartialTrades {
		return 0, false
	}
	trades, _ := r.s.Origin.Imported.CountedUntil()
	return trades.Get()
}

// importedDecisions returns up to which time Imported has counted decisions.
func (r *Running) importedDecisions() (until float64, partial bool) {
	if !r.s.Origin.PartialDecisions {
		return 0, false
	}
	_, decisions := r.s.Origin.Imported.CountedUntil()
	return decisions.Get()
}

// AddTrade adds a trade. Trades may come in any order.
func (r *Running) AddTrade(t *wire.Trade) {
	r.s.TradesSeen++
	switch at := (place{t.ExitTime, t.ID}); {
	case r.s.LastTrade == nil:
		r.s.LastTrade = &place{at.Timestamp, at.ID}
	case at.compare(*r.s.LastTrade) > 0:
		*r.s.LastTrade = at
	}
	if until, partial := r.importedTrades(); partial && t.ExitTime <= until {
		r.s.TradesElsewhere++
		return
	}
	r.s.Trades.add(t)
}

// AddDecision adds a decision. They come in the order of their time, those of
// the same time in that of their ids; ErrLate refuses another.
func (r *Running) AddDecision(d *wire.Decision) error {
	at := place{d.Timestamp, d.ID}
	if r.s.LastDecision != nil && at.compare(*r.s.LastDecision) <= 0 {
		return fmt.Errorf("%w: %s", ErrLate, d.ID)
	}
	r.s.LastDecision = &at
	r.s.DecisionsSeen++
	if r.s.First == nil {
		r.s.First = &at
	}
	if until, partial := r.importedDecisions(); partial && d.Timestamp <= until {
		r.s.DecisionsElsewhere++
		r.s.Decisions.recall(d)
		return nil
	}
	r.s.Decisions.add(d)
	return nil
}

// Outgrown reports whether a history that was partial has become whole since: a
// Running from another Origin takes its place.
func (r *Running) Outgrown() bool {
	o := r.s.Origin
	return o.PartialTrades && r.s.TradesElsewhere >= o.Imported.OverallTradesOverview.TotalTrades ||
		o.PartialDecisions && r.s.DecisionsElsewhere >= o.Imported.Invocation.NumInvocations
}

// Seen returns how many trades and decisions were added.
func (r *Running) Seen() (trades, decisions int64) { return r.s.TradesSeen, r.s.DecisionsSeen }

// LastTrade returns exit time and id of the trade that is last by these two; ok
// is false before the first.
func (r *Running) LastTrade() (exit float64, id string, ok bool) { return partsOf(r.s.LastTrade) }

// LastDecision returns time and id of the decision that was added last; ok is
// false before the first.
func (r *Running) LastDecision() (timestamp float64, id string, ok bool) {
	return partsOf(r.s.LastDecision)
}

func partsOf(p *place) (timestamp float64, id string, ok bool) {
	if p == nil {
		return 0, "", false
	}
	return p.Timestamp, p.ID, true
}

// MarshalJSONTo implements json.MarshalerTo. What a Running was made of is not in
// it, and of the values around a median some are forgotten, also in r.
func (r *Running) MarshalJSONTo(enc *jsontext.Encoder) error { return json.MarshalEncode(enc, &r.s) }

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (r *Running) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	r.s = runningState{}
	return json.UnmarshalDecode(dec, &r.s)
}

// Document returns the metrics as they stand, ErrMedianLost where a median is
// no longer known. Symbols are the coins of the arena, as in Input.
func (r *Running) Document(model string, symbols []string, updatedAt time.Time) (Document, error) {
	doc := Document{ID: model, ModelID: model}
	if !updatedAt.IsZero() {
		doc.UpdatedAt = wire.Some(wire.Seconds(updatedAt))
	}
	symbols = slices.Compact(slices.Sorted(slices.Values(symbols)))
	tradesKnown := r.s.Trades.fill(&doc)
	decisionsKnown := r.s.Decisions.fill(&doc, symbols)
	o := r.s.Origin
	if o.PartialTrades {
		doc.advanceTrades(o.Imported, &r.s.Trades)
		tradesKnown = true // those of Imported stay
	}
	if o.PartialDecisions {
		doc.advanceDecisions(o.Imported, &r.s.Decisions)
		decisionsKnown = true
	}
	c := Coverage{Whole: !o.PartialDecisions, TradesWhole: !o.PartialTrades}
	if at := r.s.First; at != nil {
		c.FirstDecisionID, c.FirstDecisionTimestamp = wire.Some(at.ID), wire.Some(at.Timestamp)
	}
	if o.Imported != nil && (o.PartialTrades || o.PartialDecisions) {
		c.AdvancedFrom = o.Imported.UpdatedAt
	}
	doc.Coverage = wire.Some(c)
	if !tradesKnown || !decisionsKnown {
		return doc, ErrMedianLost
	}
	return doc, nil
}

// chronological returns the decisions by time, then id.
func chronological(decisions []wire.Decision) []*wire.Decision {
	sorted := make([]*wire.Decision, len(decisions))
	for i := range decisions {
		sorted[i] = &decisions[i]
	}
	slices.SortFunc(sorted, func(a, b *wire.Decision) int {
		return cmp.Or(cmp.Compare(a.Timestamp, b.Timestamp), cmp.Compare(a.ID, b.ID))
	})
	return sorted
}
