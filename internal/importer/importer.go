package importer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/mapping"
	"nof0/internal/snapshot"
	"nof0/internal/wire"
	"nof0/repository"
)

// ErrNothingDone wraps every error of Import: the database is as it was.
var ErrNothingDone = errors.New("nothing was imported")

// Options configure Import.
type Options struct {
	Store           *repository.Store
	PrimaryProvider string
	Benchmarks      []string
	Bounds          wire.Bounds      // of what is taken in
	Now             func() time.Time // the clock for the bounds
	// Competition is that of every row, whatever they name. Where it is "" a row is of
	// the one that it names, or else of the default one, which DefaultCompetition is as
	// configured.
	Competition, DefaultCompetition string
	// Own refuses rows that name another competition than Competition.
	Own bool
	// Domains are what is imported; nil is all of the directory.
	Domains []arena.Domain
	// CapturedAt is the time of the directory's current state; zero is the
	// newest time that the directory mentions.
	CapturedAt time.Time
	// LockWait is how long a statement waits for a lock, such as that of a
	// migration, while others wait for those of the import; 0 is 30 s. It does not
	// hold for other writers of the same models.
	LockWait time.Duration
	// SkipDamaged leaves files out that are not what they claim to be, instead of
	// doing nothing.
	SkipDamaged bool
	// Progress, where given, is called with the rows that are done and their total.
	Progress func(done, total int)
}

// Import loads a snapshot directory in one transaction and says what became
// of every row. An error, which wraps ErrNothingDone, leaves the database as it
// was; refused rows are no error, they stand in the report.
func Import(ctx context.Context, dir string, o Options) (*Report, error) {
	report, err := run(ctx, dir, o)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNothingDone, err)
	}
	return report, nil
}

func run(ctx context.Context, dir string, o Options) (*Report, error) {
	w, err := open(ctx, dir, o, o.Store.Repositories)
	if err != nil {
		return nil, err
	}
	// Partitions are made beforehand: they stay, empty, should the rest fail.
	if err := o.Store.Prices.EnsurePartitions(ctx, w.ticks()); err != nil {
		return nil, err
	}
	if err := o.Store.InTx(ctx, func(ctx context.Context, tx repository.Repositories) error {
		// No domain moves while it is brought what its files may have to follow.
		return w.write(ctx, tx, repository.LockRollout)
	}); err != nil {
		return nil, err
	}
	_ = o.Store.Analyze(ctx) // the import is done; without it, the first queries are slower
	return w.report, nil
}

// ImportInto is Import in a transaction of the caller's, on which it works
// alone: Options.Store is not used. On an error the transaction can only be
// rolled back.
func ImportInto(ctx context.Context, tx repository.Repositories, dir string, o Options) (*Report, error) {
	w, err := open(ctx, dir, o, tx)
	if err == nil {
		err = tx.Prices.EnsurePartitions(ctx, w.ticks())
	}
	if err == nil {
		err = w.write(ctx, tx)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNothingDone, err)
	}
	return w.report, nil
}

// open reads what is to be imported of a directory.
func open(ctx context.Context, dir string, o Options, repos repository.Repositories) (*importing, error) {
	read := snapshot.Read
	if o.SkipDamaged {
		read = snapshot.ReadReadable
	}
	files, err := read(dir, filesOf(o.Domains)...)
	if err != nil {
		return nil, err
	}
	standard := o.Competition
	if standard == "" {
		c, err := repos.Competitions.Default(ctx, o.DefaultCompetition)
		if err != nil {
			return nil, err
		}
		standard = c.ID
	}
	known, err := repos.Competitions.All(ctx)
	if err != nil {
		return nil, err
	}
	all := &importing{report: &Report{}}
	for _, part := range split(files, standard, o.Competition != "") {
		competition := entities.Competition{ID: part.competition}
		if at := slices.IndexFunc(known, func(c entities.Competition) bool { return c.ID == part.competition }); at >= 0 {
			competition = known[at]
		}
		accounts, err := repos.In(part.competition).Accounts.All(ctx)
		if err != nil {
			return nil, err
		}
		inceptions := make(map[string]time.Time)
		for _, account := range accounts {
			if account.InceptionAt != nil {
				inceptions[account.ModelID] = *account.InceptionAt
			}
		}
		c, err := readCapture(part.files, competition, o, inceptions)
		if err == nil {
			err = c.refuseAnother(accounts)
		}
		if err != nil {
			return nil, err
		}
		if o.Domains != nil {
			c.keep(kindsOf(o.Domains))
			c.mentions.AddLeading(dir)
		}
		all.parts = append(all.parts, &writer{capture: c, options: o, dir: dir, all: all})
	}
	all.date(o.CapturedAt)
	return all, nil
}

// ticks are the times of the prices.
func (a *importing) ticks() (times []time.Time) {
	for _, w := range a.parts {
		for _, p := range w.prices {
			times = append(times, wire.MillisTime(p.value.Timestamp))
		}
	}
	return times
}

// writer stores what a capture holds of one competition inside a transaction.
type writer struct {
	*capture
	options Options
	dir     string
	ledger  snapshot.Ledger
	tx      repository.Repositories
	listed  int64 // models that are new, or listed earlier than before
	all     *importing
}

// write stores the part. Its locks are held.
func (w *writer) write(ctx context.Context) error {
	accounts, err := w.tx.Accounts.All(ctx) // somebody may have been faster
	if err == nil {
		err = w.refuseAnother(accounts)
	}
	if err != nil {
		return err
	}
	if err := w.register(ctx); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		w.writePrices, w.writeEquity, w.writeTrades, w.writePositions,
		w.writeAccounts, w.writeAnalytics, w.writeStandings, w.writeThreads, w.writeDecisions,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return w.announce(ctx)
}

// announce leaves one event for the whole import: whoever keeps something that
// was made from the facts makes it again.
func (w *writer) announce(ctx context.Context) error {
	changed := make(map[string]int)
	for _, kind := range w.report.Kinds {
		if n := kind.Inserted + kind.Updated; n > 0 {
			changed[kind.Kind] = n
		}
	}
	if w.listed > 0 {
		changed["models"] = int(w.listed)
	}
	if len(changed) == 0 {
		return nil
	}
	payload, err := wire.Marshal(map[string]any{"captured_at": wire.Seconds(w.capturedAt), "kinds": changed})
	if err != nil {
		return fmt.Errorf("error rendering the event of the import: %w", err)
	}
	return w.tx.Outbox.Append(ctx, []entities.OutboxEvent{{
		Aggregate: "snapshot", Type: arena.EventImport, Payload: entities.JSON(payload),
	}})
}

// locks are those of the models, venues and symbols of the part, and of the models that
// it may close positions of.
func (w *writer) locks(ctx context.Context) (locks []repository.Lock, err error) {
	for id := range w.models {
		locks = append(locks, repository.LockModel(id))
	}
	for id := range w.late {
		locks = append(locks, repository.LockModel(id))
	}
	if w.closesUnlisted() {
		known, err := w.tx.Models.Participants(ctx)
		if err != nil {
			return nil, err
		}
		for _, m := range known {
			locks = append(locks, repository.LockModel(m.ID))
		}
	}
	for _, p := range w.prices {
		provider := mapping.Tick(p.value, w.options.PrimaryProvider).Provider
		locks = append(locks, repository.LockVenue(provider, p.value.Symbol))
	}
	for symbol := range w.symbols {
		locks = append(locks, repository.LockSymbol(symbol))
	}
	return append(locks, repository.LockCompetition(w.competition.ID)), nil
}

// register makes every model and symbol known, lists the models in the order of the
// capture and locks the accounts.
func (w *writer) register(ctx context.Context) (err error) {
	var (
		models   []entities.Model
		accounts []entities.Account
		symbols  []entities.Symbol
		ids      []string
	)
	for place, id := range w.mentions.Models() {
		if !w.models[id] {
			continue
		}
		kind := entities.ModelCompetitor
		if slices.Contains(w.options.Benchmarks, id) {
			kind = entities.ModelBenchmark
		}
		ids = append(ids, id)
		models = append(models, entities.Model{
			ID: id, DisplayName: id, Kind: kind, ListedAt: w.listedAt(), Listing: int64(place),
		})
		accounts = append(accounts, entities.Account{ModelID: id, Provider: w.options.PrimaryProvider})
	}
	for symbol := range w.symbols {
		symbols = append(symbols, entities.Symbol{Symbol: symbol})
	}
	if w.listed, err = w.tx.Models.List(ctx, models); err != nil {
		return err
	}
	if _, err := w.tx.Accounts.Register(ctx, accounts); err != nil {
		return err
	}
	if _, err := w.tx.Symbols.Register(ctx, symbols); err != nil {
		return err
	}
	_, err = w.tx.Accounts.Lock(ctx, ids)
	return err
}

// listedAt is when the directory lists its models: at the time of the capture, or,
// where it was the store until now, before all that the database has registered.
func (w *writer) listedAt() time.Time {
	if w.options.CapturedAt.IsZero() {
		return w.capturedAt
	}
	return time.Unix(0, 0)
}

func (w *writer) writePrices(ctx context.Context) error {
	newest := make(map[string]entities.PriceLatest)
	err := writeFacts(ctx, w, kindPrices, w.prices, w.tx.Prices.InsertTicks, func(p wire.Price) entities.PriceTick {
		return mapping.Tick(p, w.options.PrimaryProvider)
	}, func(tick entities.PriceTick, outcome repository.Outcome) {
		key := tick.Provider + "\x00" + tick.Symbol
		if outcome != repository.Conflict && tick.ObservedAt.After(newest[key].ObservedAt) {
			newest[key] = entities.PriceLatest{
				Provider: tick.Provider, Symbol: tick.Symbol,
				ObservedAt: tick.ObservedAt, Price: tick.Price, Extra: tick.Extra,
			}
		}
	})
	if err != nil {
		return err
	}
	latest := make([]entities.PriceLatest, 0, len(newest))
	for _, p := range newest {
		latest = append(latest, p)
	}
	slices.SortFunc(latest, func(a, b entities.PriceLatest) int { return strings.Compare(a.Symbol, b.Symbol) })
	return w.tx.Prices.RaiseLatest(ctx, latest)
}

func (w *writer) writeEquity(ctx context.Context) error {
	return writeFacts(ctx, w, kindEquity, w.equity, w.tx.Equity.Insert, mapping.Equity, nil)
}

func (w *writer) writeTrades(ctx context.Context) error {
	return writeFacts(ctx, w, kindTrades, w.trades, w.tx.Trades.Insert, func(t wire.Trade) entities.Trade {
		return mapping.Trade(t, w.options.PrimaryProvider)
	}, nil)
}

// statePositions takes in what is open of a model: as a statement of the time
// of a capture, or as what the directory has kept until now, with its facts.
func (w *writer) statePositions(ctx context.Context, model string, rows []entities.Position, extra entities.JSON) ([]repository.Outcome, int64, error) {
	if w.options.CapturedAt.IsZero() {
		return w.tx.Positions.State(ctx, model, rows, extra, w.capturedAt)
	}
	return w.tx.Positions.TakeOver(ctx, model, rows, w.ledger.Facts[model], extra, w.capturedAt)
}

func (w *writer) writePositions(ctx context.Context) (err error) {
	if !w.options.CapturedAt.IsZero() {
		if w.ledger, err = snapshot.ReadLedger(w.dir); err != nil {
			return err
		}
	}
	kind := w.kind(kindPositions)
	for _, s := range w.statements {
		rows, beside := mapping.Statement(w.options.PrimaryProvider, s.value)
		var (
			outcomes []repository.Outcome
			closed   int64
		)
		known, err := w.attempt(ctx, s.late, func(ctx context.Context) (_ []repository.Outcome, err error) {
			outcomes, closed, err = w.statePositions(ctx, s.value.ModelID, rows, beside)
			if closed > 0 {
				return append(slices.Clone(outcomes), repository.Updated), err
			}
			return outcomes, err
		})
		if err != nil {
			return err
		}
		if known {
			for i, outcome := range outcomes {
				kind.record(outcome, s.origin, rows[i].ID)
			}
			kind.count(repository.Updated, int(closed))
		} else {
			kind.reject(s.rejected(s.late))
		}
		w.progress(1)
	}
	return w.closeUnlisted(ctx, kind)
}

// closeUnlisted closes what is open of models that the directory does not list,
// where the directory states how things are and not how they once were.
func (w *writer) closeUnlisted(ctx context.Context, kind *KindReport) error {
	if !w.closesUnlisted() {
		return nil
	}
	models, err := w.tx.Models.Participants(ctx)
	if err != nil {
		return err
	}
	var unlisted []string
	for _, m := range models {
		if !slices.ContainsFunc(w.statements, func(s item[wire.ModelPositions]) bool { return s.value.ModelID == m.ID }) {
			unlisted = append(unlisted, m.ID)
		}
	}
	if len(unlisted) == 0 {
		return nil
	}
	known, err := w.tx.Accounts.Lock(ctx, unlisted)
	if err != nil {
		return err
	}
	for _, account := range known {
		_, closed, err := w.statePositions(ctx, account.ModelID, nil, account.PositionsExtra)
		if err != nil {
			return err
		}
		kind.count(repository.Updated, int(closed))
	}
	return nil
}

func (w *writer) closesUnlisted() bool {
	return !w.options.CapturedAt.IsZero() && len(w.statements) > 0
}

func (w *writer) writeAccounts(ctx context.Context) error {
	return writeEach(ctx, w, kindAccounts, w.accounts, func(ctx context.Context, s wire.SinceInception) (repository.Outcome, error) {
		return w.tx.Accounts.SetInception(ctx, mapping.Account(s, w.options.PrimaryProvider), w.capturedAt)
	})
}

func (w *writer) writeAnalytics(ctx context.Context) error {
	return writeEach(ctx, w, kindAnalytics, w.analytics, func(ctx context.Context, doc analyticsDoc) (repository.Outcome, error) {
		return w.tx.Analytics.Put(ctx, mapping.Analytics(doc.AnalyticsDoc, doc.payload, doc.serverTime, w.capturedAt))
	})
}

func (w *writer) writeStandings(ctx context.Context) error {
	return writeEach(ctx, w, kindStandings, w.standings, func(ctx context.Context, s standing) (repository.Outcome, error) {
		payload, err := wire.Marshal(s.row)
		if err != nil {
			return "", fmt.Errorf("error rendering the standing of %s: %w", s.row.ID, err)
		}
		if s.asOf.IsZero() {
			return w.tx.Accounts.SetStanding(ctx, s.row.ID, entities.JSON(payload), w.capturedAt)
		}
		outcome, err := w.tx.Accounts.SetStanding(ctx, s.row.ID, entities.JSON(payload), s.asOf)
		if outcome == repository.Conflict {
			outcome = repository.Superseded // an export shows the row beside what is newer
		}
		return outcome, err
	})
}

func (w *writer) writeThreads(ctx context.Context) error {
	return writeEach(ctx, w, kindThreads, w.threads, func(ctx context.Context, d wire.Document) (repository.Outcome, error) {
		conversation, messages := mapping.Thread(*d.Thread)
		return w.tx.Conversations.Append(ctx, conversation, messages)
	})
}

func (w *writer) writeDecisions(ctx context.Context) error {
	byModel := make(map[string][]entities.DecisionCycle)
	err := writeFacts(ctx, w, kindDecisions, w.decisions, w.tx.Decisions.Insert, mapping.Decision,
		func(row entities.DecisionCycle, outcome repository.Outcome) {
			if outcome == repository.Inserted {
				byModel[row.ModelID] = append(byModel[row.ModelID], row)
			}
		})
	if err != nil {
		return err
	}
	for _, cycles := range byModel {
		var messages []entities.ConversationMessage
		var conversation entities.Conversation
		for _, cycle := range cycles {
			c, said := mapping.DecisionMessages(cycle)
			conversation = c
			messages = append(messages, said...)
		}
		if _, err := w.tx.Conversations.Append(ctx, conversation, messages); err != nil {
			return err
		}
	}
	return nil
}

// batch is how many facts are written before progress is reported.
const batch = 1000

// errLate rolls back what late rows have changed.
var errLate = errors.New("the competition has ended")

// attempt stores rows. Where they are late none of them may change anything, and known
// is false, with the transaction as it was, where one would.
func (w *writer) attempt(
	ctx context.Context, late wire.Faults, store func(context.Context) ([]repository.Outcome, error),
) (known bool, err error) {
	if late == nil {
		_, err := store(ctx)
		return true, err
	}
	err = w.tx.Attempt(ctx, func(ctx context.Context) error {
		outcomes, err := store(ctx)
		if err == nil && slices.ContainsFunc(outcomes, func(o repository.Outcome) bool {
			return o == repository.Inserted || o == repository.Updated || o == repository.Conflict
		}) {
			return errLate
		}
		return err
	})
	if errors.Is(err, errLate) {
		return false, nil
	}
	return true, err
}

// inTurn yields the items that are in time in chunks, and then the late ones, alone.
func inTurn[T any](items []item[T]) iter.Seq[[]item[T]] {
	return func(yield func([]item[T]) bool) {
		var inTime, late []item[T]
		for _, one := range items {
			if one.late == nil {
				inTime = append(inTime, one)
			} else {
				late = append(late, one)
			}
		}
		for chunk := range slices.Chunk(inTime, batch) {
			if !yield(chunk) {
				return
			}
		}
		for i := range late {
			if !yield(late[i : i+1]) {
				return
			}
		}
	}
}

// writeFacts stores the rows of a kind in batches and counts what became of
// them; seen, where given, is called with each.
func writeFacts[P, R any](
	ctx context.Context, w *writer, kind string, items []item[P],
	insert func(context.Context, []R) ([]repository.Outcome, error),
	row func(P) R, seen func(R, repository.Outcome),
) error {
	report := w.kind(kind)
	for chunk := range inTurn(items) {
		rows := make([]R, len(chunk))
		for i, one := range chunk {
			rows[i] = row(one.value)
		}
		var outcomes []repository.Outcome
		known, err := w.attempt(ctx, chunk[0].late, func(ctx context.Context) (_ []repository.Outcome, err error) {
			outcomes, err = insert(ctx, rows)
			return outcomes, err
		})
		if err != nil {
			return err
		}
		if !known {
			report.reject(chunk[0].rejected(chunk[0].late))
			w.progress(1)
			continue
		}
		corrected := make(map[repository.FactRef]origin)
		for i, outcome := range outcomes {
			report.record(outcome, chunk[i].origin, "")
			if seen != nil {
				seen(rows[i], outcome)
			}
			if ref, ok := repository.RefOf(&rows[i]); ok && outcome == repository.Corrected {
				corrected[ref] = chunk[i].origin
			}
		}
		if err := w.explain(ctx, report, corrected); err != nil {
			return err
		}
		w.progress(len(chunk))
	}
	return nil
}

// explain names the rows whose facts were corrected, in the order of their file.
func (w *writer) explain(ctx context.Context, report *KindReport, corrected map[repository.FactRef]origin) error {
	newest, err := w.tx.Corrections.Of(ctx, slices.Collect(maps.Keys(corrected)))
	if err != nil {
		return err
	}
	from := len(report.Corrected)
	for ref, c := range newest {
		at := corrected[ref].rejected(nil)
		report.Corrected = append(report.Corrected, CorrectedRow{at.File, at.Row, at.Offset, at.ID, repository.Explain(c)})
	}
	slices.SortFunc(report.Corrected[from:], func(a, b CorrectedRow) int { return cmp.Compare(a.Row, b.Row) })
	return nil
}

// writeEach stores the rows of a kind of which there are few, one by one.
func writeEach[P any](ctx context.Context, w *writer, kind string, items []item[P], put func(context.Context, P) (repository.Outcome, error)) error {
	report := w.kind(kind)
	for _, one := range items {
		var outcome repository.Outcome
		known, err := w.attempt(ctx, one.late, func(ctx context.Context) (_ []repository.Outcome, err error) {
			outcome, err = put(ctx, one.value)
			return []repository.Outcome{outcome}, err
		})
		if err != nil {
			return err
		}
		if known {
			report.record(outcome, one.origin, "")
		} else {
			report.reject(one.rejected(one.late))
		}
		w.progress(1)
	}
	return nil
}

func (w *writer) kind(kind string) *KindReport {
	return &w.report.Kinds[slices.Index(kinds(), kind)]
}

func (w *writer) progress(rows int) {
	w.all.done += rows
	if w.options.Progress != nil {
		w.options.Progress(w.all.done, w.all.total())
	}
}

func (w *writer) total() int {
	return len(w.prices) + len(w.equity) + len(w.trades) + len(w.statements) +
		len(w.accounts) + len(w.analytics) + len(w.standings) + len(w.threads) + len(w.decisions)
}
