package recompute

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/entities"
	"nof0/internal/analytics"
	"nof0/internal/wire"
	"nof0/repository"
)

// Version is that of how a state is kept, and of what follows from it. With
// another one, every model is computed from all its facts.
const Version = 1

// The newest facts of a model are not folded into what is kept: they are read
// again by the next run, so that one that came a little late, or at the same
// time, is in its place.
const (
	openTrades    = 64
	openDecisions = 16
)

// computation is the computing of one model's metrics in one transaction.
type computation struct {
	tx    repository.Repositories
	model string
	now   time.Time

	state    *entities.AnalyticsState
	stats    entities.ModelStats
	symbols  []string
	imported *entities.ModelAnalytics
	read     facts
	absent   []jsontext.Pointer // of the document: what no double can hold
}

// facts counts trades and decisions.
type facts struct{ trades, decisions int64 }

// computed is what a computation comes to.
type computed struct {
	running *analytics.Running
	kept    []byte
}

// errBehind says that facts are there that what is kept cannot go on with.
var errBehind = errors.New("there are facts that are older than what was folded")

func (c *computation) load(ctx context.Context) error {
	state, stats, err := c.tx.Recompute.State(ctx, c.model)
	if err != nil {
		return err
	}
	c.state = state
	if stats != nil {
		c.stats = *stats
	}
	symbols, err := c.tx.Symbols.All(ctx)
	if err != nil {
		return err
	}
	for _, s := range symbols {
		c.symbols = append(c.symbols, s.Symbol)
	}
	c.imported, err = c.tx.Analytics.Of(ctx, c.model, entities.AnalyticsImported)
	return err
}

// run computes and stores. The events are to be emitted after the commit.
func (c *computation) run(ctx context.Context, whole bool) (r Result, events []entities.OutboxEvent, err error) {
	r = Result{Model: c.model}
	if err := c.load(ctx); err != nil {
		return r, nil, err
	}
	if c.state == nil && c.stats.NumTrades == 0 && c.stats.NumDecisions == 0 {
		r.Outcome = NoFacts
		return r, nil, nil
	}
	var done *computed
	if !whole && c.canGoOn() {
		done, err = c.goOn(ctx)
	}
	if done == nil && (err == nil || isBehind(err)) {
		r.Whole = true
		done, err = c.startOver(ctx)
	}
	if err != nil {
		return r, nil, err
	}
	r.Trades, r.Decisions = c.read.trades, c.read.decisions
	doc, changed, err := c.document(ctx, done.running)
	if err != nil {
		return r, nil, err
	}
	r.Outcome = Unchanged
	var row *entities.ModelAnalytics
	if changed {
		r.Outcome = Updated
		event, err := analyticsEvent(c.model)
		if err != nil {
			return r, nil, fmt.Errorf("error rendering the event: %w", err)
		}
		row = &entities.ModelAnalytics{
			ModelID: c.model, Source: entities.AnalyticsComputed, Payload: entities.JSON(doc), AsOf: c.now, ServerTime: &c.now,
		}
		events = []entities.OutboxEvent{event}
	}
	if err := c.tx.Recompute.Keep(ctx, c.next(done), row); err != nil {
		return r, nil, err
	}
	return r, events, c.tx.Outbox.Append(ctx, events)
}

func isBehind(err error) bool {
	return errors.Is(err, errBehind) || errors.Is(err, analytics.ErrLate) || errors.Is(err, analytics.ErrMedianLost)
}

// canGoOn reports whether what is kept started where it would start today.
func (c *computation) canGoOn() bool {
	if c.state == nil || c.state.Version != Version {
		return false
	}
	if c.imported == nil || c.state.ImportedAsOf == nil {
		return c.imported == nil && c.state.ImportedAsOf == nil
	}
	return c.imported.AsOf.Equal(*c.state.ImportedAsOf)
}

// goOn adds what is new to what is kept.
func (c *computation) goOn(ctx context.Context) (*computed, error) {
	running := new(analytics.Running)
	if err := wire.Unmarshal(c.state.State, running); err != nil {
		return nil, fmt.Errorf("%w: what is kept cannot be read: %w", errBehind, err)
	}
	done, err := c.fold(ctx, running)
	if err != nil {
		return nil, err
	}
	// What was there before and was not counted stays uncounted: an older
	// program may write beside this one.
	trades, decisions := running.Seen()
	if trades != c.state.SeenTrades+c.stats.NumTrades-c.state.NumTrades ||
		decisions != c.state.SeenDecisions+c.stats.NumDecisions-c.state.NumDecisions {
		return nil, errBehind
	}
	if running.Outgrown() {
		return nil, errBehind
	}
	if _, err := running.Document(c.model, c.symbols, c.now); err != nil {
		return nil, err
	}
	return done, nil
}

// startOver adds every fact.
func (c *computation) startOver(ctx context.Context) (*computed, error) {
	c.read = facts{}
	var imported *analytics.Document
	var numTrades, numDecisions int64
	if c.imported != nil {
		imported = new(analytics.Document)
		if wire.Unmarshal(c.imported.Payload, imported) != nil {
			imported = nil // it is served as it is, but nothing can be computed from it
		}
	}
	if imported != nil {
		if _, ok := imported.UpdatedAt.Get(); !ok {
			imported.UpdatedAt = wire.Some(wire.Seconds(c.imported.AsOf))
		}
		trades, decisions := imported.CountedUntil()
		var err error
		numTrades, numDecisions, err = c.tx.Recompute.CountUntil(ctx, c.model, timeOf(trades), timeOf(decisions))
		if err != nil {
			return nil, err
		}
	}
	return c.fold(ctx, analytics.NewRunning(analytics.OriginOf(imported, numTrades, numDecisions)))
}

func timeOf(seconds wire.Opt[float64]) *time.Time {
	v, ok := seconds.Get()
	if !ok {
		return nil
	}
	at := wire.Time(min(max(v, 0), wire.MaxSeconds-1)) // a document may say anything
	return &at
}

// fold adds the facts after those that running has seen. What is to be kept is
// taken before the newest ones.
func (c *computation) fold(ctx context.Context, running *analytics.Running) (*computed, error) {
	trades, err := c.tx.Recompute.TradesHorizon(ctx, c.model, openTrades)
	if err != nil {
		return nil, err
	}
	decisions, err := c.tx.Recompute.DecisionsHorizon(ctx, c.model, openDecisions)
	if err != nil {
		return nil, err
	}
	if trades != nil {
		if err := c.addTrades(ctx, running, trades); err != nil {
			return nil, err
		}
	}
	if decisions != nil {
		if err := c.addDecisions(ctx, running, decisions); err != nil {
			return nil, err
		}
	}
	kept, err := wire.Marshal(running)
	if err != nil {
		return nil, fmt.Errorf("error rendering what is kept of the metrics: %w", err)
	}
	if err := c.addTrades(ctx, running, nil); err != nil {
		return nil, err
	}
	return &computed{running, kept}, c.addDecisions(ctx, running, nil)
}

func (c *computation) addTrades(ctx context.Context, running *analytics.Running, upTo *repository.Place) error {
	var t wire.Trade
	return c.tx.Recompute.Trades(ctx, c.model, placeOf(running.LastTrade()), upTo, func(f *repository.TradeFact) error {
		t.ID, t.Side, t.Quantity, t.EntryPrice = f.ID, f.Side, f.Quantity, f.EntryPrice
		t.EntryTime, t.ExitTime = wire.Seconds(f.EntryTime), wire.Seconds(f.ExitTime)
		t.RealizedNetPnl = f.RealizedNetPnl
		t.RealizedGrossPnl, t.TotalCommissionDollars = wire.FromPtr(f.RealizedGrossPnl), wire.FromPtr(f.TotalCommissionDollars)
		running.AddTrade(&t)
		c.read.trades++
		return nil
	})
}

func (c *computation) addDecisions(ctx context.Context, running *analytics.Running, upTo *repository.Place) error {
	var d wire.Decision
	return c.tx.Recompute.Decisions(ctx, c.model, placeOf(running.LastDecision()), upTo, func(f *repository.DecisionFact) error {
		d.ID, d.Timestamp, d.LlmResponse = f.ID, wire.Seconds(f.ExecutedAt), []byte(f.Decisions)
		c.read.decisions++
		return running.AddDecision(&d)
	})
}

func placeOf(at float64, id string, ok bool) *repository.Place {
	if !ok {
		return nil
	}
	return &repository.Place{Time: wire.Time(at), ID: id}
}

// document renders the metrics. changed is false where those that are stored say
// the same, whenever they were computed.
func (c *computation) document(ctx context.Context, running *analytics.Running) (doc []byte, changed bool, err error) {
	render := func(at time.Time) ([]byte, []jsontext.Pointer, error) {
		d, err := running.Document(c.model, c.symbols, at)
		if err != nil {
			return nil, nil, err
		}
		return wire.MarshalFinite(d)
	}
	stored, err := c.tx.Analytics.Of(ctx, c.model, entities.AnalyticsComputed)
	if err != nil {
		return nil, false, err
	}
	if stored != nil {
		same, _, err := render(stored.AsOf)
		if err != nil || sameJSON(stored.Payload, same) {
			return nil, false, err
		}
	}
	doc, c.absent, err = render(c.now)
	return doc, true, err
}

// sameJSON reports whether two documents hold the same, in whatever order.
func sameJSON(a, b []byte) bool {
	var x, y any
	return wire.Unmarshal(a, &x) == nil && wire.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

// next is how far the metrics have come now.
func (c *computation) next(done *computed) entities.AnalyticsState {
	state := entities.AnalyticsState{
		ModelID: c.model, Version: Version,
		NumTrades: c.stats.NumTrades, NumDecisions: c.stats.NumDecisions,
		State: entities.JSON(done.kept),
	}
	state.SeenTrades, state.SeenDecisions = done.running.Seen()
	if c.imported != nil {
		state.ImportedAsOf = &c.imported.AsOf
	}
	return state
}
