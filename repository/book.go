package repository

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"nof0/entities"
)

// Opening is a position as an item of positions states it.
type Opening struct {
	// Position is what is open; StatedAt is when it arrived.
	Position entities.Position
	// ObservedAt is the item's own time, nil where it has none.
	ObservedAt *time.Time
	// Window is Fill.Window.
	Window time.Duration
}

// Applied is what became of one item.
type Applied struct {
	Outcome Outcome
	// Reason says why the outcome is a Conflict.
	Reason string
	// Detail says of an accepted item what a reader would not expect, "" where
	// there is nothing.
	Detail string
	// Positions are those that have changed, as they now are.
	Positions []*entities.Position
	// Equity is what became of the equity snapshot that came along, "" without.
	Equity Outcome
}

func conflictf(format string, args ...any) Applied {
	return Applied{Outcome: Conflict, Reason: fmt.Sprintf(format, args...)}
}

// Book applies the rules of open positions, which are those of Trading, to
// positions that are kept outside of the database.
type Book struct{ book *book }

// NewBook returns the book of some positions, open and closed ones, with their
// facts. A position that its facts do not come to is taken as it was found, and
// one that facts mention and that is not among positions as closed.
func NewBook(positions []entities.Position, facts []entities.PositionFact) *Book {
	b := newBook()
	for i := range facts {
		b.add(&facts[i])
	}
	loaded := make([]*entities.Position, len(positions))
	for i := range positions {
		loaded[i] = &positions[i]
		b.load(loaded[i])
	}
	b.adopt(loaded, nil)
	for key := range b.facts {
		row := b.fold(key).row
		if row == nil {
			continue
		}
		row.Status = entities.PositionClosed
		if stored := b.positions[key]; stored != nil {
			row.Status = stored.Status
		}
		b.load(row)
	}
	b.forgetChanges()
	return &Book{b}
}

// Adjust opens a position or changes the open one of its id.
func (b *Book) Adjust(o Opening) Applied { return b.book.adjust(o) }

// Fill does to the position of a fill what the fill says.
func (b *Book) Fill(f *Fill) Applied { return b.book.fill(f) }

// FillAgain takes in what a known fill says remains, where it had not said so.
func (b *Book) FillAgain(f *Fill) Applied { return b.book.fillAgain(f) }

// FactsOf returns the facts of the positions of a model, by position.
func (b *Book) FactsOf(model string) map[string][]entities.PositionFact {
	of := make(map[string][]entities.PositionFact)
	for key, facts := range b.book.facts {
		if key.model != model {
			continue
		}
		for _, f := range slices.SortedFunc(maps.Values(facts), compareFacts) {
			of[key.id] = append(of[key.id], *f)
		}
	}
	return of
}

// positionKey is the identity of a position.
type positionKey struct{ model, id string }

func keyOf(p *entities.Position) positionKey { return positionKey{p.ModelID, p.ID} }

// slot is where at most one position may be open.
type slot struct{ model, provider, symbol string }

func slotOf(p *entities.Position) slot { return slot{p.ModelID, p.Provider, p.Symbol} }

// factKey is the identity of a fact.
type factKey struct{ model, kind, ref string }

func factKeyOf(f *entities.PositionFact) factKey { return factKey{f.ModelID, f.Kind, f.Ref} }

// book is the positions that a batch changes with their facts, as they will be
// after it.
type book struct {
	positions  map[positionKey]*entities.Position
	slots      map[slot]map[positionKey]bool
	facts      map[positionKey]map[factKey]*entities.PositionFact
	statements map[string]*entities.Account // with the newest statement of a model

	changed map[positionKey]bool
	order   []positionKey // of the changes
	fresh   map[factKey]*entities.PositionFact
	folds   map[positionKey]*folded // of facts, so that a fill more costs a step

	asked  map[positionKey]bool // those that were read
	wanted []entities.Position  // those whose place is to be read
}

func newBook() *book {
	return &book{
		positions:  make(map[positionKey]*entities.Position),
		slots:      make(map[slot]map[positionKey]bool),
		facts:      make(map[positionKey]map[factKey]*entities.PositionFact),
		statements: make(map[string]*entities.Account),
		changed:    make(map[positionKey]bool),
		fresh:      make(map[factKey]*entities.PositionFact),
		folds:      make(map[positionKey]*folded),
		asked:      make(map[positionKey]bool),
	}
}

// load takes in a stored position.
func (b *book) load(p *entities.Position) {
	b.positions[keyOf(p)] = p
	if b.slots[slotOf(p)] == nil {
		b.slots[slotOf(p)] = make(map[positionKey]bool)
	}
	b.slots[slotOf(p)][keyOf(p)] = true
}

// forget takes out a position that no fact mentions, and returns it as it was: nil
// where facts do, or there is none.
func (b *book) forget(key positionKey) *entities.Position {
	p := b.positions[key]
	if p == nil || b.fold(key).row != nil {
		return nil
	}
	delete(b.positions, key)
	delete(b.slots[slotOf(p)], key)
	return p
}

// beside lists the positions in the place of another, which is left out.
func (b *book) beside(p *entities.Position) (others []*entities.Position) {
	for key := range b.slots[slotOf(p)] {
		if key.id != p.ID {
			others = append(others, b.positions[key])
		}
	}
	return others
}

// add takes in a fact in place of the one of its identity.
func (b *book) add(f *entities.PositionFact) {
	key := positionKey{f.ModelID, f.PositionID}
	if b.facts[key] == nil {
		b.facts[key] = make(map[factKey]*entities.PositionFact)
	}
	known := b.facts[key][factKeyOf(f)] != nil
	if at := b.folds[key]; at != nil && (known || !at.goOn(f)) {
		delete(b.folds, key)
	}
	b.facts[key][factKeyOf(f)] = f
	b.fresh[factKeyOf(f)] = f
}

// drop takes a fact out.
func (b *book) drop(f *entities.PositionFact) {
	key := positionKey{f.ModelID, f.PositionID}
	delete(b.facts[key], factKeyOf(f))
	delete(b.folds, key)
}

func (b *book) forgetChanges() {
	clear(b.changed)
	clear(b.fresh)
	b.order = nil
}

func (b *book) fact(key positionKey, kind, ref string) *entities.PositionFact {
	return b.facts[key][factKey{key.model, kind, ref}]
}

// fold folds the facts of a position together with others. The row is the
// caller's.
func (b *book) fold(key positionKey, more ...*entities.PositionFact) folded {
	if len(more) > 0 {
		return fold(slices.AppendSeq(more, maps.Values(b.facts[key])))
	}
	if b.folds[key] == nil {
		b.folds[key] = new(fold(slices.Collect(maps.Values(b.facts[key]))))
	}
	f := *b.folds[key]
	f.ownRow()
	return f
}

// adopt makes facts of each position that is not what its facts come to: somebody
// who keeps none has written it. Fills are the stored trades of such positions of
// which no fact is kept.
func (b *book) adopt(positions []*entities.Position, fills map[positionKey][]*entities.PositionFact) {
	for _, p := range positions {
		if !b.isExplained(p, b.fold(keyOf(p)).row) && !b.adoptFills(p, fills[keyOf(p)]) {
			b.adoptRow(p)
		}
	}
}

// isExplained reports whether a position is what facts come to.
func (b *book) isExplained(p, folded *entities.Position, except ...string) bool {
	return folded != nil && sameRow(p, folded, append(except, "Status", "StatedAt", "OpenedQuantity")...)
}

// adoptFills makes facts of fills where they explain a position: with the facts
// that are known, or, where none is, with the size before the first of them.
func (b *book) adoptFills(p *entities.Position, fills []*entities.PositionFact) bool {
	if len(fills) == 0 {
		return false
	}
	if len(b.facts[keyOf(p)]) > 0 {
		if !b.isExplained(p, b.fold(keyOf(p), fills...).row) {
			return false
		}
	} else {
		slices.SortFunc(fills, compareFacts)
		if last := fills[len(fills)-1]; p.ClosedAt != nil {
			last.State = entities.JSON("null") // it is known to have closed the position
		}
		fills = append(fills, foundBefore(p, fills))
		row := fold(fills).row
		if !b.isExplained(p, row, "Margin", "UnrealizedPnl") {
			return false
		}
		if !sameContent(p, row) { // in the last digit, of what was scaled twice
			row.Status = p.Status
			b.put(row)
		}
	}
	for _, f := range fills {
		b.add(f)
	}
	return true
}

// foundBefore is a position as it must have been found before fills, in the order
// of time, made it what it is.
func foundBefore(p *entities.Position, fills []*entities.PositionFact) *entities.PositionFact {
	size, before := decimal.NewFromFloat(p.Quantity), *p
	if p.ClosedAt != nil {
		fills = fills[:len(fills)-1] // which has left the size as it was
	}
	for _, f := range fills {
		size = size.Add(decimal.NewFromFloat(*f.Quantity))
	}
	before.Quantity, _ = size.Float64()
	before.ClosedAt, before.Status = nil, entities.PositionOpen
	if p.Margin != nil {
		margin := *p.Margin * before.Quantity / p.Quantity
		before.Margin = &margin
	}
	found := factOf(&before, entities.FactFound, p.ID)
	found.SeenAt = p.StatedAt
	if p.EntryTime != nil {
		found.ObservedAt = *p.EntryTime
	}
	return found
}

// adoptRow takes a position as it is found.
func (b *book) adoptRow(p *entities.Position) {
	found := factOf(p, entities.FactFound, p.ID)
	found.ObservedAt, found.SeenAt = b.foundAt(p), p.StatedAt
	if account := b.statements[p.ModelID]; account != nil && account.StatementAt != nil &&
		p.Status == entities.PositionOpen && account.StatementAt.After(found.SeenAt) {
		found.SeenAt = *account.StatementAt // which has left it open
	}
	b.add(found)
}

// foundAt is where a position that was found stands among its fills: after
// those that are known. What is not known comes on top, unless an import stated
// the position or a fill had closed it.
func (b *book) foundAt(p *entities.Position) time.Time {
	var at time.Time
	if p.EntryTime != nil {
		at = *p.EntryTime
	}
	if p.OpenedQuantity == nil && p.StatedAt.After(at) {
		at = p.StatedAt
	}
	if p.ClosedAt != nil && p.ClosedAt.After(at) {
		at = *p.ClosedAt
	}
	return newerOf(at, b.newestFact(keyOf(p)))
}

func newerOf(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// newestFact is the time of the newest fact of a position.
func (b *book) newestFact(key positionKey) (at time.Time) {
	for _, f := range b.facts[key] {
		at = newerOf(at, f.ObservedAt)
	}
	return at
}

func factOf(p *entities.Position, kind, ref string) *entities.PositionFact {
	return &entities.PositionFact{
		ModelID: p.ModelID, PositionID: p.ID, Provider: p.Provider, Symbol: p.Symbol,
		Kind: kind, Ref: ref, State: stateJSON(*p),
	}
}

// sameContent reports whether two rows say the same of a position, apart from
// what facts decide.
func sameContent(a, b *entities.Position) bool {
	return sameRow(a, b, "Status", "StatedAt", "ClosedAt", "OpenedQuantity")
}

// adjust opens a position or changes the open one of its id.
func (b *book) adjust(o Opening) Applied {
	p := &o.Position
	key := keyOf(p)
	if o.ObservedAt != nil && (p.EntryTime == nil || !sameTime(o.ObservedAt, p.EntryTime)) {
		return b.adjustAt(p, *o.ObservedAt)
	}
	opening, found := b.fact(key, entities.FactOpening, p.ID), b.fact(key, entities.FactFound, p.ID)
	for _, stated := range []*entities.PositionFact{opening, found} {
		if stated != nil && sameContent(stateOf(stated), p) {
			return Applied{Outcome: Unchanged}
		}
	}
	switch {
	case opening == nil && found == nil && (p.EntryTime != nil || b.positions[key] == nil):
		return b.open(p, o.Window)
	case o.ObservedAt != nil:
		return conflictf("the opening of this position is stored with other content; a later change has a time of its own")
	}
	return b.restate(p)
}

// open takes in the opening of a position. What is known of it already, and
// what came after it in its place, decides what has become of it.
func (b *book) open(p *entities.Position, window time.Duration) Applied {
	f := factOf(p, entities.FactOpening, p.ID)
	f.ObservedAt, f.SeenAt = time.Unix(0, 0).UTC(), p.StatedAt
	if p.EntryTime != nil {
		f.ObservedAt, f.SeenAt = *p.EntryTime, *p.EntryTime
	}
	claimed := b.claims(p, window)
	if with := b.fold(keyOf(p), append(claimed, f)...); with.row.ClosedAt == nil {
		if other := b.inTheWay(with.row, with); other != nil {
			return inTheWayOf(other)
		}
	}
	a := Applied{Outcome: Inserted}
	if b.positions[keyOf(p)] != nil {
		a.Outcome = Updated
	}
	b.add(f)
	b.claim(p, claimed)
	a.Positions = b.refold(keyOf(p))
	for _, fact := range claimed {
		a.Positions = append(a.Positions, b.refold(positionKey{fact.ModelID, fact.PositionID})...)
	}
	if len(a.Positions) == 0 {
		a.Outcome = Unchanged
	}
	now := b.positions[keyOf(p)]
	switch {
	case now.ClosedAt != nil:
		a.Detail = "a fill had closed it at " + now.ClosedAt.UTC().Format(time.RFC3339Nano)
	case now.Status == entities.PositionClosed:
		a.Detail = noLongerOpen
	default:
		for _, other := range a.Positions {
			if other.ID != now.ID && other.Status == entities.PositionClosed && other.ClosedAt == nil && slotOf(other) == slotOf(now) {
				a.Detail = fmt.Sprintf("position %s was open in its place: it counts as closed, at a time that its fill will state", other.ID)
			}
		}
	}
	return a
}

const noLongerOpen = "the position is no longer open: what is newer says so"

func inTheWayOf(other *entities.Position) Applied {
	return conflictf("another position of this model, provider and symbol is open: %s", other.ID)
}

// adjustAt takes in a position as it was at a time.
func (b *book) adjustAt(p *entities.Position, at time.Time) Applied {
	key := keyOf(p)
	f := factOf(p, entities.FactAdjustment, p.ID+"@"+strconv.FormatInt(at.UnixMicro(), 10))
	f.ObservedAt, f.SeenAt = at, at
	if stored := b.fact(key, f.Kind, f.Ref); stored != nil {
		if sameContent(stateOf(stored), p) {
			return Applied{Outcome: Unchanged}
		}
		return conflictf("this position is stored for the same time with other content")
	}
	if with := b.fold(key, f); with.row.ClosedAt == nil && with.openAt.Equal(at) {
		if other := b.inTheWay(with.row, with); other != nil {
			return inTheWayOf(other)
		}
	}
	a := Applied{Outcome: Inserted}
	if b.positions[key] != nil {
		a.Outcome = Updated
	}
	b.add(f)
	if a.Positions = b.refold(key); len(a.Positions) == 0 {
		a.Outcome, a.Detail = Unchanged, "it is kept; what is newer says how the position is now"
	}
	return a
}

// restate takes in a position without a time: it is later than all that is
// known, and earlier than what is not.
func (b *book) restate(p *entities.Position) Applied {
	key := keyOf(p)
	stored := b.positions[key]
	if stored != nil && stored.ClosedAt != nil {
		return conflictf("this position has been closed; reopening takes an entry order of its own")
	}
	f := factOf(p, entities.FactAdjustment, p.ID)
	f.ObservedAt, f.SeenAt = b.newestFact(key), p.StatedAt
	if other := b.inTheWay(p, folded{openAt: f.ObservedAt}); other != nil {
		return inTheWayOf(other)
	}
	if b.isReplaced(p, f.ObservedAt) {
		return conflictf("a later position of this model, provider and symbol has been opened")
	}
	if stored != nil && stored.Status == entities.PositionOpen && sameContent(stored, p) {
		return Applied{Outcome: Unchanged}
	}
	b.add(f)
	return Applied{Outcome: Updated, Positions: b.refold(key)}
}

// fill adds the fact of a fill and does to its position what follows. Its
// outcome is Inserted or Conflict.
func (b *book) fill(f *Fill) Applied {
	if f.Remaining == RemainingElsewhere {
		return Applied{Outcome: Inserted}
	}
	id, conflict := b.match(f)
	if conflict != "" {
		return Applied{Outcome: Conflict, Reason: conflict}
	}
	t := &f.Trade
	fact := &entities.PositionFact{
		ModelID: t.ModelID, PositionID: id, Provider: t.Provider, Symbol: t.Symbol,
		Kind: entities.FactFill, Ref: t.ID, ObservedAt: t.ExitTime, SeenAt: t.ExitTime, Quantity: &t.Quantity,
	}
	if f.SizeStep > 0 {
		fact.SizeStep = &f.SizeStep
	}
	if f.Unnamed {
		fact.EntryTime = f.entered()
	}
	fact.State = f.remainder(id)
	b.add(fact)
	key := positionKey{t.ModelID, id}
	a := Applied{Outcome: Inserted, Positions: b.refold(key), Detail: b.fold(key).remarks[t.ID]}
	if p := b.positions[key]; a.Detail == "" && p != nil && p.Status == entities.PositionClosed && p.ClosedAt == nil {
		a.Detail = noLongerOpen
	}
	return a
}

// fillAgain takes in what a fill says remains whose trade is known: the first to
// say so counts. Its outcome is Unchanged or Conflict. A trade of which no fact is
// kept, such as an imported one, moves no position.
func (b *book) fillAgain(f *Fill) Applied {
	a := Applied{Outcome: Unchanged}
	identity := factKey{f.Trade.ModelID, entities.FactFill, f.Trade.ID}
	for key, facts := range b.facts {
		stored := facts[identity]
		if stored == nil || !f.saysRemaining() {
			continue
		}
		if stored.State != nil {
			if !sameRemainder(stored, f) {
				return conflictf("this fill is stored with another remaining position")
			}
			continue
		}
		next := *stored
		if id, conflict := b.match(f); f.Unnamed && f.Left != nil && f.Left.EntryTime != nil && conflict == "" {
			next.PositionID, next.EntryTime = id, f.Left.EntryTime // which names the opening better
		}
		next.State = f.remainder(next.PositionID)
		b.drop(stored)
		b.add(&next)
		a.Positions, a.Detail = b.refold(key), "the trade was known; what remains of its position was not"
		if next.PositionID != key.id {
			a.Positions = append(a.Positions, b.refold(positionKey{key.model, next.PositionID})...)
		}
		return a
	}
	return a
}

// sameRemainder reports whether the fact of a fill says that the same remains as
// the fill does.
func sameRemainder(fact *entities.PositionFact, f *Fill) bool {
	stored, said := stateOf(fact), f.Left
	if stored == nil || f.Remaining != RemainingLeft {
		return stored == nil && f.Remaining == RemainingNone
	}
	left := *said
	left.ModelID, left.ID, left.Provider, left.Symbol = stored.ModelID, stored.ID, stored.Provider, stored.Symbol
	return sameContent(stored, &left)
}

// state takes in a statement of the open positions of an account. Where it is
// the newest, the account's place among statements says so already.
func (b *book) state(account *entities.Account, positions []entities.Position, asOf time.Time) (outcomes []Outcome, closed int64, err error) {
	outcomes = make([]Outcome, len(positions))
	listed, before := make(map[string]bool), make(map[positionKey]*entities.Position)
	places := make(map[slot]string)
	for i := range positions {
		p := &positions[i]
		if other, twice := places[slotOf(p)]; twice && other != p.ID {
			return nil, 0, fmt.Errorf("%s and %s are stated to be open at once, of one model, provider and symbol", other, p.ID)
		}
		places[slotOf(p)] = p.ID
		listed[p.ID], before[keyOf(p)] = true, b.positions[keyOf(p)]
		stored := b.fact(keyOf(p), entities.FactStatement, p.ID)
		f := factOf(p, entities.FactStatement, p.ID)
		f.ObservedAt, f.SeenAt = asOf, asOf
		switch {
		case stored == nil || stored.ObservedAt.Before(asOf):
			b.add(f)
		case stored.ObservedAt.After(asOf):
			outcomes[i] = Superseded
		case !sameContent(stateOf(stored), p):
			outcomes[i] = Conflict
		}
	}
	for key, p := range b.positions {
		if p.Status == entities.PositionOpen && p.Provider == account.Provider && !listed[p.ID] {
			b.refold(key)
			if b.positions[key].Status == entities.PositionClosed {
				closed++
			}
		}
	}
	for i := range positions {
		key := keyOf(&positions[i])
		b.refold(key)
		if outcomes[i] == "" {
			outcomes[i] = statementOutcome(before[key], b.positions[key], asOf)
		}
	}
	return outcomes, closed, nil
}

// statementOutcome is what a statement has come to for a position.
func statementOutcome(before, after *entities.Position, asOf time.Time) Outcome {
	switch {
	case before == nil:
		return Inserted
	case !sameRow(before, after, "StatedAt"):
		return Updated
	case asOf.Before(before.StatedAt):
		return Superseded
	}
	return Unchanged
}

// takeOver takes in positions as another store kept them, with facts of theirs.
func (b *book) takeOver(account *entities.Account, positions []entities.Position, facts []entities.PositionFact, asOf time.Time) (outcomes []Outcome, closed int64) {
	listed := make(map[string]*entities.Position)
	before := maps.Clone(b.positions)
	for i := range positions {
		listed[positions[i].ID] = &positions[i]
	}
	touched := make(map[positionKey]bool)
	for i := range facts {
		b.add(&facts[i])
		touched[positionKey{account.ModelID, facts[i].PositionID}] = true
	}
	for key, p := range before {
		if p.Status == entities.PositionOpen && p.Provider == account.Provider && listed[p.ID] == nil {
			b.refold(key)
			if b.positions[key].Status == entities.PositionOpen {
				gone := *b.positions[key]
				gone.Status = entities.PositionClosed
				b.find(&gone, asOf)
			}
			closed++
		}
		delete(touched, key)
	}
	for key := range touched {
		if listed[key.id] == nil {
			b.refold(key)
			if p := b.positions[key]; p != nil && p.Status == entities.PositionOpen {
				gone := *p
				gone.Status = entities.PositionClosed
				b.find(&gone, asOf)
			}
		}
	}
	for i := range positions {
		p := &positions[i]
		key := keyOf(p)
		b.refold(key)
		if now := b.positions[key]; now == nil || now.Status != entities.PositionOpen || !sameContent(now, p) {
			if now != nil {
				p.OpenedQuantity = now.OpenedQuantity
			}
			b.find(p, asOf)
		}
		outcomes = append(outcomes, statementOutcome(before[key], b.positions[key], asOf))
	}
	return outcomes, closed
}

// find takes a position as it was found at a time, whatever its facts say.
func (b *book) find(p *entities.Position, asOf time.Time) {
	found := factOf(p, entities.FactFound, p.ID)
	found.ObservedAt, found.SeenAt = b.foundAt(p), newerOf(asOf, p.StatedAt)
	for _, other := range b.beside(p) {
		if other.EntryTime != nil && p.Status == entities.PositionOpen {
			found.ObservedAt = newerOf(found.ObservedAt, *other.EntryTime)
		}
	}
	b.add(found)
	b.refold(keyOf(p))
}

// refold brings a position, and what it takes the place of, to what its facts
// come to. It returns those that have changed.
func (b *book) refold(key positionKey) (changed []*entities.Position) {
	f := b.fold(key)
	if f.row == nil {
		return nil
	}
	f.row.Status = entities.PositionClosed
	if f.row.ClosedAt == nil && !f.gone && !b.isUnlisted(f) && !b.isReplaced(f.row, f.openAt) && b.inTheWay(f.row, f) == nil {
		f.row.Status = entities.PositionOpen
		for _, other := range b.openBeside(f.row) {
			closed := *other
			closed.Status = entities.PositionClosed
			changed = append(changed, b.put(&closed))
		}
	}
	if old := b.positions[key]; old == nil || !sameRow(old, f.row) {
		changed = append(changed, b.put(f.row))
	}
	return changed
}

// isUnlisted reports whether a statement that does not list a position is newer
// than all that says it is open.
func (b *book) isUnlisted(f folded) bool {
	account := b.statements[f.row.ModelID]
	return account != nil && account.StatementAt != nil && account.Provider == f.row.Provider &&
		f.openSeen.Before(*account.StatementAt)
}

// isReplaced reports whether another position was opened in the place of one
// that is known to have been open at a time, later than that.
func (b *book) isReplaced(p *entities.Position, openAt time.Time) bool {
	if p.EntryTime == nil {
		return false
	}
	return slices.ContainsFunc(b.beside(p), func(other *entities.Position) bool {
		return other.EntryTime != nil && other.EntryTime.After(openAt)
	})
}

// inTheWay is the open position in the place of another that it cannot be distinguished
// to have ended before it; nil where there is none.
func (b *book) inTheWay(p *entities.Position, f folded) *entities.Position {
	if b.isReplaced(p, f.openAt) {
		return nil
	}
	for _, other := range b.openBeside(p) {
		if p.EntryTime == nil || other.EntryTime == nil || !b.fold(keyOf(other)).openAt.Before(*p.EntryTime) {
			return other
		}
	}
	return nil
}

// openBeside lists the open positions in the place of another.
func (b *book) openBeside(p *entities.Position) []*entities.Position {
	return slices.DeleteFunc(b.beside(p), func(other *entities.Position) bool { return other.Status != entities.PositionOpen })
}

// put notes a position to be written and returns it.
func (b *book) put(p *entities.Position) *entities.Position {
	key := keyOf(p)
	if !b.changed[key] {
		b.changed[key] = true
		b.order = append(b.order, key)
	}
	b.load(p)
	return p
}

// match finds the position of a fill. One without an order id is of the opening
// of its side that was entered within Fill.Window of it; of several, of the one
// that was as large and open at the time of the fill. Where that is not one,
// conflict names them.
func (b *book) match(f *Fill) (id, conflict string) {
	t := &f.Trade
	if !f.Unnamed || b.positions[positionKey{t.ModelID, f.PositionID}] != nil {
		return f.PositionID, ""
	}
	var candidates, fitting []string
	for key := range b.slots[slot{t.ModelID, t.Provider, t.Symbol}] {
		p := b.positions[key]
		if !couldClose(t.Quantity, *f.entered(), t.ExitTime, p, f.Window) {
			continue
		}
		candidates = append(candidates, key.id)
		if math.Abs(t.Quantity) <= openedOf(p)*(1+noise) && (p.ClosedAt == nil || !p.ClosedAt.Before(t.ExitTime)) {
			fitting = append(fitting, key.id)
		}
	}
	switch {
	case len(candidates) == 0:
		return f.PositionID, ""
	case len(candidates) == 1:
		return candidates[0], ""
	case len(fitting) == 1:
		return fitting[0], ""
	}
	slices.Sort(candidates)
	return "", "the fill has no order id and could close any of " + strings.Join(candidates, ", ") +
		"; send it with entry_oid, or with the entry_time of its opening"
}

// couldClose reports whether a position is on the side of a fill without an
// order id and was entered within a window of it and not after its exit, or is open
// and has neither a time nor an order id.
func couldClose(quantity float64, entered, exited time.Time, p *entities.Position, window time.Duration) bool {
	if math.Signbit(p.Quantity) != math.Signbit(quantity) {
		return false
	}
	if p.EntryTime == nil {
		return p.Status == entities.PositionOpen && (p.EntryOid == nil || *p.EntryOid <= 0)
	}
	return p.EntryTime.Sub(entered).Abs() <= window && !p.EntryTime.After(exited)
}

// claims lists the fills without an order id that arrived before an opening
// and are of nothing else that is known, or have exactly its entry time.
func (b *book) claims(p *entities.Position, window time.Duration) (claimed []*entities.PositionFact) {
	if p.EntryTime == nil {
		return nil
	}
	for key, facts := range b.facts {
		if key == keyOf(p) || key.model != p.ModelID {
			continue
		}
		for _, f := range facts {
			if f.EntryTime == nil || f.Provider != p.Provider || f.Symbol != p.Symbol {
				continue
			}
			if f.EntryTime.Equal(*p.EntryTime) || b.positions[key] == nil && couldClose(*f.Quantity, *f.EntryTime, f.ObservedAt, p, window) {
				claimed = append(claimed, f)
			}
		}
	}
	return claimed
}

// claim makes fills those of a position.
func (b *book) claim(p *entities.Position, claimed []*entities.PositionFact) {
	for _, f := range claimed {
		b.drop(f)
		next := *f
		next.PositionID = p.ID
		b.add(&next)
	}
}
