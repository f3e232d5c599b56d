package jsonstore

import (
	"maps"
	"slices"

	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/mapping"
	"nof0/internal/snapshot"
	"nof0/internal/wire"
	"nof0/repository"
)

// LedgerSize is how many of each are kept per model.
const LedgerSize = 2 * arena.RecentTrades

func note(list map[string][]string, model, id string) {
	list[model] = append(list[model], id)
	list[model] = list[model][max(0, len(list[model])-LedgerSize):]
}

// holdings are the open positions with the ledger. Of the models that the write
// concerns they are kept as Postgres keeps them, so that the same rules hold.
type holdings struct {
	rows    *rowFile[wire.ModelPositions]
	book    *repository.Book
	models  []string                                // that the write concerns, in the order of its items
	open    map[string]map[string]entities.Position // by model, then id
	ledger  snapshot.Ledger
	changed map[string]bool // models
	touched map[string]bool // models with new facts
}

// openPositions loads the positions of the models of items. Where
// positions.json lists no model the newest equity row of each model states them.
func (d *directoryEdit) openPositions(items []any) (*holdings, error) {
	s, err := load(d.Writer, positionsFormat())
	if err != nil {
		return nil, err
	}
	if len(s.lines)+len(s.aside) == 0 {
		d.forget(snapshot.FileName(snapshot.Positions, "")) // what stands in it is not this
		if err := d.positionsFromEquity(s); err != nil {
			return nil, err
		}
	}
	h := &holdings{
		rows: s, open: map[string]map[string]entities.Position{},
		changed: map[string]bool{}, touched: map[string]bool{},
	}
	if h.ledger, err = snapshot.ReadLedger(d.o.Dir); err != nil {
		return nil, err
	}
	var known []entities.Position
	var facts []entities.PositionFact
	for _, item := range items {
		model := modelOf(item)
		if model == "" || h.open[model] != nil {
			continue
		}
		h.models = append(h.models, model)
		h.open[model] = map[string]entities.Position{}
		facts = append(facts, h.ledger.Facts[model]...)
		for _, id := range h.ledger.Closed[model] {
			if !slices.ContainsFunc(h.ledger.Facts[model], func(f entities.PositionFact) bool { return f.PositionID == id }) {
				known = append(known, entities.Position{
					ModelID: model, ID: id, Status: entities.PositionClosed, ClosedAt: new(d.o.Now()),
				})
			}
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
	h.book = repository.NewBook(known, facts)
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

func (d *directoryEdit) positionsFromEquity(s *rowFile[wire.ModelPositions]) error {
	totals, err := load(d.Writer, totalsFormat())
	if err != nil {
		return err
	}
	rows := make([]wire.AccountTotal, len(totals.lines))
	for i, l := range totals.lines {
		rows[i] = l.value
	}
	for _, m := range statementsOf(rows) {
		if err := s.put(m); err != nil {
			return err
		}
	}
	s.changed = false
	return nil
}

// applied reports whether a trade has changed its position before.
func (h *holdings) applied(t *wire.Trade) bool {
	return slices.Contains(h.ledger.Applied[t.ModelID], t.ID)
}

// keep takes over what an item of a position has changed.
func (h *holdings) keep(model string, applied repository.Applied) {
	h.touched[model] = true
	for _, p := range applied.Positions {
		h.changed[p.ModelID] = true
		if p.Status == entities.PositionOpen {
			h.open[p.ModelID][p.ID] = *p
			continue
		}
		delete(h.open[p.ModelID], p.ID)
		note(h.ledger.Closed, p.ModelID, p.ID)
	}
}

// keepFacts puts the facts of a model into the ledger: those of what is open,
// each position's newest LedgerSize, and as many of all else.
func (h *holdings) keepFacts(model string) {
	var kept, others []entities.PositionFact
	for id, facts := range h.book.FactsOf(model) {
		if _, open := h.open[model][id]; !open {
			others = append(others, facts...)
		} else if len(facts) <= LedgerSize {
			kept = append(kept, facts...)
		} // else the position is taken as it stands in positions.json
	}
	slices.SortFunc(others, func(a, b entities.PositionFact) int { return a.ObservedAt.Compare(b.ObservedAt) })
	h.ledger.Facts[model] = append(kept, others[max(0, len(others)-LedgerSize):]...)
}

// stage stages positions.json and the ledger where they have changed.
func (h *holdings) stage(w *Writer, e *snapshot.Editing) error {
	if h == nil {
		return nil
	}
	for _, model := range h.models {
		if !h.changed[model] {
			continue
		}
		row := wire.ModelPositions{ModelID: model}
		if old := h.rows.get(model); old != nil {
			row = *old
		}
		_, beside := mapping.Statement("", row)
		row, err := mapping.StatementPayload(model, slices.Collect(maps.Values(h.open[model])), beside)
		if err != nil {
			return err
		}
		if err := h.rows.put(row); err != nil {
			return err
		}
	}
	for model := range h.touched {
		h.keepFacts(model)
	}
	if err := stageRowFile(w, e, h.rows); err != nil || len(h.touched) == 0 {
		return err
	}
	return e.PutLedger(h.ledger)
}

// position opens a position or changes the open one of its id.
func (d *directoryEdit) position(item wire.PositionItem) (arena.JSONResult, error) {
	if d.positions == nil {
		return outcome(repository.Unchanged), nil
	}
	provider := item.Provider.Or(d.o.PrimaryProvider)
	if refused, yes := d.elsewhere(provider); yes {
		return refused, nil
	}
	applied := d.positions.book.Adjust(arena.OpeningOf(item, d.o.PrimaryProvider, d.o.MatchWindow, d.o.Now()))
	if applied.Outcome != repository.Conflict {
		d.positions.keep(item.ModelID, applied)
	}
	return arena.JSONResult{Outcome: applied.Outcome, Reason: applied.Reason, Detail: applied.Detail}, nil
}

// openTrades loads what a fill changes. The trades are looked at also where
// they are kept elsewhere: one that stands among them has been applied.
func (d *directoryEdit) openTrades(items []any) (err error) {
	if d.may(arena.DomainTrades) || d.may(arena.DomainPositions) {
		if d.trades, err = load(d.Writer, tradesFormat()); err != nil {
			return err
		}
	}
	if d.may(arena.DomainPositions) {
		if d.positions, err = d.openPositions(items); err != nil {
			return err
		}
	}
	if d.may(arena.DomainAccounts) {
		d.totals, err = load(d.Writer, totalsFormat())
	}
	return err
}

// trade adds a trade, closes or reduces its position, and adds the equity row
// that comes along, each where it is not known.
func (d *directoryEdit) trade(item wire.TradeItem, sizeStep float64) (arena.JSONResult, error) {
	t := &item.Trade
	result := outcome(repository.Unchanged)
	known := d.trades != nil && d.trades.get(tradeID(t.ModelID, t.ID)) != nil
	if d.may(arena.DomainTrades) {
		switch {
		case known:
			stored := *d.trades.get(tradeID(t.ModelID, t.ID))
			result = d.repeated(sameAs(stored, *t, func(t wire.Trade) entities.Trade { return mapping.Trade(t, d.o.PrimaryProvider) }),
				"a trade of this id is stored with other content; a trade never changes once seen")
		case d.isPastCap(t):
			result, known = outcome(repository.Superseded), true
		default:
			result = outcome(repository.Inserted)
		}
	}
	if isConflict(result) {
		return result, nil
	}
	if d.totals != nil && item.Equity != nil {
		look := d.lookEquity(item.Equity)
		if isConflict(look) {
			return look, nil
		}
		result.Equity = look.Outcome
	}
	if known && d.positions != nil {
		fill := arena.FillOf(item, d.o.PrimaryProvider, sizeStep, d.o.MatchWindow)
		again := d.positions.book.FillAgain(&fill)
		if again.Outcome == repository.Conflict {
			return conflict("%s", again.Reason), nil
		}
		if result.Detail = again.Detail; again.Detail != "" {
			d.positions.keep(t.ModelID, again)
		}
	}
	if !known {
		applied := d.closePosition(item, sizeStep)
		if applied.Outcome == repository.Conflict {
			return conflict("%s", applied.Reason), nil
		}
		if result.Detail = applied.Detail; applied.Outcome == repository.Inserted {
			result.Outcome = repository.Inserted
		}
		if d.may(arena.DomainTrades) {
			if err := d.addTrade(*t); err != nil {
				return arena.JSONResult{}, err
			}
		}
	}
	if result.Equity == repository.Inserted {
		return result, d.addEquity(*item.Equity)
	}
	return result, nil
}

// closePosition does to the position of a trade what the item says, unless the
// trade has been applied before. Its outcome is Inserted where it has.
func (d *directoryEdit) closePosition(item wire.TradeItem, sizeStep float64) repository.Applied {
	h, t := d.positions, &item.Trade
	if h == nil || h.applied(t) {
		return repository.Applied{}
	}
	fill := arena.FillOf(item, d.o.PrimaryProvider, sizeStep, d.o.MatchWindow)
	if fill.Trade.Provider != d.o.PrimaryProvider && fill.Remaining != repository.RemainingLeft {
		return repository.Applied{} // no such position is held here
	}
	if r, yes := d.elsewhere(fill.Trade.Provider); yes {
		return repository.Applied{Outcome: repository.Conflict, Reason: r.Reason}
	}
	applied := h.book.Fill(&fill)
	if applied.Outcome == repository.Inserted {
		h.keep(t.ModelID, applied)
		note(h.ledger.Applied, t.ModelID, t.ID)
	}
	return applied
}

// isPastCap reports whether a trade is older than all those that are kept of
// its model, of which there are as many as may be.
func (d *directoryEdit) isPastCap(t *wire.Trade) bool {
	kept := d.tradesOf(t.ModelID)
	return len(kept) >= arena.RecentTrades && arena.CompareTrades(*t, kept[len(kept)-1].value) > 0
}

func (d *directoryEdit) addTrade(t wire.Trade) error {
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
func (d *directoryEdit) tradesOf(model string) []*line[wire.Trade] {
	from := d.trades.from(&wire.Trade{ModelID: model, ExitTime: wire.MaxSeconds})
	end := slices.IndexFunc(from, func(l *line[wire.Trade]) bool { return l.value.ModelID != model })
	if end < 0 {
		end = len(from)
	}
	return slices.Clone(from[:end])
}
