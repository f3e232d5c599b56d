package repository

import (
	"context"
	"maps"
	"slices"
	"time"

	"gorm.io/gorm"

	"nof0/entities"
)

// Trading changes several aggregates of a model together: a fill closes or
// reduces a position, adds a trade and may bring an equity snapshot. It works
// inside a transaction that holds the accounts of all models of the batch (see
// Accounts.Lock), so that what it read is still true when it writes.
//
// Every method decides first and writes then: a refused item has changed
// nothing, and the others of the batch go through. What becomes of positions is
// decided by book and fold.
type Trading struct{ base }

// Remaining is what a fill says of the position that it closes.
type Remaining int

// The kinds of Remaining.
const (
	RemainingReduce    Remaining = iota // the position is reduced by the trade's quantity
	RemainingNone                       // nothing is left
	RemainingLeft                       // Fill.Left is left
	RemainingElsewhere                  // positions are kept elsewhere: none is touched
)

// Fill is a closing trade with all that comes along.
type Fill struct {
	Trade     entities.Trade
	Remaining Remaining
	// PositionID is the opening that the trade closes, or closes a part of. An
	// Unnamed fill has no order id: it may be of another opening, entered within
	// Window of it.
	PositionID string
	Unnamed    bool
	Window     time.Duration
	// Left is the position after the trade, for RemainingLeft.
	Left *entities.Position
	// SizeStep is the smallest quantity step of the symbol in coins, 0 where it
	// is not known.
	SizeStep float64
	Equity   *entities.AccountEquitySnapshot
}

// entered is the entry time of the opening as far as a fill states it: what is
// left may know better than the trade.
func (f *Fill) entered() *time.Time {
	if f.Left != nil && f.Left.EntryTime != nil {
		return f.Left.EntryTime
	}
	return &f.Trade.EntryTime
}

// saysRemaining reports whether a fill says what is left of its position.
func (f *Fill) saysRemaining() bool {
	return f.Remaining == RemainingNone || f.Remaining == RemainingLeft
}

// remainder is the State of the fact of a fill of a position.
func (f *Fill) remainder(position string) entities.JSON {
	switch f.Remaining {
	case RemainingNone:
		return entities.JSON("null")
	case RemainingLeft:
		left := *f.Left
		left.ID = position
		return stateJSON(left)
	}
	return nil
}

// Fills takes in closing trades in their order. Outcomes stand in the order of
// fills.
func (r Trading) Fills(ctx context.Context, fills []Fill) (applied []Applied, err error) {
	err = r.run(ctx, "trading", "Fills", func(db *gorm.DB) error {
		r := queries{db: db}
		asked, err := askFills(&r, fills)
		if err != nil {
			return err
		}
		if err := r.run(); err != nil {
			return err
		}
		book, keys := asked.book, asked.keys
		knownTrades, knownEquity := asked.trades(), asked.equity()
		again, err := factsOf(db, fills, func(f *Fill) bool { return f.saysRemaining() && knownTrades.look(&f.Trade) == Unchanged })
		if err != nil {
			return err
		}
		var unsaid []FactRef
		for _, fact := range again {
			if fact != nil && fact.State == nil {
				unsaid = append(unsaid, FactRef{entities.CorrectTrade, fact.ModelID, fact.Ref})
			}
		}
		late, err := newestCorrections(db, unsaid)
		if err != nil {
			return err
		}
		if err := asked.taken(db); err != nil {
			return err
		}
		if err := book.readFills(db, keys, fills, again...); err != nil {
			return err
		}
		applied = make([]Applied, len(fills))
		for i := range fills {
			if fact := again[i]; fact != nil && late[FactRef{entities.CorrectTrade, fact.ModelID, fact.Ref}] != nil {
				applied[i] = Applied{Outcome: Corrected} // what remains is as the operator said: nothing is said of it
				continue
			}
			applied[i] = fill(&fills[i], knownTrades, knownEquity, book)
		}
		if err := knownTrades.write(db); err != nil {
			return err
		}
		if err := addTrades(db, knownTrades.fresh, true); err != nil {
			return err
		}
		if err := knownEquity.write(db); err != nil {
			return err
		}
		return book.write(db)
	})
	return applied, err
}

// FillsAhead asks ahead for what Fills reads first (see queries).
func (r Trading) FillsAhead(ctx context.Context, fills []Fill) error {
	return r.run(ctx, "trading", "FillsAhead", func(db *gorm.DB) error {
		r := queries{db: db}
		if _, err := askFills(&r, fills); err != nil {
			return err
		}
		return r.ahead()
	})
}

// askedFills is what was asked of fills, once it has been read.
type askedFills struct {
	trades func() *facts[entities.Trade]
	equity func() *facts[entities.AccountEquitySnapshot]
	book   *book
	keys   []positionKey
	taken  func(*gorm.DB) error
}

// askFills asks for what is stored of fills and of the positions that they name.
func askFills(r *queries, fills []Fill) (a askedFills, err error) {
	trades := make([]entities.Trade, len(fills))
	var snapshots []entities.AccountEquitySnapshot
	for i := range fills {
		trades[i] = fills[i].Trade
		if fills[i].Equity != nil {
			snapshots = append(snapshots, *fills[i].Equity)
		}
	}
	if a.trades, err = askFacts(r, trades); err != nil {
		return a, err
	}
	if a.equity, err = askFacts(r, snapshots); err != nil {
		return a, err
	}
	a.book = newBook()
	a.keys, a.taken = a.book.askFills(r, fills)
	return a, nil
}

// Stored reports whether fills are stored as they are given, apart from their
// equity snapshots: Fills would leave each of them Unchanged. It needs no
// transaction, since what is stored stays so.
func (r Trading) Stored(ctx context.Context, fills []Fill) (stored bool, err error) {
	err = r.run(ctx, "trading", "Stored", func(db *gorm.DB) error {
		trades := make([]entities.Trade, len(fills))
		for i := range fills {
			trades[i] = fills[i].Trade
		}
		known, err := openFacts(db, trades)
		if err != nil {
			return err
		}
		for i := range trades {
			if known.look(&trades[i]) != Unchanged {
				return nil
			}
		}
		facts, err := factsOf(db, fills, (*Fill).saysRemaining)
		if err != nil {
			return err
		}
		stored = true
		for i := range fills {
			if fills[i].saysRemaining() {
				stored = stored && facts[i] != nil && facts[i].State != nil && sameRemainder(facts[i], &fills[i])
			}
		}
		return nil
	})
	return stored, err
}

// factsOf returns the stored facts of those fills that are wanted, in the order of
// fills, nil where there is none.
func factsOf(db *gorm.DB, fills []Fill, wanted func(*Fill) bool) ([]*entities.PositionFact, error) {
	facts := make([]*entities.PositionFact, len(fills))
	var like []entities.PositionFact
	var at []int
	for i := range fills {
		if wanted(&fills[i]) {
			like = append(like, entities.PositionFact{ModelID: fills[i].Trade.ModelID, Kind: entities.FactFill, Ref: fills[i].Trade.ID})
			at = append(at, i)
		}
	}
	found, err := findAll(db, like)
	for i, fact := range found {
		facts[at[i]] = fact
		if fact != nil && fact.State != nil {
			if _, err := readState(fact); err != nil {
				return nil, err
			}
		}
	}
	return facts, err
}

// fill decides one fill and notes what is to be written. What comes along with
// a trade that is known is decided by its own identity.
func fill(f *Fill, trades *facts[entities.Trade], equity *facts[entities.AccountEquitySnapshot], book *book) Applied {
	a := Applied{Outcome: trades.look(&f.Trade)}
	if a.Outcome == Conflict {
		return conflictf("a trade of this id is stored with other content; a trade never changes once seen")
	}
	if f.Equity != nil {
		if a.Equity = equity.look(f.Equity); a.Equity == Conflict {
			return conflictf("an equity snapshot of this model and time is stored with other content")
		}
	}
	if a.Outcome == Corrected || a.Equity == Corrected {
		return Applied{Outcome: Corrected}
	}
	if a.Outcome == Inserted {
		moved := book.fill(f)
		if moved.Outcome == Conflict {
			return moved
		}
		a.Detail, a.Positions = moved.Detail, moved.Positions
		trades.add(&f.Trade)
	} else {
		again := book.fillAgain(f)
		if again.Outcome == Conflict {
			return again
		}
		a.Detail, a.Positions = again.Detail, again.Positions
	}
	if a.Equity == Inserted {
		equity.add(f.Equity)
	}
	return a
}

// Adjust opens positions or changes open ones, in their order. A position that
// another one is in the way of is a Conflict, and so is one without a time of
// its own that has been closed: reopening makes a new position with an entry
// order of its own.
func (r Trading) Adjust(ctx context.Context, openings []Opening) (applied []Applied, err error) {
	err = r.run(ctx, "trading", "Adjust", func(db *gorm.DB) error {
		book, err := bookOfOpenings(db, openings)
		if err != nil {
			return err
		}
		applied = make([]Applied, len(openings))
		for i := range openings {
			applied[i] = book.adjust(openings[i])
		}
		return book.write(db)
	})
	return applied, err
}

// AdjustAhead asks ahead for what Adjust reads first (see queries).
func (r Trading) AdjustAhead(ctx context.Context, openings []Opening) error {
	return r.run(ctx, "trading", "AdjustAhead", func(db *gorm.DB) error {
		r := queries{db: db}
		keys, symbols := placesOf(openings)
		newBook().ask(&r, keys, symbols...)
		return r.ahead()
	})
}

// Adopt makes facts of what a version that kept none has done to the positions of
// fills.
func (r Trading) Adopt(ctx context.Context, fills []Fill) error {
	return r.run(ctx, "trading", "Adopt", func(db *gorm.DB) error {
		book, err := bookOfFills(db, fills)
		if err != nil {
			return err
		}
		return book.write(db)
	})
}

// FillOf returns what a stored trade said of the position that it closed:
// RemainingElsewhere where no fact is kept of it, so that it moved none.
func (r Trading) FillOf(ctx context.Context, trade entities.Trade) (remaining Remaining, left *entities.Position, err error) {
	remaining = RemainingElsewhere
	err = r.run(ctx, "trading", "FillOf", func(db *gorm.DB) error {
		stored, err := findAll(db, []entities.PositionFact{fillFactOf(trade)})
		if err != nil || stored[0] == nil {
			return err
		}
		switch fact := stored[0]; {
		case fact.State == nil:
			remaining = RemainingReduce
		case string(fact.State) == "null":
			remaining = RemainingNone
		default:
			remaining = RemainingLeft
			left, err = readState(fact)
		}
		return err
	})
	return remaining, left, err
}

// fillFactOf has the identity of the fact of a trade.
func fillFactOf(t entities.Trade) entities.PositionFact {
	return entities.PositionFact{ModelID: t.ModelID, Kind: entities.FactFill, Ref: t.ID}
}

// Unfill takes back what trades did to positions, which are then what their
// other facts come to, and returns those that have changed; one that no other fact
// mentions is deleted, and returned as closed. A trade of which no fact is kept, such
// as an imported one, moved none. The trades themselves stay.
func (r Trading) Unfill(ctx context.Context, trades []entities.Trade) (changed []*entities.Position, err error) {
	err = r.run(ctx, "trading", "Unfill", func(db *gorm.DB) error {
		like := make([]entities.PositionFact, len(trades))
		for i := range trades {
			like[i] = fillFactOf(trades[i])
		}
		stored, err := findAll(db, like)
		if err != nil {
			return err
		}
		stored = slices.DeleteFunc(stored, func(f *entities.PositionFact) bool { return f == nil })
		book := newBook()
		keys, symbols := make([]positionKey, len(stored)), make([]string, len(stored))
		for i, f := range stored {
			keys[i], symbols[i] = positionKey{f.ModelID, f.PositionID}, f.Symbol
		}
		if err := book.read(db, keys, symbols...); err != nil {
			return err
		}
		for _, f := range stored {
			book.drop(f)
			if err := deleteByKey(db, f); err != nil {
				return err
			}
		}
		for _, key := range keys {
			gone := book.forget(key)
			if gone == nil {
				continue
			}
			if err := deleteByKey(db, gone); err != nil {
				return err
			}
			gone.Status = entities.PositionClosed
			changed = append(changed, gone)
			if err := book.readBeside(db, gone); err != nil {
				return err
			}
		}
		if err := book.readSuccessors(db, keys); err != nil {
			return err
		}
		for _, key := range keys {
			changed = append(changed, book.refold(key)...)
		}
		for _, gone := range changed {
			for _, other := range book.beside(gone) {
				changed = append(changed, book.refold(keyOf(other))...)
			}
		}
		return book.write(db)
	})
	return changed, err
}

// Refill does to positions what fills say, as Fills does, and nothing else: for
// trades that are stored and whose facts Unfill has taken back.
func (r Trading) Refill(ctx context.Context, fills []Fill) (applied []Applied, err error) {
	err = r.run(ctx, "trading", "Refill", func(db *gorm.DB) error {
		book, err := bookOfFills(db, fills)
		if err != nil {
			return err
		}
		applied = make([]Applied, len(fills))
		for i := range fills {
			applied[i] = book.fill(&fills[i])
		}
		return book.write(db)
	})
	return applied, err
}

// facts are the rows of a table that a batch changes: what is stored, and
// what is to be added.
type facts[T any] struct {
	table     *table
	known     map[string]*T
	corrected map[string]*entities.Correction
	fresh     []T
}

func openFacts[T any](db *gorm.DB, rows []T) (*facts[T], error) {
	r := queries{db: db}
	open, err := askFacts(&r, rows)
	if err != nil {
		return nil, err
	}
	if err := r.run(); err != nil {
		return nil, err
	}
	return open(), nil
}

// askFacts asks for what is stored of rows, and for what has been corrected, which the
// function then returns.
func askFacts[T any](r *queries, rows []T) (func() *facts[T], error) {
	table, err := tableOf[T](r.db)
	if err != nil {
		return nil, err
	}
	return askFactsAt(r, table, rows, table.sorted(rows)), nil
}

// askFactsAt is askFacts of the rows at the given places.
func askFactsAt[T any](r *queries, table *table, rows []T, places []keyed) func() *facts[T] {
	var chunks []*[]T
	var refs []FactRef
	keys := make(map[FactRef]string)
	for at := range slices.Chunk(places, table.batch) {
		found := new([]T)
		chunks = append(chunks, found)
		query, args := byKey(r.db, table, columnsOf[T](r.db, "found"), rows, at)
		r.find(found, query, args...)
		for _, k := range at {
			if ref, ok := RefOf(&rows[k.at]); ok {
				keys[ref], refs = k.key, append(refs, ref)
			}
		}
	}
	newest := r.corrections(refs)
	return func() *facts[T] {
		f := &facts[T]{table: table, known: make(map[string]*T), corrected: make(map[string]*entities.Correction)}
		for _, found := range chunks {
			maps.Copy(f.known, keyedBy(table, *found))
		}
		for ref, c := range newest() {
			f.corrected[keys[ref]] = c
		}
		return f
	}
}

// factsAhead asks ahead for what is stored of rows and has been corrected of them, which
// insertFacts and askFacts ask for.
func factsAhead[T any](ctx context.Context, r base, repository string, rows []T) error {
	return r.run(ctx, repository, "Ahead", func(db *gorm.DB) error {
		q := queries{db: db}
		if _, err := askFacts(&q, rows); err != nil {
			return err
		}
		return q.ahead()
	})
}

// look says what adding a row would come to: Inserted, Unchanged, Conflict or
// Corrected.
func (f *facts[T]) look(row *T) Outcome {
	stored, ok := f.known[f.table.key(row)]
	switch {
	case ok && sameRow(stored, row):
		return Unchanged
	case f.corrected[f.table.key(row)] != nil:
		return Corrected
	case !ok:
		return Inserted
	}
	return Conflict
}

func (f *facts[T]) add(row *T) {
	f.known[f.table.key(row)] = row
	f.fresh = append(f.fresh, *row)
}

// write inserts what was added, later. None of it is stored by somebody else, since the
// account is locked.
func (f *facts[T]) write(db *gorm.DB) error {
	for fresh := range slices.Chunk(f.fresh, f.table.batch) {
		query, args, err := insertOf(db, f.table, fresh)
		if err != nil {
			return err
		}
		if err := later(db).Exec(query, args...).Error; err != nil {
			return err
		}
	}
	return nil
}
