package repository

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"nof0/entities"
)

// folded is what the facts of one position come to.
type folded struct {
	row *entities.Position // nil where no fact says that it was open
	// openAt and openSeen are ObservedAt and SeenAt of the newest fact that says
	// how much is open.
	openAt, openSeen time.Time
	// gone says that the row was found closed without a time.
	gone bool
	last *entities.PositionFact // in the order of times
	// remarks say of fills, by trade, what they did not close.
	remarks map[string]string
}

// fold returns what facts of one position come to in the order of their times.
// It is a pure function of the set: the order of facts does not matter.
func fold(facts []*entities.PositionFact) folded {
	ordered := slices.Clone(facts)
	slices.SortFunc(ordered, compareFacts)
	f := folded{remarks: make(map[string]string)}
	for _, fact := range ordered {
		if fact.Kind != entities.FactStatement || !outdated(fact, facts) {
			f.take(fact)
		}
		f.see(fact)
	}
	if len(ordered) > 0 {
		f.last = ordered[len(ordered)-1]
	}
	return f
}

// take takes in the next fact in the order of times.
func (f *folded) take(fact *entities.PositionFact) {
	switch {
	case fact.Kind == entities.FactFill:
		f.fill(fact)
	case fact.Kind == entities.FactAdjustment && f.row != nil && f.row.ClosedAt != nil:
		// Fills know when a position has ended.
	default:
		f.total(fact)
	}
}

func (f *folded) see(fact *entities.PositionFact) {
	if f.row != nil && fact.SeenAt.After(f.row.StatedAt) {
		f.row.StatedAt = fact.SeenAt
	}
}

// goOn takes in one fact more. It reports false where that takes folding anew: it
// knows only of fills that come after everything else.
func (f *folded) goOn(fact *entities.PositionFact) bool {
	if fact.Kind != entities.FactFill || f.last == nil || compareFacts(f.last, fact) >= 0 {
		return false
	}
	f.ownRow()
	f.take(fact)
	f.see(fact)
	f.last = fact
	return true
}

// ownRow puts a copy in the place of a row that others have got.
func (f *folded) ownRow() {
	if f.row != nil {
		row := *f.row
		f.row = &row
	}
}

// outdated reports whether a statement is older than a fact without a time of
// its own that arrived later, and stands after it in the order of fills.
func outdated(statement *entities.PositionFact, facts []*entities.PositionFact) bool {
	return slices.ContainsFunc(facts, func(o *entities.PositionFact) bool {
		return o.Kind != entities.FactFill && o.Kind != entities.FactStatement &&
			o.ObservedAt.Before(statement.ObservedAt) && !o.SeenAt.Before(statement.ObservedAt)
	})
}

// compareFacts is the order of a position's facts: the opening, then by time.
// Facts of one time: fills by id, those that say what they leave after the
// others and from much to little; then adjustments, what was found, statements,
// and at last what has no time of its own.
func compareFacts(a, b *entities.PositionFact) int {
	if opening := cmp.Compare(openingRank(a), openingRank(b)); opening != 0 {
		return opening
	}
	return cmp.Or(
		cmp.Compare(a.ObservedAt.UnixMicro(), b.ObservedAt.UnixMicro()),
		cmp.Compare(tieRank(a), tieRank(b)),
		-cmp.Compare(remainder(a), remainder(b)),
		strings.Compare(a.Ref, b.Ref),
	)
}

func openingRank(f *entities.PositionFact) int {
	if f.Kind == entities.FactOpening {
		return 0
	}
	return 1
}

func tieRank(f *entities.PositionFact) int {
	switch {
	case f.Kind == entities.FactFill && f.State == nil:
		return 0
	case f.Kind == entities.FactFill:
		return 1
	case f.Kind == entities.FactAdjustment && f.Ref != f.PositionID:
		return 2
	case f.Kind == entities.FactStatement:
		return 3
	case f.Kind == entities.FactFound:
		return 4
	}
	return 5
}

// remainder is the size that a fill says it leaves.
func remainder(f *entities.PositionFact) float64 {
	if f.Kind != entities.FactFill {
		return 0
	}
	if state := stateOf(f); state != nil {
		return math.Abs(state.Quantity)
	}
	return 0
}

// total takes over a fact that says how much is open.
func (f *folded) total(fact *entities.PositionFact) {
	next := stateOf(fact)
	if next == nil {
		return
	}
	opened, statedAt := next.OpenedQuantity, time.Time{}
	if f.row != nil {
		opened, statedAt = f.row.OpenedQuantity, f.row.StatedAt
	}
	if fact.Kind != entities.FactStatement && fact.Kind != entities.FactFound {
		size := math.Abs(next.Quantity)
		if opened != nil {
			size = max(size, *opened)
		}
		opened = &size
	}
	f.gone = fact.Kind == entities.FactFound && next.Status == entities.PositionClosed && next.ClosedAt == nil
	if fact.Kind != entities.FactFound {
		next.ClosedAt = nil
	}
	if f.row != nil && next.EntryTime == nil {
		next.EntryTime = f.row.EntryTime
	}
	next.OpenedQuantity, next.StatedAt = opened, statedAt
	f.row, f.openAt, f.openSeen = next, fact.ObservedAt, fact.SeenAt
}

// fill closes the position, or a part of it.
func (f *folded) fill(fact *entities.PositionFact) {
	left := stateOf(fact)
	if left != nil && f.row != nil && math.Abs(left.Quantity) < smallest(f.row, fact.SizeStep) {
		left = nil // the noise of whoever subtracts doubles
	}
	if left != nil && (f.row != nil || fact.EntryTime == nil || left.EntryTime != nil) {
		f.total(fact)
		return
	}
	quantity := 0.0
	if fact.Quantity != nil {
		quantity = *fact.Quantity
	}
	remark := func(format string, args ...any) { f.remarks[fact.Ref] = fmt.Sprintf(format, args...) }
	switch {
	case f.row == nil:
		remark("no position matched: nothing is known to be open under this entry order")
	case math.Signbit(f.row.Quantity) != math.Signbit(quantity):
		remark("no position matched: what is open under this entry order is on the other side")
	case f.row.ClosedAt != nil && fact.State == nil:
		remark("the fill exceeds what was open by %s: the position had been closed at %s",
			shortest(math.Abs(quantity)), f.row.ClosedAt.UTC().Format(time.RFC3339Nano))
	case f.row.ClosedAt != nil: // closed already, and nothing is left
	default:
		left, excess := 0.0, 0.0
		if fact.State == nil {
			left, excess = reduce(f.row, quantity, fact.SizeStep)
		}
		if excess > 0 {
			remark("the fill exceeds what was open by %s", shortest(excess))
		}
		f.reduceTo(left, fact.ObservedAt)
	}
}

func (f *folded) reduceTo(left float64, at time.Time) {
	next := *f.row
	f.row = &next
	if left == 0 {
		next.ClosedAt = &at
		return
	}
	if next.Margin != nil {
		margin := *next.Margin * left / next.Quantity
		next.Margin = &margin
	}
	if next.CurrentPrice != nil {
		unrealized := (*next.CurrentPrice - next.EntryPrice) * left
		next.UnrealizedPnl = &unrealized
	}
	next.Quantity = left
}

// noise is the part of an opening below which what is left of it is the noise
// of doubles: −6.9752 + 2.4952 + 4.4799999999999995 is not 0.
const noise = 1e-9

// reduce returns what is left of a position, 0 where it is closed: when less
// than half a size step is left, nothing but noise, or more was closed than
// was open. Excess is the size by which it was more.
func reduce(p *entities.Position, quantity float64, sizeStep *float64) (left, excess float64) {
	left, _ = decimal.NewFromFloat(p.Quantity).Sub(decimal.NewFromFloat(quantity)).Float64()
	switch {
	case math.Abs(left) < smallest(p, sizeStep) || left == 0:
		return 0, 0
	case math.Signbit(left) != math.Signbit(p.Quantity):
		return 0, math.Abs(left)
	}
	return left, 0
}

// smallest is the size below which nothing of a position is left.
func smallest(p *entities.Position, sizeStep *float64) float64 {
	size := noise * openedOf(p)
	if sizeStep != nil {
		size = max(size, *sizeStep/2)
	}
	return size
}

// openedOf is the largest size that a position is known to have had.
func openedOf(p *entities.Position) float64 {
	if p.OpenedQuantity != nil {
		return *p.OpenedQuantity
	}
	return math.Abs(p.Quantity)
}

func shortest(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// stateOf is the position that a fact states, nil where it states none. The
// facts of a book have been read before.
func stateOf(f *entities.PositionFact) *entities.Position {
	if f.State == nil || bytes.Equal(f.State, []byte("null")) {
		return nil
	}
	p, err := readState(f)
	if err != nil {
		panic(err)
	}
	return p
}

// readState reads the position that a fact states, which may have been changed by
// hand.
func readState(f *entities.PositionFact) (*entities.Position, error) {
	p := new(entities.Position)
	if err := json.Unmarshal(f.State, p); err != nil { //nolint:musttag // members are named as the fields are
		return nil, fmt.Errorf("position_facts: the state of %s %q of model %s cannot be read: %w", f.Kind, f.Ref, f.ModelID, err)
	}
	p.ModelID, p.ID, p.Provider, p.Symbol = f.ModelID, f.PositionID, f.Provider, f.Symbol
	return p, nil
}

// stateJSON is the State of a fact.
func stateJSON(p entities.Position) entities.JSON {
	p.Timestamps = entities.Timestamps{}
	raw, err := json.Marshal(p) //nolint:musttag // members are named as the fields are
	if err != nil {
		panic(fmt.Sprintf("position %s cannot be rendered: %v", p.ID, err)) // finite numbers, and JSON that was read
	}
	return raw
}
