package arena

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"nof0/entities"
	"nof0/internal/wire"
	"nof0/repository"
)

// JSONSide takes the writes of domains that are in WriteJSON.
type JSONSide interface {
	// Known returns those of the given models and symbols that any file mentions.
	Known(ctx context.Context, models, symbols []string) (knownModels, knownSymbols []string, err error)
	// Apply brings items of one kind, as their decoder left them, to the files
	// of the given domains. When it returns, the files have been replaced
	// durably. The caller holds the rollout lock (shared). Results are in the
	// order of the items; identity decides, as it does in Postgres.
	Apply(ctx context.Context, kind IngestKind, items []any, domains []Domain) ([]JSONResult, error)
	// ApplyAll is Apply of all items or none: after a Conflict the files are as
	// they were, whatever the other results say.
	ApplyAll(ctx context.Context, kind IngestKind, items []any, domains []Domain) ([]JSONResult, error)
}

// JSONResult is what became of one item in the files.
type JSONResult struct {
	Outcome repository.Outcome
	Reason  string // of a conflict
	Detail  string // see Result
	Equity  repository.Outcome
}

// SizedTrade is an item of trades with the size step of its symbol in coins, 0
// where it is not known. JSONSide takes it in the place of a wire.TradeItem.
type SizedTrade struct {
	wire.TradeItem

	SizeStep float64
}

// errNotShared rolls a shared write back: the files do not undo what they took, so that
// each of its requests goes on alone.
var errNotShared = errors.New("writes of JSON files share no transaction")

// place finds where the write goes, which lock keeps so. What belongs to no domain goes
// to Postgres.
func (w *write) place(kind kind) error {
	w.json = nil
	for _, d := range kind.domains {
		if writeModeOf(d, w.scope.Switches, InitialModes(w.intake.o.JSON != nil)) == WriteJSON {
			w.json = append(w.json, d)
		}
	}
	if w.shared && len(w.json) > 0 {
		return errNotShared
	}
	if len(w.json) > 0 && w.intake.o.JSON == nil {
		return fmt.Errorf("%w: writes of %v go to the JSON store, and this instance has no json_dir (NOF0_JSON_DIR)", ErrUnavailable, w.json)
	}
	return nil
}

func writeModeOf(d Domain, set []entities.RolloutSwitch, initial Modes) WriteMode {
	for _, s := range set {
		if s.Domain == string(d) {
			return WriteMode(s.WriteMode)
		}
	}
	return initial.Write
}

// inJSON reports whether a domain is written to the JSON files and not to
// Postgres. They hold the default competition.
func (w *write) inJSON(d Domain) bool {
	return w.competition == w.standard && slices.Contains(w.json, d)
}

// store brings the accepted items to where they go.
//
// Postgres takes an item unless all its domains are in the files: then their
// outcome counts, and otherwise that of Postgres. For a domain that is written to
// the files they are the truth: when they fail, so does the write, on both sides.
func (w *write) store(ctx context.Context, kind kind) error {
	if err := w.eachCompetition(func() error { return w.storeBound(ctx, kind) }); err != nil {
		return err
	}
	w.bind(w.standard)
	defer w.bind("")
	return w.storeJSON(ctx, kind)
}

// onlyJSON reports whether what is bound goes to the JSON files alone.
func (w *write) onlyJSON(kind kind) bool {
	return w.competition == w.standard && len(w.json) > 0 && len(w.json) == len(kind.domains)
}

// storeBound brings the accepted items of the bound competition to Postgres.
func (w *write) storeBound(ctx context.Context, kind kind) error {
	if w.onlyJSON(kind) {
		// The files keep no corrections.
		if err := w.refuseCorrected(ctx, w.bound(w.accepted()), isVoid); err != nil {
			return err
		}
		// They cannot be asked without being changed.
		for _, e := range w.bound(w.accepted()) {
			if e.late != "" {
				e.conflict(e.late)
			}
		}
		if !kind.always {
			return nil
		}
	}
	return w.applyBound(ctx, kind)
}

// storeJSON brings the accepted items of the default competition to the JSON files,
// after all others: what the files take is not rolled back.
func (w *write) storeJSON(ctx context.Context, kind kind) error {
	items := w.bound(w.forJSON())
	if len(items) == 0 || w.batch.Atomic && w.anyRefused() {
		return nil
	}
	if err := w.tx.Flush(ctx); err != nil {
		return err
	}
	values := make([]any, len(items))
	for i, e := range items {
		values[i] = e.inFiles(w)
	}
	apply := w.intake.o.JSON.Apply
	if w.batch.Atomic {
		apply = w.intake.o.JSON.ApplyAll
	}
	results, err := apply(ctx, w.batch.Kind, values, w.json)
	if err == nil && len(results) != len(items) {
		err = fmt.Errorf("the JSON store answered for %d of %d items", len(results), len(items))
	}
	if err != nil {
		return fmt.Errorf("%w: error writing to the JSON store: %w", ErrUnavailable, err)
	}
	if w.onlyJSON(kind) {
		for i, e := range items {
			e.takeBoth(results[i], kind.always)
		}
	}
	return nil
}

// forJSON returns the accepted items that the files have a place for.
func (w *write) forJSON() []*entry {
	if len(w.json) == 0 {
		return nil
	}
	return slices.DeleteFunc(w.accepted(), func(e *entry) bool { return e.inFiles == nil })
}

// takeBoth takes over what the files made of an item of which Postgres may
// have stored another part.
func (e *entry) takeBoth(r JSONResult, also bool) {
	before := e.outcome
	e.take(r.Outcome, r.Reason)
	e.detail, e.alongOutcome = r.Detail, r.Equity
	switch {
	case !also || !e.accepted():
	case before == repository.Unchanged && e.outcome != repository.Unchanged:
		e.outcome = repository.Updated // the model was there
	default:
		e.outcome = before
	}
}

// knownToFiles returns which models and symbols, of those that Postgres does not know,
// the JSON files mention, where they are the truth of the write: before the first
// import, Postgres knows none of them.
func (w *write) knownToFiles(ctx context.Context, models, symbols []string) (knownModels, knownSymbols []string, err error) {
	if len(w.json) == 0 || len(models)+len(symbols) == 0 {
		return nil, nil, nil
	}
	knownModels, knownSymbols, err = w.intake.o.JSON.Known(ctx, models, symbols)
	if err != nil {
		err = fmt.Errorf("%w: error asking the JSON store for what it holds: %w", ErrUnavailable, err)
	}
	return knownModels, knownSymbols, err
}

// symbolsOfFiles returns which of the symbols the JSON files mention, none where
// there are no files.
func (w *write) symbolsOfFiles(ctx context.Context, symbols []string) ([]string, error) {
	if w.intake.o.JSON == nil || len(symbols) == 0 {
		return nil, nil
	}
	_, listed, err := w.intake.o.JSON.Known(ctx, nil, symbols)
	if err != nil {
		err = fmt.Errorf("%w: error asking the JSON store for what it holds: %w", ErrUnavailable, err)
	}
	return listed, err
}

// refuseJSON refuses a correction where Postgres is not where the fact is written.
func (c *correcting) refuseJSON(ctx context.Context, domains []Domain) error {
	if c.competition != c.standard {
		return nil // the files hold the default competition
	}
	set, err := c.tx.Rollout.Switches(ctx)
	if err != nil {
		return err
	}
	for _, d := range domains {
		if writeModeOf(d, set, InitialModes(c.intake.o.JSON != nil)) == WriteJSON {
			return &RefusedError{Reason: fmt.Sprintf(
				"writes of %[1]s go to the JSON files, which keep no corrections: move it first, nof0 rollout %[1]s write=both, and correct the fact then; the files follow", d)}
		}
	}
	return nil
}

// refuseOtherDefault refuses another default competition while the JSON files alone have
// facts of the one that they hold.
func (w *write) refuseOtherDefault(ctx context.Context, before, after string) error {
	if w.intake.o.JSON == nil {
		return nil
	}
	set, err := w.tx.Rollout.Switches(ctx)
	if err != nil {
		return err
	}
	for _, d := range Domains() {
		if writeModeOf(d, set, InitialModes(true)) == WriteJSON {
			return &RefusedError{Reason: fmt.Sprintf(
				"the default competition would be %q instead of %q, which the JSON files hold, and writes of %[3]s go to the files alone: "+
					"move it first, nof0 rollout %[3]s write=both, or name the default in arena.competition", after, before, d)}
		}
	}
	return nil
}
