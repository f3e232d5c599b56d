package repository

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/shopspring/decimal"
	"gorm.io/gorm"

	"nof0/entities"
)

// Trading changes several aggregates of a model together: a fill closes or
// reduces a position, adds a trade and may bring an equity snapshot. It works
// inside a transaction that holds the accounts of all models concerned (see
// Accounts.Lock), so that what it read is still true when it writes.
//
// Every method decides first and writes then: a refused item has changed
// nothing, and the others of the batch go through.
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
	// PositionID is the opening that the trade closes, or closes a part of.
	PositionID string
	// Left is the position after the trade, for RemainingLeft.
	Left *entities.Position
	// SizeStep is the smallest quantity step of the symbol in coins, 0 where it
	// is not known.
	SizeStep float64
	Equity   *entities.AccountEquitySnapshot
}

// Applied is what became of one item.
type Applied struct {
	Outcome Outcome
	// Reason says why the outcome is a Conflict.
	Reason string
	// Position is the position as it now is, nil where none changed.
	Position *entities.Position
	// EquityInserted says that the equity snapshot was new.
	EquityInserted bool
}

// Fills takes in closing trades in their order. Outcomes stand in the order of
// fills.
func (r Trading) Fills(ctx context.Context, fills []Fill) (applied []Applied, err error) {
	err = r.run(ctx, "trading", "Fills", func(db *gorm.DB) error {
		trades := make([]entities.Trade, len(fills))
		var snapshots []entities.AccountEquitySnapshot
		ids := make([]positionKey, 0, len(fills))
		for i := range fills {
			trades[i] = fills[i].Trade
			ids = append(ids, positionKey{fills[i].Trade.ModelID, fills[i].PositionID})
			if fills[i].Equity != nil {
				snapshots = append(snapshots, *fills[i].Equity)
			}
		}
		knownTrades, err := openFacts(db, trades)
		if err != nil {
			return err
		}
		knownEquity, err := openFacts(db, snapshots)
		if err != nil {
			return err
		}
		book, err := openBook(db, ids)
		if err != nil {
			return err
		}
		applied = make([]Applied, len(fills))
		for i := range fills {
			applied[i] = fill(&fills[i], knownTrades, knownEquity, book)
		}
		if err := knownTrades.write(db); err != nil {
			return err
		}
		if err := addStats(db, knownTrades.fresh, true); err != nil {
			return err
		}
		if err := knownEquity.write(db); err != nil {
			return err
		}
		return book.write(db)
	})
	return applied, err
}

// Stored reports whether all of the trades are stored as they are given: Fills
// would leave each of them Unchanged. It needs no transaction, since a trade that
// is stored stays so.
func (r Trading) Stored(ctx context.Context, trades []entities.Trade) (stored bool, err error) {
	err = r.run(ctx, "trading", "Stored", func(db *gorm.DB) error {
		known, err := openFacts(db, trades)
		if err != nil {
			return err
		}
		stored = true
		for i := range trades {
			stored = stored && known.look(&trades[i]) == Unchanged
		}
		return nil
	})
	return stored, err
}

// fill decides one fill and notes what is to be written.
func fill(f *Fill, trades *facts[entities.Trade], equity *facts[entities.AccountEquitySnapshot], book *book) Applied {
	switch trades.look(&f.Trade) {
	case Unchanged:
		return Applied{Outcome: Unchanged}
	case Conflict:
		return Applied{Outcome: Conflict, Reason: "a trade of this id is stored with other content; a trade never changes once seen"}
	}
	if f.Equity != nil && equity.look(f.Equity) == Conflict {
		return Applied{Outcome: Conflict, Reason: "an equity snapshot of this model and time is stored with other content"}
	}
	position, conflict := book.close(f)
	if conflict != "" {
		return Applied{Outcome: Conflict, Reason: conflict}
	}
	a := Applied{Outcome: Inserted, Position: position}
	trades.add(&f.Trade)
	if f.Equity != nil && equity.look(f.Equity) == Inserted {
		equity.add(f.Equity)
		a.EquityInserted = true
	}
	return a
}

// Adjust opens positions or changes open ones, in their order. A second open
// position of the same model, provider and symbol is a Conflict, and so is one
// that has been closed: reopening makes a new position with an entry order of
// its own.
func (r Trading) Adjust(ctx context.Context, positions []entities.Position) (applied []Applied, err error) {
	err = r.run(ctx, "trading", "Adjust", func(db *gorm.DB) error {
		ids := make([]positionKey, len(positions))
		for i := range positions {
			ids[i] = positionKey{positions[i].ModelID, positions[i].ID}
		}
		book, err := openBook(db, ids)
		if err != nil {
			return err
		}
		applied = make([]Applied, len(positions))
		for i := range positions {
			applied[i] = book.adjust(&positions[i])
		}
		return book.write(db)
	})
	return applied, err
}

// positionKey is the identity of a position.
type positionKey struct{ model, id string }

// slot is where at most one position may be open.
type slot struct{ model, provider, symbol string }

// book is the positions that a batch concerns, as they will be after it.
type book struct {
	positions map[positionKey]*entities.Position
	open      map[slot]positionKey
	changed   map[positionKey]bool
	order     []positionKey // of the changes
}

// openBook loads the open positions of the models, and those of the given ids
// whatever their state.
func openBook(db *gorm.DB, ids []positionKey) (*book, error) {
	b := &book{
		positions: make(map[positionKey]*entities.Position),
		open:      make(map[slot]positionKey),
		changed:   make(map[positionKey]bool),
	}
	if len(ids) == 0 {
		return b, nil
	}
	models := make(map[string]bool)
	pairs := make([][]any, len(ids))
	for i, id := range ids {
		models[id.model] = true
		pairs[i] = []any{id.model, id.id}
	}
	names := make([]string, 0, len(models))
	for m := range models {
		names = append(names, m)
	}
	var open, named []entities.Position
	if err := db.Where("model_id IN ?", names).Where(isOpen).Find(&open).Error; err != nil {
		return nil, err
	}
	if err := db.Where("(model_id, id) IN ?", pairs).Find(&named).Error; err != nil {
		return nil, err
	}
	for _, list := range [][]entities.Position{named, open} {
		for i := range list {
			p := &list[i]
			b.positions[positionKey{p.ModelID, p.ID}] = p
			if p.Status == entities.PositionOpen {
				b.open[slotOf(p)] = positionKey{p.ModelID, p.ID}
			}
		}
	}
	return b, nil
}

func slotOf(p *entities.Position) slot { return slot{p.ModelID, p.Provider, p.Symbol} }

// adjust opens a position or changes the open one of its id.
func (b *book) adjust(p *entities.Position) Applied {
	key := positionKey{p.ModelID, p.ID}
	stored := b.positions[key]
	if conflict := b.conflict(p, stored); conflict != "" {
		return Applied{Outcome: Conflict, Reason: conflict}
	}
	next := *p
	next.Status = entities.PositionOpen
	opened := math.Abs(p.Quantity)
	if stored == nil {
		next.OpenedQuantity = &opened
		return Applied{Outcome: Inserted, Position: b.put(&next)}
	}
	if stored.OpenedQuantity != nil {
		opened = max(opened, *stored.OpenedQuantity)
	}
	next.OpenedQuantity = &opened
	if sameRow(stored, &next, "StatedAt", "OpenedQuantity") {
		return Applied{Outcome: Unchanged}
	}
	return Applied{Outcome: Updated, Position: b.put(&next)}
}

// conflict says why a position may not be open.
func (b *book) conflict(p, stored *entities.Position) string {
	if stored != nil && stored.Status == entities.PositionClosed && stored.ClosedAt != nil {
		return "this position has been closed; reopening takes an entry order of its own"
	}
	if other, taken := b.open[slotOf(p)]; taken && other.id != p.ID {
		return fmt.Sprintf("another position of this model, provider and symbol is open: %s", other.id)
	}
	return ""
}

// close does to the position of a fill what the fill says. It returns nil
// where there is no such position: then only the trade is recorded.
func (b *book) close(f *Fill) (changed *entities.Position, conflict string) {
	if f.Remaining == RemainingElsewhere {
		return nil, ""
	}
	key := positionKey{f.Trade.ModelID, f.PositionID}
	stored := b.positions[key]
	if f.Remaining == RemainingLeft {
		a := b.adjust(f.Left)
		return a.Position, a.Reason
	}
	if stored == nil || stored.Status != entities.PositionOpen {
		return nil, ""
	}
	next := *stored
	next.StatedAt = f.Trade.ExitTime
	left := 0.0
	if f.Remaining == RemainingReduce {
		left = reduce(stored, f.Trade.Quantity, f.SizeStep)
	}
	if left == 0 {
		next.Status = entities.PositionClosed
		next.ClosedAt = &f.Trade.ExitTime
		return b.put(&next), ""
	}
	if stored.Margin != nil {
		margin := *stored.Margin * left / stored.Quantity
		next.Margin = &margin
	}
	if stored.CurrentPrice != nil {
		unrealized := (*stored.CurrentPrice - stored.EntryPrice) * left
		next.UnrealizedPnl = &unrealized
	}
	next.Quantity = left
	return b.put(&next), ""
}

// noise is the part of an opening below which what is left of it is the noise
// of doubles: −6.9752 + 2.4952 + 4.4799999999999995 is not 0.
const noise = 1e-9

// reduce returns what is left of a position, 0 where it is closed: when less
// than half a size step is left, nothing but noise, or more was closed than
// was open.
func reduce(p *entities.Position, quantity, sizeStep float64) float64 {
	left, _ := decimal.NewFromFloat(p.Quantity).Sub(decimal.NewFromFloat(quantity)).Float64()
	opened := math.Abs(p.Quantity)
	if p.OpenedQuantity != nil {
		opened = *p.OpenedQuantity
	}
	if math.Abs(left) < max(sizeStep/2, noise*opened) || math.Signbit(left) != math.Signbit(p.Quantity) {
		return 0
	}
	return left
}

// put notes a position to be written and returns it.
func (b *book) put(p *entities.Position) *entities.Position {
	key := positionKey{p.ModelID, p.ID}
	if !b.changed[key] {
		b.changed[key] = true
		b.order = append(b.order, key)
	}
	b.positions[key] = p
	if p.Status == entities.PositionOpen {
		b.open[slotOf(p)] = key
	} else if b.open[slotOf(p)] == key {
		delete(b.open, slotOf(p))
	}
	return p
}

// write stores what has changed, the closed ones first: they make room for
// those that open.
func (b *book) write(db *gorm.DB) error {
	if len(b.order) == 0 {
		return nil
	}
	conflict, err := replaceAll[entities.Position](db)
	if err != nil {
		return err
	}
	for _, status := range []string{entities.PositionClosed, entities.PositionOpen} {
		var rows []entities.Position
		for _, key := range b.order {
			if p := b.positions[key]; p.Status == status {
				rows = append(rows, *p)
			}
		}
		if err := upsert(db, conflict, rows); err != nil {
			return err
		}
	}
	return b.raiseStatements(db)
}

// raiseStatements keeps an import of older statements from setting back what
// has been written here.
func (b *book) raiseStatements(db *gorm.DB) error {
	newest := make(map[string]entities.Position)
	for _, key := range b.order {
		if p := b.positions[key]; p.StatedAt.After(newest[key.model].StatedAt) {
			newest[key.model] = *p
		}
	}
	for model, p := range newest {
		err := db.Model(&entities.Account{}).
			Where("model_id = ? AND (positions_as_of IS NULL OR positions_as_of < ?)", model, p.StatedAt).
			Update("positions_as_of", p.StatedAt).Error
		if err != nil {
			return err
		}
	}
	return nil
}

// facts are the rows of a table that a batch concerns: what is stored, and
// what is to be added.
type facts[T any] struct {
	table *table
	known map[string]*T
	fresh []T
}

func openFacts[T any](db *gorm.DB, rows []T) (*facts[T], error) {
	table, err := tableOf[T](db)
	if err != nil {
		return nil, err
	}
	f := &facts[T]{table: table, known: make(map[string]*T)}
	for at := range slices.Chunk(table.sorted(rows), table.batch) {
		known, err := loadByKey(db, table, rows, at)
		if err != nil {
			return nil, err
		}
		maps.Copy(f.known, known)
	}
	return f, nil
}

// look tells what adding a row would come to: Inserted, Unchanged or Conflict.
func (f *facts[T]) look(row *T) Outcome {
	stored, ok := f.known[f.table.key(row)]
	switch {
	case !ok:
		return Inserted
	case sameRow(stored, row):
		return Unchanged
	}
	return Conflict
}

func (f *facts[T]) add(row *T) {
	f.known[f.table.key(row)] = row
	f.fresh = append(f.fresh, *row)
}

// write inserts what was added.
func (f *facts[T]) write(db *gorm.DB) error {
	for fresh := range slices.Chunk(f.fresh, f.table.batch) {
		inserted, err := insertMissing(db, f.table, fresh)
		if err != nil {
			return err
		}
		if len(inserted) < len(fresh) {
			return errors.New("a fact was stored by somebody else: the account was not locked")
		}
	}
	return nil
}
