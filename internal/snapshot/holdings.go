package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/mapping"
	"nof0/internal/wire"
	"nof0/repository"
)

// ledgerName is the file of what positions.json cannot say.
const ledgerName = ".ledger.json"

// Ledger is what the rules of positions need to know beside the open ones, the
// newest of each model last.
type Ledger struct {
	// Applied are the trades that have closed or reduced a position.
	Applied map[string][]string `json:"applied"`
	// Closed are the positions that have been closed.
	Closed map[string][]string `json:"closed"`
}

// LedgerSize is how many of each are kept per model.
const LedgerSize = 2 * arena.RecentTrades

// PutLedger stages the ledger of the directory.
func (e *Editing) PutLedger(l Ledger) error {
	body, err := wire.Marshal(l)
	if err != nil {
		return fmt.Errorf("error rendering %s: %w", ledgerName, err)
	}
	return e.stage(ledgerName, body)
}

func note(list map[string][]string, model, id string) {
	list[model] = append(list[model], id)
	list[model] = list[model][max(0, len(list[model])-LedgerSize):]
}

// holdings are the open positions with the ledger. Of the models that the write
// concerns they are kept as Postgres keeps them, so that the same rules hold.
type holdings struct {
	sheet   *sheet[wire.ModelPositions]
	book    *repository.Book
	open    map[string]map[string]entities.Position // by model, then id
	ledger  Ledger
	changed map[string]bool // models
	noted   bool
}

// openPositions loads the positions of the models of items. Without
// positions.json the newest equity row of each model tells them.
func (d *desk) openPositions(items []any) (*holdings, error) {
	s, err := load(d.Writer, positionsForm())
	if err != nil {
		return nil, err
	}
	if d.held[FileName(Positions, "")] == nil {
		if err := d.positionsFromEquity(s); err != nil {
			return nil, err
		}
	}
	h := &holdings{sheet: s, open: map[string]map[string]entities.Position{}, changed: map[string]bool{}}
	if err := h.readLedger(d.o.Dir); err != nil {
		return nil, err
	}
	var known []entities.Position
	for _, item := range items {
		model := modelOf(item)
		if model == "" || h.open[model] != nil {
			continue
		}
		h.open[model] = map[string]entities.Position{}
		for _, id := range h.ledger.Closed[model] {
			known = append(known, entities.Position{
				ModelID: model, ID: id, Status: entities.PositionClosed, ClosedAt: new(d.o.Now()),
			})
		}
		row := s.get(model)
		if row == nil {
			continue
		}
		for _, p := range row.Positions {
			position := mapping.Position(model, d.o.PrimaryProvider, p)
			position.Status = entities.PositionOpen
			h.open[model][position.ID] = position
			known = append(known, position)
		}
	}
	h.book = repository.NewBook(known)
	return h, nil
}

func modelOf(item any) string {
	switch v := item.(type) {
	case wire.PositionItem:
		return v.ModelID
	case wire.TradeItem:
		return v.Trade.ModelID
	case arena.SizedTrade:
		return v.Trade.ModelID
	}
	return ""
}

func (d *desk) positionsFromEquity(s *sheet[wire.ModelPositions]) error {
	totals, err := load(d.Writer, totalsForm())
	if err != nil {
		return err
	}
	newest := make(map[string]*wire.AccountTotal)
	for _, l := range totals.lines {
		if old := newest[l.value.ModelID]; old == nil || l.value.Timestamp > old.Timestamp {
			newest[l.value.ModelID] = &l.value
		}
	}
	for model, row := range newest {
		open, err := row.OpenPositions()
		if err != nil {
			return err
		}
		if err := s.put(wire.ModelPositions{ModelID: model, Positions: open}); err != nil {
			return err
		}
	}
	s.changed = false
	return nil
}

func (h *holdings) readLedger(dir string) error {
	h.ledger = Ledger{Applied: map[string][]string{}, Closed: map[string][]string{}}
	raw, err := os.ReadFile(filepath.Join(dir, ledgerName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = wire.Unmarshal(raw, &h.ledger)
	}
	if err != nil {
		return fmt.Errorf("error reading %s: %w", ledgerName, err)
	}
	return nil
}

// applied reports whether a trade has changed its position before.
func (h *holdings) applied(t *wire.Trade) bool {
	return slices.Contains(h.ledger.Applied[t.ModelID], t.ID)
}

// keep takes over a position that the book has changed.
func (h *holdings) keep(p *entities.Position) {
	if p == nil {
		return
	}
	h.changed[p.ModelID] = true
	if p.Status == entities.PositionOpen {
		h.open[p.ModelID][p.ID] = *p
		return
	}
	delete(h.open[p.ModelID], p.ID)
	note(h.ledger.Closed, p.ModelID, p.ID)
	h.noted = true
}

// stage stages positions.json and the ledger where they have changed.
func (h *holdings) stage(w *Writer, e *Editing) error {
	if h == nil {
		return nil
	}
	for model := range h.changed {
		row := wire.ModelPositions{ModelID: model}
		if old := h.sheet.get(model); old != nil {
			row = *old
		}
		row.Positions = make(map[string]wire.Position, len(h.open[model]))
		for _, p := range h.open[model] {
			payload, err := mapping.PositionPayload(p)
			if err != nil {
				return err
			}
			row.Positions[p.Symbol] = payload
		}
		if err := h.sheet.put(row); err != nil {
			return err
		}
	}
	if err := stageSheet(w, e, h.sheet); err != nil || !h.noted {
		return err
	}
	return e.PutLedger(h.ledger)
}

// position opens a position or changes the open one of its id.
func (d *desk) position(item wire.PositionItem) (arena.JSONResult, error) {
	if d.positions == nil {
		return outcome(repository.Unchanged), nil
	}
	provider := item.Provider.Or(d.o.PrimaryProvider)
	if refused, yes := d.elsewhere(provider); yes {
		return refused, nil
	}
	row := mapping.Position(item.ModelID, provider, item.Open())
	applied := d.positions.book.Adjust(&row)
	d.positions.keep(applied.Position)
	return arena.JSONResult{Outcome: applied.Outcome, Reason: applied.Reason}, nil
}

// openTrades loads what a fill concerns. The trades are looked at also where
// they are kept elsewhere: one that stands among them has been applied.
func (d *desk) openTrades(items []any) (err error) {
	if d.may(arena.DomainTrades) || d.may(arena.DomainPositions) {
		if d.trades, err = load(d.Writer, tradesForm()); err != nil {
			return err
		}
	}
	if d.may(arena.DomainPositions) {
		if d.positions, err = d.openPositions(items); err != nil {
			return err
		}
	}
	if d.may(arena.DomainAccounts) {
		d.totals, err = load(d.Writer, totalsForm())
	}
	return err
}

// trade adds a trade, closes or reduces its position, and adds the equity row
// that comes along.
func (d *desk) trade(item wire.TradeItem, sizeStep float64) (arena.JSONResult, error) {
	t := &item.Trade
	known := d.trades != nil && d.trades.get(tradeID(t.ModelID, t.ID)) != nil
	if d.may(arena.DomainTrades) {
		if known {
			stored := *d.trades.get(tradeID(t.ModelID, t.ID))
			return d.repeated(sameAs(stored, *t, func(t wire.Trade) entities.Trade { return mapping.Trade(t, d.o.PrimaryProvider) }),
				"a trade of this id is stored with other content; a trade never changes once seen"), nil
		}
		if d.isPastCap(t) {
			return outcome(repository.Superseded), nil
		}
	}
	equity := repository.Unchanged
	if d.totals != nil && item.Equity != nil {
		look := d.lookEquity(item.Equity)
		if isConflict(look) {
			return look, nil
		}
		equity = look.Outcome
	}
	moved, refused := d.closePosition(item, sizeStep, known)
	if refused != "" {
		return conflict("%s", refused), nil
	}
	if d.may(arena.DomainTrades) {
		if err := d.addTrade(*t); err != nil {
			return arena.JSONResult{}, err
		}
	}
	if equity == repository.Inserted {
		if err := d.addEquity(*item.Equity); err != nil {
			return arena.JSONResult{}, err
		}
	}
	if moved || d.may(arena.DomainTrades) || equity == repository.Inserted {
		return outcome(repository.Inserted), nil
	}
	return outcome(repository.Unchanged), nil
}

// closePosition does to the position of a trade what the item says, unless the
// trade has been applied before.
func (d *desk) closePosition(item wire.TradeItem, sizeStep float64, known bool) (moved bool, refused string) {
	h, t := d.positions, &item.Trade
	if h == nil || known || h.applied(t) {
		return false, ""
	}
	fill := arena.FillOf(item, d.o.PrimaryProvider, sizeStep, d.o.Now())
	if fill.Trade.Provider != d.o.PrimaryProvider && fill.Remaining != repository.RemainingLeft {
		return false, "" // no such position is held here
	}
	if r, yes := d.elsewhere(fill.Trade.Provider); yes {
		return false, r.Reason
	}
	changed, refused := h.book.Close(&fill)
	if refused != "" {
		return false, refused
	}
	h.keep(changed)
	note(h.ledger.Applied, t.ModelID, t.ID)
	h.noted = true
	return true, ""
}

// isPastCap reports whether a trade is older than all those that are kept of
// its model, of which there are as many as may be.
func (d *desk) isPastCap(t *wire.Trade) bool {
	kept := d.tradesOf(t.ModelID)
	return len(kept) >= arena.RecentTrades && arena.CompareTrades(*t, kept[len(kept)-1].value) > 0
}

func (d *desk) addTrade(t wire.Trade) error {
	if err := d.trades.put(t); err != nil {
		return err
	}
	kept := d.tradesOf(t.ModelID)
	for len(kept) > arena.RecentTrades {
		d.trades.remove(kept[len(kept)-1].id)
		kept = kept[:len(kept)-1]
	}
	return nil
}

// tradesOf returns the trades of a model, the newest first.
func (d *desk) tradesOf(model string) []*line[wire.Trade] {
	from := d.trades.from(&wire.Trade{ModelID: model, ExitTime: wire.MaxSeconds})
	end := slices.IndexFunc(from, func(l *line[wire.Trade]) bool { return l.value.ModelID != model })
	if end < 0 {
		end = len(from)
	}
	return slices.Clone(from[:end])
}
