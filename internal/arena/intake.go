package arena

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"go.opentelemetry.io/otel/attribute"

	"nof0/entities"
	"nof0/internal/mapping"
	"nof0/internal/telemetry"
	"nof0/internal/wire"
	"nof0/repository"
)

// Intake takes in every write: it validates, stores facts and their outbox
// events in one transaction, and answers per item. It decides by what the
// database holds, so that a repeated write is known from a new one
// whatever has happened to Redis in between.
type Intake struct {
	o IntakeOptions
	// room has a place for each transaction that may be under way, and lines are those
	// who wait for the write of a model before theirs.
	room      chan struct{}
	lines     lines
	gathering gathering
	// standard was the default competition of the last write: what is asked ahead is of it.
	standard atomic.Pointer[string]
}

var (
	_ Ingester  = (*Intake)(nil)
	_ Corrector = (*Intake)(nil)
)

// IntakeOptions are what an Intake is made of.
type IntakeOptions struct {
	Store           *repository.Store
	PrimaryProvider string
	Benchmarks      []string
	// Competition is the configured default one; "" is that of Competitions.Default.
	Competition string
	Bounds      wire.Bounds // of what is taken in
	// MatchWindow is how far the entry time of a fill without an order id may lie
	// from that of the opening that it closes.
	MatchWindow time.Duration
	// AfterCommit, where given, receives the events of a committed write before
	// it is acknowledged: the next read of this process then sees it.
	AfterCommit func(ctx context.Context, events []entities.OutboxEvent)
	Guard       Guard // nil remembers nothing
	// Recompute, where given, computes the metrics of a model in the transaction of
	// a correction, and returns the events that it has put into the outbox.
	Recompute func(ctx context.Context, tx repository.Repositories, model string, now time.Time) ([]entities.OutboxEvent, error)
	// JSON takes the writes of domains that are still in the JSON files; nil
	// where there are none.
	JSON JSONSide
	// Writers bounds the writes that hold a connection of the Store at once; 0 is
	// 10. Before it takes one, a write waits for the writes of the same models of
	// this process and for room, each at most WriterWait, 0 is 5 s, and is then
	// refused with ErrBusy.
	Writers    int
	WriterWait time.Duration
	Logger     *slog.Logger
	Now        func() time.Time
}

// NewIntake returns the intake of a database.
func NewIntake(o IntakeOptions) *Intake {
	o.Writers = cmp.Or(o.Writers, 10)
	o.WriterWait = cmp.Or(o.WriterWait, 5*time.Second)
	return &Intake{o: o, room: make(chan struct{}, o.Writers)}
}

// enter waits until no other write of the models is under way, and for room, each at most
// that long, and returns what gives both back. Those who wait hold no connection.
func (g *Intake) enter(ctx context.Context, models []string, atMost time.Duration) (leave func(), err error) {
	next, err := g.lines.wait(ctx, models, atMost)
	if err != nil {
		return nil, err
	}
	giveBack, err := g.findRoom(ctx, atMost)
	if err != nil {
		next()
		return nil, err
	}
	return func() { giveBack(); next() }, nil
}

func (g *Intake) findRoom(ctx context.Context, atMost time.Duration) (leave func(), err error) {
	leave = func() { <-g.room }
	select {
	case g.room <- struct{}{}:
		return leave, nil
	default:
	}
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	select {
	case g.room <- struct{}{}:
		return leave, nil
	case <-timer.C:
		return nil, fmt.Errorf("%w: %d writes are under way, and none ended within %v", ErrBusy, g.o.Writers, atMost)
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
	}
}

// Ingest implements Ingester.
func (g *Intake) Ingest(ctx context.Context, b Batch) (_ *Reply, err error) {
	ctx, span := telemetry.Span(ctx, "ingest", attribute.String("nof0.kind", string(b.Kind)), attribute.Int("nof0.items", len(b.Items)))
	defer func() { telemetry.EndSpan(span, err) }()
	kind, ok := g.kinds()[b.Kind]
	if !ok {
		return nil, fmt.Errorf("no kind %q to ingest", b.Kind)
	}
	w := &write{
		intake: g, batch: b, entries: make([]entry, len(b.Items)),
		requests: []*request{{batch: b, to: len(b.Items)}},
	}
	for i, raw := range b.Items {
		w.entries[i] = kind.decode(raw)
		if kind.accounts {
			w.entries[i].name(raw, b.Competition)
		}
	}
	if err := g.share(ctx, w, kind); err != nil {
		return nil, intakeError(err)
	}
	return w.requests[0].reply, w.requests[0].err
}

// committed does what has to be done before a write that is stored is acknowledged.
func (g *Intake) committed(ctx context.Context, w *write) {
	if w.known {
		return
	}
	wait := w.guard(ctx)
	if len(w.events) > 0 && g.o.AfterCommit != nil {
		g.o.AfterCommit(ctx, w.events)
	}
	wait()
}

// write stores a batch and makes its replies. It waits for others at most that long.
func (g *Intake) write(ctx context.Context, w *write, kind kind, atMost time.Duration) error {
	leave, err := g.enter(ctx, w.models(), atMost)
	if err != nil {
		return err
	}
	defer leave()
	if w.known = w.repeated(ctx); w.known {
		return nil
	}
	if kind.prepare != nil {
		if err := kind.prepare(ctx, w, w.accepted()); err != nil {
			return err
		}
	}
	err = g.o.Store.InTxRetrying(ctx, func(ctx context.Context, tx repository.Repositories) error {
		return w.run(ctx, tx, kind)
	})
	if errors.Is(err, repository.ErrOneCompetition) {
		err = &RefusedError{Reason: repository.ErrOneCompetition.Error()}
	}
	if refused, ok := errors.AsType[*RefusedError](err); ok && !w.shared {
		w.events = nil
		for _, e := range w.accepted() {
			e.conflict(refused.Reason)
		}
		if err = w.answer(); err == nil {
			err = &atomicRefusalError{}
		}
	}
	if _, refused := errors.AsType[*atomicRefusalError](err); refused {
		// What the transaction did is undone; that the request was answered so
		// is not.
		err = g.o.Store.InTxRetrying(ctx, w.remember)
	}
	return err
}

// intakeError translates errors of the store for callers that do not know it.
func intakeError(err error) error {
	if errors.Is(err, repository.ErrUncertain) {
		return fmt.Errorf("%w: %w", ErrUncertain, Unavailable(err))
	}
	if errors.Is(err, repository.ErrContended) || errors.Is(err, repository.ErrLocked) {
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return Unavailable(err)
}

// entry is one item on its way through a write.
type entry struct {
	id           string
	value        any                // what was decoded
	out          bool               // its request has been answered before
	named        string             // competition that it names, or its request; "" is none
	competition  string             // that it is of; "" where it belongs to none
	times        map[string]float64 // of the facts that it brings, by what has them, in unix seconds
	late         string             // why it changes nothing: its competition has ended before; "" where it may
	models       []string
	symbols      []string
	locks        []repository.Lock            // of what it is about, beside its models
	equity       *wire.AccountTotal           // the account-totals row that it brings; nil without one
	corrects     []repository.FactRef         // the facts in it that an operator may have corrected
	fill         func(*write) repository.Fill // of a trade
	inFiles      func(*write) any             // what JSONSide takes; nil where the files have no place for it
	outcome      repository.Outcome
	detail       string
	alongOutcome repository.Outcome // of the equity row that came along with a trade
	corrected    bool               // it was rejected for a correction
	rejected     *Rejected
}

func (e *entry) accepted() bool { return e.rejected == nil && !e.out }

func (e *entry) reject(why Rejection, detail string, faults wire.Faults) {
	e.rejected = &Rejected{Why: why, Detail: detail, Faults: faults}
}

// conflict rejects an item for what is stored.
func (e *entry) conflict(reason string) { e.reject(RejectedConflict, reason, nil) }

// invalid rejects an item for the faults of its content.
func (e *entry) invalid(err error) {
	var faults wire.Faults
	if !errors.As(err, &faults) {
		faults = wire.Faults{{Reason: err.Error()}}
	}
	e.reject(RejectedInvalid, "the item is invalid: "+faults.Error(), faults)
}

func (e *entry) unknownSymbol(symbol string) {
	e.reject(RejectedUnknown, fmt.Sprintf("%v %q; register it with ?register=true or /api/ingest/symbols", repository.ErrUnknownSymbol, symbol), nil)
}

// take takes over what the store made of an item.
func (e *entry) take(outcome repository.Outcome, reason string) {
	switch outcome {
	case repository.Conflict:
		if reason == "" {
			reason = "the same identity is stored with other content; a fact never changes once seen"
		}
		e.conflict(reason)
	case repository.Corrected:
		e.corrected = true
		e.conflict("an operator has corrected this fact")
	case repository.Superseded:
		e.outcome = repository.Unchanged // the store knows better
	default:
		e.outcome = outcome
	}
}

// write is one batch on its way through a transaction. The transaction may run
// several times; run starts over each time.
type write struct {
	intake  *Intake
	batch   Batch // of a shared write, what its requests have in common
	entries []entry
	decoded []entry
	// requests are those that brought the items: several where the transaction is
	// shared.
	requests []*request
	shared   bool
	known    bool // everything was stored before, which took no transaction

	all repository.Repositories // of the transaction
	tx  repository.Repositories // all, bound to competition
	// competition is that of the items that are being stored, "" of what belongs to
	// none; standard is the default one, "" where it does not matter.
	competition, standard string
	now                   time.Time
	scope                 repository.Scope
	json                  []Domain // those whose writes go to the JSON files
	added                 registered
	sizes                 map[string]float64 // size step by symbol
	events                []entities.OutboxEvent
}

// request is one request of a write: its entries stand from one place to another.
type request struct {
	batch    Batch
	from, to int
	reply    *Reply
	err      error // it alone has failed
}

// atomicRefusalError rolls a batch back of which nothing is stored.
type atomicRefusalError struct{}

func (*atomicRefusalError) Error() string { return "an item of an atomic batch was rejected" }

func (w *write) run(ctx context.Context, tx repository.Repositories, kind kind) error {
	if w.decoded == nil {
		w.decoded = w.entries
	}
	w.entries = slices.Clone(w.decoded)
	w.all, w.events, w.added, w.standard = tx, nil, registered{}, ""
	for _, r := range w.requests {
		r.reply, r.err = nil, nil
	}
	w.bind("")
	w.now = w.intake.o.Now().UTC().Truncate(time.Microsecond)

	if err := w.lock(ctx, kind); err != nil {
		return err
	}
	if done, err := w.begin(ctx); done || err != nil {
		return err
	}
	if len(kind.domains) > 0 {
		if err := w.ahead(ctx, kind); err != nil {
			return err
		}
		var err error
		if w.scope, err = tx.Rollout.Scope(ctx); err != nil {
			return err
		}
	}
	if err := w.place(kind); err != nil {
		return err
	}
	if err := w.compete(ctx, kind); err != nil {
		return err
	}
	if err := w.resolve(ctx); err != nil {
		return err
	}
	if err := w.store(ctx, kind); err != nil {
		return err
	}
	if w.batch.Atomic && w.rejectSiblings() {
		w.events = nil
		return errors.Join(w.answer(), &atomicRefusalError{})
	}
	if err := w.withdraw(ctx); err != nil {
		return err
	}
	if err := w.emitRegistered(); err != nil {
		return err
	}
	if err := w.tx.Outbox.Append(ctx, w.events); err != nil {
		return err
	}
	if err := w.answer(); err != nil {
		return err
	}
	return w.finish(ctx)
}

// lock makes this transaction the only writer of what the items are about, and
// keeps the switches of their domains as they are, until it ends.
func (w *write) lock(ctx context.Context, kind kind) error {
	if w.shared {
		if err := w.tx.Locks.Bound(ctx, sharedWait); err != nil {
			return err
		}
	}
	if kind.exclusive {
		if err := w.tx.Rollout.LockExclusive(ctx, w.intake.o.WriterWait); err != nil {
			return err
		}
	}
	locks, err := w.lockUnknown(ctx)
	if err != nil {
		return err
	}
	if len(kind.domains) > 0 {
		locks = append(locks, repository.LockRollout)
	}
	for _, e := range w.accepted() {
		locks = append(locks, e.locks...)
		for _, model := range e.models {
			locks = append(locks, repository.LockModel(model))
		}
	}
	return w.tx.Locks.Hold(ctx, locks)
}

// ahead asks for what will be read under the locks, together with the switches and the
// competitions: as if the default competition were that of the write before. Where it is
// another one now, that is asked for in its turn.
func (w *write) ahead(ctx context.Context, kind kind) error {
	standard := w.intake.standard.Load()
	if !kind.accounts {
		standard = new(string)
	}
	if standard == nil {
		return nil
	}
	for _, e := range w.accepted() {
		e.competition = cmp.Or(e.named, *standard)
	}
	defer func() {
		for _, e := range w.accepted() {
			e.competition = ""
		}
	}()
	models, symbols := w.names()
	if err := w.all.LockAllAhead(ctx, models, symbols); err != nil || kind.ahead == nil {
		return err
	}
	return w.eachCompetition(func() error { return kind.ahead(ctx, w, w.bound(w.accepted())) })
}

// begin reserves the keys of the requests, in one order, and leaves those out that have
// been answered before. It is done where all have.
func (w *write) begin(ctx context.Context) (done bool, err error) {
	left := len(w.requests)
	for _, r := range slices.SortedFunc(slices.Values(w.requests), compareKeys) {
		answered, err := r.begin(ctx, w.tx)
		if errors.Is(err, ErrKeyReused) && w.shared {
			r.err, answered, err = err, true, nil
		}
		if err != nil {
			return false, err
		}
		if answered {
			for i := r.from; i < r.to; i++ {
				w.entries[i].out = true
			}
			left--
		}
	}
	return left == 0, nil
}

func compareKeys(a, b *request) int {
	of := func(r *request) RequestKey {
		if r.batch.Key == nil {
			return RequestKey{}
		}
		return *r.batch.Key
	}
	return cmp.Or(cmp.Compare(of(a).TokenID, of(b).TokenID), cmp.Compare(of(a).Key, of(b).Key))
}

// begin reserves the key of a request. It is answered where the key was used before.
func (r *request) begin(ctx context.Context, tx repository.Repositories) (answered bool, err error) {
	key := r.batch.Key
	if key == nil {
		return false, nil
	}
	stored, err := tx.Idempotency.Begin(ctx, entities.IdempotencyKey{
		TokenID: key.TokenID, Key: key.Key, RequestDigest: key.Digest,
	})
	switch {
	case err != nil || stored == nil:
		return false, err
	case stored.RequestDigest != key.Digest:
		return true, ErrKeyReused
	}
	r.reply = &Reply{Response: &Response{Status: int(stored.Status), Body: stored.Body}}
	return true, nil
}

func (w *write) finish(ctx context.Context) error {
	for _, r := range w.requests {
		if r.err != nil || w.isOut(r) {
			continue
		}
		if err := r.finish(ctx, w.tx); err != nil {
			return err
		}
	}
	return nil
}

// isOut reports whether a request was left out.
func (w *write) isOut(r *request) bool { return r.to > r.from && w.entries[r.from].out }

// finish stores the reply of a request under its key.
func (r *request) finish(ctx context.Context, tx repository.Repositories) error {
	key := r.batch.Key
	if key == nil {
		return nil
	}
	return tx.Idempotency.Finish(ctx, entities.IdempotencyKey{
		TokenID: key.TokenID, Key: key.Key, Status: int64(r.reply.Response.Status), Body: r.reply.Response.Body,
	})
}

// remember stores the reply of a request whose transaction was undone.
func (w *write) remember(ctx context.Context, tx repository.Repositories) error {
	r := w.requests[0]
	if r.batch.Key == nil {
		return nil
	}
	reply := r.reply
	if answered, err := r.begin(ctx, tx); answered || err != nil {
		return err
	}
	r.reply = reply
	return r.finish(ctx, tx)
}

// accepted returns the items that are still in.
func (w *write) accepted() []*entry {
	var in []*entry
	for i := range w.entries {
		if w.entries[i].accepted() {
			in = append(in, &w.entries[i])
		}
	}
	return in
}

// resolve finds the models and symbols that the items name, and registers or
// refuses the unknown ones.
func (w *write) resolve(ctx context.Context) error {
	models, symbols := w.names()
	locked, found, err := w.all.LockAll(ctx, models, symbols)
	if err != nil {
		return err
	}
	accounts := make(map[accountKey]entities.Account, len(locked))
	for _, account := range locked {
		accounts[accountKey{account.CompetitionID, account.ModelID}] = account
	}
	for c := range models {
		models[c] = slices.DeleteFunc(models[c], func(m string) bool { _, known := accounts[accountKey{c, m}]; return known })
	}
	w.sizes = make(map[string]float64, len(symbols))
	w.know(found)
	symbols = slices.DeleteFunc(symbols, func(s string) bool { _, known := w.sizes[s]; return known })
	if !w.batch.Register {
		var listed []string // the files hold the default competition
		if listed, symbols, err = w.knownToFiles(ctx, models[w.standard], symbols); err != nil {
			return err
		}
		models = map[string][]string{w.standard: listed}
	}
	for _, c := range slices.Sorted(maps.Keys(models)) {
		if err := w.registerModels(ctx, c, models[c]); err != nil {
			return err
		}
		for _, m := range models[c] {
			accounts[accountKey{c, m}] = entities.Account{ModelID: m}
		}
	}
	if err := w.registerSymbols(ctx, symbols); err != nil {
		return err
	}
	for _, e := range w.accepted() {
		for _, model := range e.models {
			account, ok := accounts[accountKey{e.competition, model}]
			if !ok {
				e.unknownModel(model, w.standard)
			} else if e.equity != nil && account.InceptionAt != nil {
				if err := w.intake.o.Bounds.CheckMarkers(*e.equity, *account.InceptionAt); err != nil {
					e.invalid(err)
				}
			}
		}
		for _, symbol := range e.symbols {
			if _, ok := w.sizes[symbol]; !ok {
				e.unknownSymbol(symbol)
			}
		}
	}
	return nil
}

// models lists the models of the accepted items in one order.
func (w *write) models() []string {
	var models []string
	for _, e := range w.accepted() {
		models = append(models, e.models...)
	}
	slices.Sort(models)
	return slices.Compact(models)
}

// names lists the models, by competition, and symbols of the accepted items, each in
// one order so that two writers can't wait for each other.
func (w *write) names() (models map[string][]string, symbols []string) {
	models = make(map[string][]string)
	for _, e := range w.accepted() {
		if len(e.models) > 0 {
			models[e.competition] = append(models[e.competition], e.models...)
		}
		symbols = append(symbols, e.symbols...)
	}
	for c := range models {
		slices.Sort(models[c])
		models[c] = slices.Compact(models[c])
	}
	slices.Sort(symbols)
	return models, slices.Compact(symbols)
}

// registerModels makes models known, which are locked, each with an account in a
// competition.
func (w *write) registerModels(ctx context.Context, competition string, models []string) error {
	if len(models) == 0 {
		return nil
	}
	var named []string // in the order of the items
	for _, e := range w.accepted() {
		named = append(named, e.models...)
	}
	rows := make([]entities.Model, len(models))
	accounts := make([]entities.Account, len(models))
	for i, id := range models {
		kind := entities.ModelCompetitor
		if slices.Contains(w.intake.o.Benchmarks, id) {
			kind = entities.ModelBenchmark
		}
		rows[i] = entities.Model{ID: id, DisplayName: id, Kind: kind, Listing: int64(slices.Index(named, id))}
		accounts[i] = entities.Account{ModelID: id, Provider: w.intake.o.PrimaryProvider}
	}
	added, err := w.tx.Models.Register(ctx, rows)
	if err != nil {
		return err
	}
	w.added.models = append(w.added.models, added...)
	opened, err := w.all.In(competition).Accounts.Register(ctx, accounts)
	for _, a := range opened {
		w.added.accounts = append(w.added.accounts, accountKey{competition, a.ModelID})
	}
	return err
}

// registerSymbols makes those of the symbols known that are not. Their locks are
// taken only then: writers of one symbol would otherwise wait for each other.
func (w *write) registerSymbols(ctx context.Context, symbols []string) error {
	var rows []entities.Symbol
	var locks []repository.Lock
	for _, symbol := range symbols {
		if _, known := w.sizes[symbol]; !known {
			rows = append(rows, entities.Symbol{Symbol: symbol})
			locks = append(locks, repository.LockSymbol(symbol))
		}
	}
	if len(rows) == 0 {
		return nil
	}
	if err := w.tx.Locks.Hold(ctx, locks); err != nil {
		return err
	}
	var err error
	if w.added.symbols, err = w.tx.Symbols.Register(ctx, rows); err != nil {
		return err
	}
	found, err := w.tx.Symbols.Named(ctx, symbols)
	w.know(found)
	return err
}

// know notes the size steps of symbols.
func (w *write) know(symbols []entities.Symbol) {
	for _, s := range symbols {
		w.sizes[s.Symbol] = 0
		if s.SizeStep != nil {
			w.sizes[s.Symbol] = *s.SizeStep
		}
	}
}

// registered is what a write has made known.
type registered struct {
	models   []entities.Model
	accounts []accountKey
	symbols  []entities.Symbol
	// competitions are in the order of the items that name them.
	competitions []entities.Competition
}

// accountKey is the identity of an account.
type accountKey struct{ competition, model string }

// withdraw takes back what was registered for refused items alone.
func (w *write) withdraw(ctx context.Context) error {
	models, symbols := w.names()
	var unused registered
	w.added.accounts, unused.accounts = split(w.added.accounts, func(a accountKey) bool { return slices.Contains(models[a.competition], a.model) })
	w.added.models, unused.models = split(w.added.models, func(m entities.Model) bool {
		return slices.ContainsFunc(w.added.accounts, func(a accountKey) bool { return a.model == m.ID })
	})
	w.added.competitions, unused.competitions = split(w.added.competitions, func(c entities.Competition) bool { return slices.Contains(w.competitions(), c.ID) })
	w.added.symbols, unused.symbols = split(w.added.symbols, func(s entities.Symbol) bool { return slices.Contains(symbols, s.Symbol) })
	var errs []error
	for _, a := range unused.accounts {
		errs = append(errs, w.all.In(a.competition).Accounts.Withdraw(ctx, []entities.Account{{ModelID: a.model}}))
	}
	return errors.Join(append(errs,
		w.tx.Models.Withdraw(ctx, unused.models),
		w.tx.Symbols.Withdraw(ctx, unused.symbols),
		w.tx.Competitions.Withdraw(ctx, unused.competitions),
	)...)
}

// emitRegistered puts the events of what the write has made known before all
// others.
func (w *write) emitRegistered() error {
	events := w.events
	w.events = nil
	for _, c := range w.added.competitions {
		w.bind(c.ID)
		if err := w.emit(EventCompetition, "", mapping.CompetitionPayload(c)); err != nil {
			return err
		}
	}
	fresh := w.added.models
	for _, a := range w.added.accounts {
		row := wire.Model{ID: a.model}
		if i := slices.IndexFunc(fresh, func(m entities.Model) bool { return m.ID == a.model }); i >= 0 {
			row.DisplayName, row.Kind = wire.Some(fresh[i].DisplayName), wire.Some(fresh[i].Kind)
			fresh = slices.Delete(slices.Clone(fresh), i, i+1)
		}
		w.bind(a.competition)
		if err := w.emit(EventModel, a.model, row); err != nil {
			return err
		}
	}
	w.bind("")
	for _, s := range w.added.symbols {
		if err := w.emit(EventSymbol, "", wire.Symbol{Symbol: s.Symbol}); err != nil {
			return err
		}
	}
	w.events = append(w.events, events...)
	return nil
}

func split[T any](rows []T, used func(T) bool) (yes, no []T) {
	for _, row := range rows {
		if used(row) {
			yes = append(yes, row)
		} else {
			no = append(no, row)
		}
	}
	return yes, no
}

// emit adds an event to the write.
func (w *write) emit(eventType, model string, payload any) error {
	raw, err := wire.Marshal(payload)
	if err != nil {
		return fmt.Errorf("error rendering a %s event: %w", eventType, err)
	}
	w.events = append(w.events, entities.OutboxEvent{
		Aggregate: string(w.batch.Kind), ModelID: model, CompetitionID: w.competition, Type: eventType, Payload: entities.JSON(raw),
	})
	return nil
}

// rejectSiblings makes every item of an atomic batch share the fate of a rejected one.
// It reports whether there is one.
func (w *write) rejectSiblings() bool {
	first := w.firstRefused()
	if first < 0 {
		return false
	}
	for i := range w.entries {
		if e := &w.entries[i]; e.accepted() {
			e.reject(RejectedSibling, fmt.Sprintf("not stored: item %d of the atomic batch was rejected", first), nil)
		}
	}
	return true
}

func (w *write) firstRefused() int {
	return slices.IndexFunc(w.entries, func(e entry) bool { return !e.accepted() })
}

func (w *write) anyRefused() bool { return w.firstRefused() >= 0 }

const rejected = "rejected"

// answer makes the replies and, for requests with a key, their responses.
func (w *write) answer() error {
	for _, r := range w.requests {
		if w.isOut(r) {
			continue
		}
		if err := r.answer(w.entries[r.from:r.to]); err != nil {
			return err
		}
	}
	return nil
}

func (r *request) answer(entries []entry) (err error) {
	r.reply = &Reply{Results: make([]Result, len(entries))}
	for i := range entries {
		e := &entries[i]
		if e.accepted() {
			r.reply.Results[i] = Result{ID: e.id, Outcome: string(e.outcome), Competition: e.competition, Equity: string(e.alongOutcome), Detail: e.detail}
			continue
		}
		r.reply.Results[i] = Result{ID: e.id, Outcome: rejected, Competition: e.competition, Rejected: e.rejected}
		if (r.batch.Single || r.batch.Atomic) && r.reply.Rejection == "" && e.rejected.Why != RejectedSibling {
			r.reply.Rejection = e.rejected.Why
		}
	}
	if r.batch.Key == nil {
		return nil
	}
	response, err := r.batch.Respond(r.reply)
	r.reply.Response = &response
	return err
}

// kind is how the items of one batch of a kind are taken in.
type kind struct {
	// domains are those that the items touch; none is Postgres alone.
	domains []Domain
	// accounts says that the items belong to accounts, and so each to a competition.
	accounts bool
	// exclusive says that no other write is under way beside one of the kind.
	exclusive bool
	// shared says that the items of several requests may be stored together: what
	// becomes of an item is then what would have come of it one after the other, and
	// many cost as many round trips as one.
	shared bool
	// always says that Postgres takes its part of an item wherever the domains
	// are.
	always bool
	// decode reads an item; one at fault comes back refused.
	decode func(raw jsontext.Value) entry
	// ahead, where given, asks ahead for what apply reads first.
	ahead func(ctx context.Context, w *write, entries []*entry) error
	// prepare does what must be there before the transaction.
	prepare func(ctx context.Context, w *write, entries []*entry) error
	// apply stores the accepted items and emits what has changed.
	apply func(ctx context.Context, w *write, entries []*entry) error
}

// item is an accepted entry with its value.
type item[T any] struct {
	*entry
	value T
}

// reader reads an item; one at fault comes back as a refused entry.
type reader[T any] func(raw jsontext.Value) (T, entry)

// readerOf makes a reader from the decoder of a wire type; describe names the item and
// what it refers to. An item beyond the bounds is refused.
func readerOf[T any](g *Intake, decode func(jsontext.Value) (T, error), describe func(*T, *entry)) reader[T] {
	return func(raw jsontext.Value) (v T, e entry) {
		if err := g.o.Bounds.CheckSize(raw); err != nil {
			e.invalid(err)
			return v, e
		}
		v, err := decode(raw)
		if err == nil {
			err = g.o.Bounds.Check(&v, g.o.Now())
		}
		e = entry{inFiles: func(*write) any { return v }}
		if err == nil {
			describe(&v, &e)
			return v, e
		}
		e.id = nameOf(raw)
		e.invalid(err)
		return v, e
	}
}

// apply stores accepted items and emits events of what has changed.
type apply[T any] func(ctx context.Context, w *write, items []item[T]) error

// bind hands the entries of a batch to what takes them by their type.
func bind[T any](do apply[T]) func(context.Context, *write, []*entry) error {
	return func(ctx context.Context, w *write, entries []*entry) error {
		items := make([]item[T], len(entries))
		for i, e := range entries {
			items[i] = item[T]{e, e.value.(T)} //nolint:forcetypeassert // which decode has put there
		}
		return do(ctx, w, items)
	}
}

// kindOf is the kind of one batch whose items have one type. Prepare, where given, does
// what must be there before the transaction.
func kindOf[T any](read reader[T], store apply[T], prepare ...apply[T]) kind {
	k := kind{apply: bind(store), decode: func(raw jsontext.Value) entry {
		v, e := read(raw)
		e.value = v
		return e
	}}
	for _, p := range prepare {
		k.prepare = bind(p)
	}
	return k
}

// nameOf finds a name for an item that may be damaged.
func nameOf(raw jsontext.Value) string {
	var probe struct {
		ID    any `json:"id"`
		Trade struct {
			ID any `json:"id"`
		} `json:"trade"`
		Model any `json:"model_id"`
	}
	_ = wire.Unmarshal(raw, &probe) // what can be read is good enough
	for _, name := range []any{probe.ID, probe.Trade.ID, probe.Model} {
		if s, ok := name.(string); ok && s != "" {
			return s
		}
	}
	return ""
}
