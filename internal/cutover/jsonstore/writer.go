package jsonstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"nof0/internal/arena"
	"nof0/internal/snapshot"
	"nof0/internal/wire"
	"nof0/repository"
)

// Writer brings writes to the files of a directory, by the rules by which
// Postgres takes them. The files keep the newest state and, as the live ones
// do, the newest 100 trades of a model, the newest 100 documents, and the newest
// equity row of a model and hour: what is older than all of these leaves them
// as they are.
//
// Any number of Writers, in any number of processes, may share a directory.
type Writer struct {
	o      WriterOptions
	rows   *Source       // of the same directory
	turn   chan struct{} // holds one token: the writes of this process wait here
	cached map[string]*cachedFile
}

var _ arena.JSONSide = (*Writer)(nil)

// WriterOptions configure a Writer.
type WriterOptions struct {
	Dir             string
	PrimaryProvider string
	MatchWindow     time.Duration          // see arena.IntakeOptions
	Competition     func() (string, error) // see SourceOptions
	Now             func() time.Time
}

// NewWriter returns the writer of a directory, which has to exist once
// something is written.
func NewWriter(o WriterOptions) *Writer {
	w := &Writer{
		o: o, turn: make(chan struct{}, 1), cached: make(map[string]*cachedFile),
		rows: NewSource(SourceOptions{Dir: o.Dir, PrimaryProvider: o.PrimaryProvider, Competition: o.Competition, Now: o.Now}),
	}
	w.turn <- struct{}{}
	return w
}

// Known implements arena.JSONSide.
func (w *Writer) Known(_ context.Context, models, symbols []string) (knownModels, knownSymbols []string, err error) {
	stored, err := w.rows.models()
	if err != nil {
		return nil, nil, err
	}
	priced, err := w.rows.symbols()
	if err != nil {
		return nil, nil, err
	}
	knownModels = slices.DeleteFunc(slices.Clone(models), func(m string) bool { return !slices.Contains(stored, m) })
	knownSymbols = slices.DeleteFunc(slices.Clone(symbols), func(s string) bool { return !slices.Contains(priced, s) })
	return knownModels, knownSymbols, nil
}

// Apply implements arena.JSONSide. Items of trades are wire.TradeItem or
// arena.SizedTrade, and a position is reduced by a trade once, also where the
// trades themselves are kept elsewhere. The error says that the files are as
// they were, or that it is not known whether they are; the same items may be
// applied again.
func (w *Writer) Apply(ctx context.Context, kind arena.IngestKind, items []any, domains []arena.Domain) ([]arena.JSONResult, error) {
	return w.apply(ctx, kind, items, domains, false)
}

// ApplyAll is Apply of all items or none: after a conflict the files are as
// they were, whatever the other results say.
func (w *Writer) ApplyAll(ctx context.Context, kind arena.IngestKind, items []any, domains []arena.Domain) ([]arena.JSONResult, error) {
	return w.apply(ctx, kind, items, domains, true)
}

func (w *Writer) apply(ctx context.Context, kind arena.IngestKind, items []any, domains []arena.Domain, atomic bool) (results []arena.JSONResult, err error) {
	select {
	case <-w.turn:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { w.turn <- struct{}{} }()
	err = snapshot.Edit(ctx, w.o.Dir, func(e *snapshot.Editing) error {
		d := &directoryEdit{Writer: w, domains: domains}
		if err := d.open(kind, items); err != nil {
			return err
		}
		results = make([]arena.JSONResult, len(items))
		for i, item := range items {
			if results[i], err = d.take(item); err != nil {
				return err
			}
		}
		if atomic && slices.ContainsFunc(results, isConflict) {
			w.forget(slices.Collect(maps.Keys(w.cached))...) // its rows have changed
			return nil
		}
		return d.stage(e)
	})
	if err != nil {
		w.forget(slices.Collect(maps.Keys(w.cached))...)
		return nil, fmt.Errorf("error writing the JSON files: %w", err)
	}
	return results, nil
}

// Close gives back what the Writer keeps of the files between writes. It may be
// used again afterwards.
func (w *Writer) Close() error {
	<-w.turn
	defer func() { w.turn <- struct{}{} }()
	w.forget(slices.Collect(maps.Keys(w.cached))...)
	return nil
}

func (w *Writer) forget(names ...string) {
	for _, name := range names {
		if h := w.cached[name]; h != nil {
			h.file.Close()
			delete(w.cached, name)
		}
	}
}

func isConflict(r arena.JSONResult) bool { return r.Outcome == repository.Conflict }

func conflict(format string, args ...any) arena.JSONResult {
	return arena.JSONResult{Outcome: repository.Conflict, Reason: fmt.Sprintf(format, args...)}
}

func outcome(o repository.Outcome) arena.JSONResult { return arena.JSONResult{Outcome: o} }

// directoryEdit is the files that a write changes. Those of domains that it may not
// change, and does not need, are nil.
type directoryEdit struct {
	*Writer
	domains []arena.Domain

	prices    *rowFile[wire.Price]
	trades    *rowFile[wire.Trade]
	totals    *rowFile[wire.AccountTotal]
	inception *rowFile[wire.SinceInception]
	analytics *rowFile[analyticsRow]
	documents *rowFile[wire.Document]
	positions *holdings
}

func (d *directoryEdit) may(domain arena.Domain) bool { return slices.Contains(d.domains, domain) }

// open loads the files that a kind changes.
func (d *directoryEdit) open(kind arena.IngestKind, items []any) (err error) {
	switch {
	case kind == arena.IngestPrices && d.may(arena.DomainPrices):
		d.prices, err = load(d.Writer, pricesFormat())
	case kind == arena.IngestPositions && d.may(arena.DomainPositions):
		d.positions, err = d.openPositions(items)
	case kind == arena.IngestTrades:
		return d.openTrades(items)
	case kind == arena.IngestEquity && d.may(arena.DomainAccounts):
		d.totals, err = load(d.Writer, totalsFormat())
	case kind == arena.IngestModels && d.may(arena.DomainAccounts):
		d.inception, err = load(d.Writer, inceptionFormat())
	case kind == arena.IngestConversations && d.may(arena.DomainConversations),
		kind == arena.IngestDecisions && d.may(arena.DomainConversations):
		d.documents, err = load(d.Writer, documentsFormat())
	case kind == arena.IngestAnalytics && d.may(arena.DomainAnalytics):
		d.analytics, err = d.openAnalytics()
	}
	return err
}

// take decides one item and changes the rows by it. The error is a fault of
// the caller.
func (d *directoryEdit) take(item any) (arena.JSONResult, error) {
	switch v := item.(type) {
	case wire.PriceItem:
		return d.price(v)
	case wire.PositionItem:
		return d.position(v)
	case wire.TradeItem:
		return d.trade(v, 0)
	case arena.SizedTrade:
		return d.trade(v.TradeItem, v.SizeStep)
	case wire.AccountTotal:
		return d.equity(v)
	case wire.Model:
		return d.model(v)
	case wire.Thread:
		return d.thread(v)
	case wire.Decision:
		return d.decision(v)
	case arena.AnalyticsItem:
		return d.metrics(v)
	case wire.TraderState, wire.MarketAsset, wire.Symbol: // of no file
		return outcome(repository.Unchanged), nil
	}
	return arena.JSONResult{}, fmt.Errorf("an item is %T, which no decoder of items gives", item)
}

// stage stages every file that has changed.
func (d *directoryEdit) stage(e *snapshot.Editing) error {
	for _, stage := range []func() error{
		func() error { return stageRowFile(d.Writer, e, d.prices) },
		func() error { return stageRowFile(d.Writer, e, d.trades) },
		func() error { return stageRowFile(d.Writer, e, d.totals, d.lastMarker()...) },
		func() error { return stageRowFile(d.Writer, e, d.inception, d.counted()...) },
		func() error { return stageRowFile(d.Writer, e, d.analytics) },
		func() error { return stageRowFile(d.Writer, e, d.documents) },
		func() error { return d.positions.stage(d.Writer, e) },
	} {
		if err := stage(); err != nil {
			return err
		}
	}
	return nil
}
