package arena

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/entities"
	"nof0/internal/catalogue"
	"nof0/internal/mapping"
	"nof0/internal/wire"
	"nof0/repository"
)

// kinds says how each kind of item is taken in. It is made for one batch.
func (g *Intake) kinds() map[IngestKind]kind {
	kinds := map[IngestKind]kind{
		IngestPrices: kindOf(readerOf(g, wire.DecodePriceItem, func(p *wire.PriceItem, e *entry) {
			e.id, e.symbols = p.Price.Symbol, []string{p.Price.Symbol}
			e.locks = []repository.Lock{repository.LockVenue(mapping.Tick(p.Price, g.o.PrimaryProvider).Provider, p.Price.Symbol)}
		}), applyPrices, preparePrices),
		IngestPositions: kindOf(readerOf(g, wire.Decode[wire.PositionItem], func(p *wire.PositionItem, e *entry) {
			e.id = mapping.PositionID(p.ModelID, p.Provider.Or(g.o.PrimaryProvider), p.Open())
			e.models, e.symbols = []string{p.ModelID}, []string{p.Open().Symbol}
			if at, ok := p.Timestamp.Get(); ok {
				e.times = map[string]float64{"timestamp": at}
			} else if at, ok := p.Open().EntryTime.Get(); ok {
				e.times = map[string]float64{"entry_time": at}
			}
		}), applyPositions),
		IngestTrades: kindOf(g.trades(), applyTrades),
		IngestEquity: kindOf(g.equity(), applyEquity),
		IngestConversations: kindOf(readerOf(g, decodeThread, func(t *wire.Thread, e *entry) {
			c, _ := mapping.Thread(*t)
			e.id, e.models, e.times = c.ID, []string{t.ModelID}, make(map[string]float64)
			for _, m := range t.Messages {
				e.times["timestamp of a message"] = max(e.times["timestamp of a message"], m.Timestamp)
			}
		}), applyConversations),
		IngestDecisions: kindOf(g.decisions(), applyDecisions),
		IngestAnalytics: kindOf(readerOf(g, decodeAnalytics, func(a *AnalyticsItem, e *entry) {
			e.id, e.models = a.Doc.ModelID, []string{a.Doc.ModelID}
		}), applyAnalytics),
		IngestTraderState: kindOf(readerOf(g, wire.Decode[wire.TraderState], func(t *wire.TraderState, e *entry) {
			e.id, e.locks = t.TraderID, []repository.Lock{repository.LockTrader(t.TraderID)}
		}), applyStates(EventTraderState, mapping.TraderState, func(ctx context.Context, w *write, rows []entities.TraderState) ([]repository.Outcome, error) {
			return w.tx.Traders.Put(ctx, rows)
		})),
		IngestMarketAssets: kindOf(readerOf(g, wire.Decode[wire.MarketAsset], func(m *wire.MarketAsset, e *entry) {
			e.id, e.symbols = m.Symbol, []string{m.Symbol}
			e.locks = []repository.Lock{repository.LockVenue(g.asset(*m).Provider, m.Symbol)}
		}), applyStates(EventMarketAssets, g.asset, func(ctx context.Context, w *write, rows []entities.MarketAsset) ([]repository.Outcome, error) {
			return w.tx.Markets.PutAssets(ctx, rows)
		})),
		IngestModels: kindOf(readerOf(g, wire.Decode[wire.Model], func(m *wire.Model, e *entry) {
			e.id, e.locks = m.ID, []repository.Lock{repository.LockModel(m.ID)}
			if inception := m.Inception(); inception != nil {
				e.times = map[string]float64{"inception_date": inception.InceptionDate}
			} else {
				e.inFiles = nil
			}
		}), applyModels),
		IngestSymbols: kindOf(readerOf(g, wire.Decode[wire.Symbol], func(s *wire.Symbol, e *entry) {
			e.id, e.locks = s.Symbol, []repository.Lock{repository.LockSymbol(s.Symbol)}
		}), applyStates(EventSymbol, mapping.Symbol, func(ctx context.Context, w *write, rows []entities.Symbol) ([]repository.Outcome, error) {
			return w.tx.Symbols.Put(ctx, rows)
		})),
		IngestCompetitions: kindOf(readerOf(g, wire.Decode[wire.Competition], func(c *wire.Competition, e *entry) {
			e.id, e.locks = c.ID, []repository.Lock{repository.LockCompetition(c.ID)}
		}), applyCompetitions),
	}
	ahead := map[IngestKind]func(context.Context, *write, []*entry) error{
		IngestTrades: aheadOf((*write).fill, func(ctx context.Context, w *write, fills []repository.Fill) error {
			return w.tx.Trading.FillsAhead(ctx, fills)
		}),
		IngestPositions: aheadOf((*write).opening, func(ctx context.Context, w *write, openings []repository.Opening) error {
			return w.tx.Trading.AdjustAhead(ctx, openings)
		}),
		IngestEquity: aheadOf(func(_ *write, a wire.AccountTotal) entities.AccountEquitySnapshot { return mapping.Equity(a) },
			func(ctx context.Context, w *write, rows []entities.AccountEquitySnapshot) error {
				return w.tx.Equity.Ahead(ctx, rows)
			}),
		IngestDecisions: aheadOf(func(_ *write, d wire.Decision) entities.DecisionCycle { return mapping.Decision(d) },
			func(ctx context.Context, w *write, rows []entities.DecisionCycle) error {
				return w.tx.Decisions.Ahead(ctx, rows)
			}),
	}
	for _, w := range catalogue.Writes() {
		k := kinds[w.Kind]
		k.ahead = ahead[w.Kind]
		k.shared = slices.Contains([]IngestKind{IngestTrades, IngestPositions, IngestEquity}, w.Kind)
		k.domains, k.always, k.accounts, k.exclusive = w.Domains, w.Always, w.OfAccounts(), w.Kind == IngestCompetitions
		kinds[w.Kind] = k
	}
	return kinds
}

// aheadOf asks ahead for what the rows of items change.
func aheadOf[T, R any](row func(*write, T) R, ask func(context.Context, *write, []R) error) func(context.Context, *write, []*entry) error {
	return bind(func(ctx context.Context, w *write, items []item[T]) error {
		rows := make([]R, len(items))
		for i, e := range items {
			rows[i] = row(w, e.value)
		}
		return ask(ctx, w, rows)
	})
}

func (g *Intake) trades() reader[wire.TradeItem] {
	return readerOf(g, wire.DecodeTradeItem, func(t *wire.TradeItem, e *entry) {
		item := *t
		e.id, e.models, e.symbols = t.Trade.ID, []string{t.Trade.ModelID}, []string{t.Trade.Symbol}
		e.equity, e.times = t.Equity, map[string]float64{"exit_time": t.Trade.ExitTime}
		e.corrects = []repository.FactRef{{Kind: entities.CorrectTrade, Model: t.Trade.ModelID, ID: t.Trade.ID}}
		if t.Equity != nil {
			e.times["timestamp of equity"] = t.Equity.Timestamp
			e.corrects = append(e.corrects, equityRef(t.Equity))
		}
		e.fill = func(w *write) repository.Fill { return w.fill(item) }
		e.inFiles = func(w *write) any { return SizedTrade{TradeItem: item, SizeStep: w.sizes[item.Trade.Symbol]} }
	})
}

func (g *Intake) equity() reader[wire.AccountTotal] {
	return readerOf(g, wire.Decode[wire.AccountTotal], func(a *wire.AccountTotal, e *entry) {
		if payload, err := mapping.EquityPayload(mapping.Equity(*a)); err == nil {
			e.id = payload.ID.Or("")
		}
		e.models, e.equity, e.times = []string{a.ModelID}, a, map[string]float64{"timestamp": a.Timestamp}
		e.corrects = []repository.FactRef{equityRef(a)}
	})
}

func equityRef(a *wire.AccountTotal) repository.FactRef {
	return repository.FactRef{Kind: entities.CorrectEquity, Model: a.ModelID, ID: repository.EquityFactID(wire.Time(a.Timestamp))}
}

func (g *Intake) decisions() reader[wire.Decision] {
	return readerOf(g, wire.Decode[wire.Decision], func(d *wire.Decision, e *entry) {
		e.id, e.models, e.times = d.ID, []string{d.ModelID}, map[string]float64{"timestamp": d.Timestamp}
		e.corrects = []repository.FactRef{{Kind: entities.CorrectDecision, Model: d.ModelID, ID: d.ID}}
	})
}

func (g *Intake) asset(m wire.MarketAsset) entities.MarketAsset {
	return mapping.MarketAsset(m, g.o.PrimaryProvider)
}

func decodeThread(raw jsontext.Value) (wire.Thread, error) {
	t, err := wire.Decode[wire.Thread](raw)
	if err == nil {
		t.Sort()
	}
	return t, err
}

// AnalyticsItem is a metrics document with the payload it was read from.
type AnalyticsItem struct {
	Doc     wire.AnalyticsDoc
	Payload jsontext.Value
}

// Parts lets wire.Bounds see the document.
func (a *AnalyticsItem) Parts() map[string]any { return map[string]any{"": &a.Doc} }

func decodeAnalytics(raw jsontext.Value) (AnalyticsItem, error) {
	doc, err := wire.Decode[wire.AnalyticsDoc](raw)
	return AnalyticsItem{Doc: doc, Payload: raw}, err
}

// maxMonths is how many months the ticks of one request may be of: each gets a
// partition.
const maxMonths = 24

// preparePrices makes the partitions of the ticks that will be taken. They are
// made outside of the transaction, which would hold the lock of the whole table.
func preparePrices(ctx context.Context, w *write, items []item[wire.PriceItem]) error {
	known := make(map[string]bool)
	if _, names := w.names(); !w.batch.Register && len(names) > 0 {
		symbols, err := w.intake.o.Store.Symbols.Named(ctx, names)
		if err != nil {
			return err
		}
		for _, s := range symbols {
			known[s.Symbol] = true
		}
		// Whether the files count is known in the transaction.
		names = slices.DeleteFunc(names, func(name string) bool { return known[name] })
		listed, err := w.symbolsOfFiles(ctx, names)
		if err != nil {
			return err
		}
		for _, name := range listed {
			known[name] = true
		}
	}
	months := make(map[time.Time]bool)
	for _, e := range items {
		price := e.value.Price
		if !w.batch.Register && !known[price.Symbol] {
			e.unknownSymbol(price.Symbol)
			continue
		}
		at := wire.MillisTime(price.Timestamp)
		month := time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)
		if !months[month] && len(months) == maxMonths {
			e.invalid(wire.Faults{{Path: "/timestamp", Reason: fmt.Sprintf(
				"is of one more month than the %d of which a request may bring ticks; send it in another one", maxMonths)}})
			continue
		}
		months[month] = true
	}
	return w.intake.o.Store.Prices.EnsurePartitions(ctx, slices.Collect(maps.Keys(months)))
}

func applyPrices(ctx context.Context, w *write, items []item[wire.PriceItem]) error {
	primary := w.intake.o.PrimaryProvider
	ticks := make([]entities.PriceTick, len(items))
	for i, e := range items {
		ticks[i] = mapping.Tick(e.value.Price, primary)
	}
	outcomes, err := w.tx.Prices.InsertTicks(ctx, ticks)
	if err != nil {
		return err
	}
	var emitted []wire.Price
	newest := make(map[[2]string]entities.PriceLatest)
	contexts := make(map[[2]string]entities.MarketAssetCtx)
	for i, e := range items {
		e.take(outcomes[i], "another price of this provider, symbol and time is stored")
		item := e.value
		tick := ticks[i]
		if e.outcome == repository.Inserted {
			emitted = append(emitted, item.Price)
		}
		key := [2]string{tick.Provider, tick.Symbol}
		if e.accepted() && tick.ObservedAt.After(newest[key].ObservedAt) {
			newest[key] = entities.PriceLatest{
				Provider: tick.Provider, Symbol: tick.Symbol, ObservedAt: tick.ObservedAt, Price: tick.Price, Extra: tick.Extra,
			}
		}
		if e.accepted() && item.Context != nil && tick.ObservedAt.After(contexts[key].ObservedAt) {
			contexts[key] = mapping.MarketContext(*item.Context, tick.Provider, tick.Symbol, tick.ObservedAt)
		}
	}
	if err := w.tx.Markets.RaiseContexts(ctx, slices.Collect(maps.Values(contexts))); err != nil {
		return err
	}
	if err := w.tx.Prices.RaiseLatest(ctx, slices.Collect(maps.Values(newest))); err != nil || len(emitted) == 0 {
		return err
	}
	return w.emit(EventPrices, "", struct {
		Prices []wire.Price `json:"prices"`
	}{emitted})
}

// positionEvent is the payload of EventPosition.
type positionEvent struct {
	ModelID  string        `json:"model_id"`
	Provider string        `json:"provider"`
	Status   string        `json:"status"`
	Position wire.Position `json:"position"`
}

func (w *write) emitPositions(changed []*entities.Position) error {
	for _, p := range changed {
		payload, err := mapping.PositionPayload(*p)
		if err != nil {
			return err
		}
		if err := w.emit(EventPosition, p.ModelID, positionEvent{p.ModelID, p.Provider, p.Status, payload}); err != nil {
			return err
		}
	}
	return nil
}

func applyPositions(ctx context.Context, w *write, items []item[wire.PositionItem]) error {
	openings := make([]repository.Opening, len(items))
	for i, e := range items {
		openings[i] = w.opening(e.value)
	}
	applied, err := w.tx.Trading.Adjust(ctx, openings)
	if err != nil {
		return err
	}
	for i, e := range items {
		e.take(applied[i].Outcome, applied[i].Reason)
		e.detail = applied[i].Detail
		if err := w.emitPositions(applied[i].Positions); err != nil {
			return err
		}
	}
	return nil
}

func (w *write) opening(item wire.PositionItem) repository.Opening {
	return OpeningOf(item, w.intake.o.PrimaryProvider, w.intake.o.MatchWindow, w.now)
}

// OpeningOf is what a position item says, as the rules of positions take it:
// window is Fill.Window, now the time of its arrival.
func OpeningOf(item wire.PositionItem, primaryProvider string, window time.Duration, now time.Time) repository.Opening {
	o := repository.Opening{
		Position: mapping.Position(item.ModelID, item.Provider.Or(primaryProvider), item.Open()), Window: window,
	}
	o.Position.StatedAt = now
	if at, ok := item.Timestamp.Get(); ok {
		o.ObservedAt = new(wire.Time(at))
	}
	return o
}

func applyTrades(ctx context.Context, w *write, items []item[wire.TradeItem]) error {
	fills := make([]repository.Fill, len(items))
	for i, e := range items {
		fills[i] = e.fill(w)
	}
	applied, err := w.tx.Trading.Fills(ctx, fills)
	if err != nil {
		return err
	}
	for i, e := range items {
		a := applied[i]
		e.take(a.Outcome, a.Reason)
		e.detail, e.alongOutcome = a.Detail, a.Equity
		item := e.value
		if a.Outcome == repository.Inserted {
			if err := w.emit(EventTrade, item.Trade.ModelID, item.Trade); err != nil {
				return err
			}
		}
		if err := w.emitPositions(a.Positions); err != nil {
			return err
		}
		if a.Equity == repository.Inserted {
			if err := w.emit(EventEquity, item.Trade.ModelID, item.Equity); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *write) fill(item wire.TradeItem) repository.Fill {
	f := FillOf(item, w.intake.o.PrimaryProvider, w.sizes[item.Trade.Symbol], w.intake.o.MatchWindow)
	if w.inJSON(DomainPositions) {
		// What is open here is from before, and none of this fill's business.
		f.Remaining, f.Left = repository.RemainingElsewhere, nil
	}
	return f
}

// FillOf is what a trade item says, as the rules of positions take it: sizeStep
// is that of the symbol in coins, 0 where it is not known, and window that of a
// fill without an order id.
func FillOf(item wire.TradeItem, primaryProvider string, sizeStep float64, window time.Duration) repository.Fill {
	trade := mapping.Trade(item.Trade, primaryProvider)
	opening := wire.Position{
		Symbol: item.Trade.Symbol, EntryOid: item.Trade.EntryOid, EntryTime: wire.Some(item.Trade.EntryTime),
	}
	if item.Remaining != nil && !item.Remaining.EntryTime.IsZero() {
		opening.EntryTime = item.Remaining.EntryTime
	}
	f := repository.Fill{
		Trade:      trade,
		PositionID: mapping.PositionID(trade.ModelID, trade.Provider, opening),
		Unnamed:    !wire.IsOrderID(item.Trade.EntryOid),
		Window:     window,
		SizeStep:   sizeStep,
	}
	switch {
	case item.Closed:
		f.Remaining = repository.RemainingNone
	case item.Remaining != nil:
		left := mapping.Position(trade.ModelID, trade.Provider, *item.Remaining)
		left.ID = f.PositionID
		f.Remaining, f.Left = repository.RemainingLeft, &left
	}
	if item.Equity != nil {
		equity := mapping.Equity(*item.Equity)
		f.Equity = &equity
	}
	return f
}

func applyEquity(ctx context.Context, w *write, items []item[wire.AccountTotal]) error {
	rows := make([]entities.AccountEquitySnapshot, len(items))
	for i, e := range items {
		rows[i] = mapping.Equity(e.value)
	}
	outcomes, err := w.tx.Equity.Insert(ctx, rows)
	if err != nil {
		return err
	}
	for i, e := range items {
		e.take(outcomes[i], "")
		if e.outcome == repository.Inserted {
			if err := w.emit(EventEquity, rows[i].ModelID, e.value); err != nil {
				return err
			}
		}
	}
	return nil
}

func applyConversations(ctx context.Context, w *write, items []item[wire.Thread]) error {
	for _, e := range items {
		thread := e.value
		conversation, messages := mapping.Thread(thread)
		outcome, err := w.tx.Conversations.Append(ctx, conversation, messages)
		if err != nil {
			return err
		}
		e.take(outcome, "")
		if outcome == repository.Unchanged {
			continue
		}
		thread.Derive()
		if err := w.emit(EventConversation, thread.ModelID, thread); err != nil {
			return err
		}
	}
	return nil
}

func applyDecisions(ctx context.Context, w *write, items []item[wire.Decision]) error {
	rows := make([]entities.DecisionCycle, len(items))
	for i, e := range items {
		rows[i] = mapping.Decision(e.value)
	}
	outcomes, err := w.tx.Decisions.Ingest(ctx, rows)
	if err != nil {
		return err
	}
	for i, e := range items {
		e.take(outcomes[i], "")
		if e.outcome != repository.Inserted {
			continue
		}
		conversation, messages := mapping.DecisionMessages(rows[i])
		if _, err := w.tx.Conversations.Append(ctx, conversation, messages); err != nil {
			return err
		}
		if err := w.emit(EventDecision, rows[i].ModelID, e.value); err != nil {
			return err
		}
	}
	return nil
}

func applyAnalytics(ctx context.Context, w *write, items []item[AnalyticsItem]) error {
	for _, e := range items {
		item := e.value
		row := mapping.Analytics(item.Doc, item.Payload, 0, w.now)
		outcome, err := w.tx.Analytics.Put(ctx, row)
		if err != nil {
			return err
		}
		e.take(outcome, "another document of this model and updated_at is stored")
		// The same document without a time of its own is of now, which decides
		// whether it is served.
		isRenewed := outcome == repository.Unchanged && row.AsOf.Equal(w.now)
		if outcome != repository.Inserted && outcome != repository.Updated && !isRenewed {
			continue
		}
		if err := w.emit(EventAnalytics, item.Doc.ModelID, map[string]string{"model_id": item.Doc.ModelID}); err != nil {
			return err
		}
	}
	return nil
}

// applyModels stores models, each with its account. What an account refuses is
// decided first: a refused model changes nothing.
func applyModels(ctx context.Context, w *write, items []item[wire.Model]) error {
	accounts := make([]entities.Account, len(items))
	for i, e := range items {
		accounts[i] = entities.Account{ModelID: e.id, Provider: w.intake.o.PrimaryProvider}
	}
	added, err := w.tx.Accounts.Register(ctx, accounts)
	if err != nil {
		return err
	}
	var rows []entities.Model
	var stated []repository.Outcome
	for _, e := range items {
		m, outcome := e.value, repository.Unchanged
		if slices.ContainsFunc(added, func(a entities.Account) bool { return a.ModelID == m.ID }) {
			outcome = repository.Updated
		}
		if inception := m.Inception(); inception != nil && !w.inJSON(DomainAccounts) {
			set, err := w.setInception(ctx, *inception)
			if err != nil {
				return err
			}
			if set != repository.Unchanged {
				outcome = set
			}
		}
		if e.take(outcome, "the account's inception is stored with other content; it never changes"); e.accepted() {
			rows, stated = append(rows, mapping.Model(m, w.intake.o.Benchmarks)), append(stated, outcome)
		}
	}
	outcomes, err := w.tx.Models.Put(ctx, rows)
	if err != nil {
		return err
	}
	items = slices.DeleteFunc(slices.Clone(items), func(e item[wire.Model]) bool { return !e.accepted() })
	for i, e := range items {
		outcome := outcomes[i]
		if outcome == repository.Unchanged {
			outcome = stated[i]
		}
		e.take(outcome, "")
		if outcome == repository.Unchanged {
			continue
		}
		if err := w.emit(EventModel, e.id, e.value); err != nil {
			return err
		}
	}
	return nil
}

func (w *write) setInception(ctx context.Context, s wire.SinceInception) (repository.Outcome, error) {
	outcome, err := w.tx.Accounts.SetInception(ctx, mapping.Account(s, w.intake.o.PrimaryProvider), w.now)
	if outcome == repository.Inserted {
		outcome = repository.Updated // the account was there, or is new with its model
	}
	return outcome, err
}

// applyStates stores items of current state.
func applyStates[T, R any](
	eventType string, row func(T) R, put func(context.Context, *write, []R) ([]repository.Outcome, error),
) apply[T] {
	return func(ctx context.Context, w *write, items []item[T]) error {
		rows := make([]R, len(items))
		for i, e := range items {
			rows[i] = row(e.value)
		}
		outcomes, err := put(ctx, w, rows)
		if err != nil {
			return err
		}
		for i, e := range items {
			e.take(outcomes[i], "")
			if outcomes[i] == repository.Unchanged {
				continue
			}
			if err := w.emit(eventType, "", e.value); err != nil {
				return err
			}
		}
		return nil
	}
}
