package arena

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"slices"
	"sync"

	"nof0/cachelayer"
	"nof0/repository"
)

// Guard remembers the trades that were taken in lately. It only chooses the
// cheaper question: of a write whose trades it all knows, one statement asks the
// database whether they are stored as they are, and no transaction is begun. What
// it remembers may be of another database, or from before a restore, so that its
// word alone is no answer; a guard that is away costs nothing but that work.
type Guard interface {
	Ingested(ctx context.Context, trades ...cachelayer.TradeRef) (map[cachelayer.TradeRef]string, error)
	SetAllIngested(ctx context.Context, digests map[cachelayer.TradeRef]string) error
}

// repeated answers a write of trades that are all stored as they now come. It does
// not where that has to be decided in a transaction: also where JSON files are
// written, which the database does not know.
func (w *write) repeated(ctx context.Context) bool {
	guard := w.intake.o.Guard
	if guard == nil || w.intake.o.JSON != nil || w.batch.Kind != IngestTrades ||
		slices.ContainsFunc(w.requests, func(r *request) bool { return r.batch.Key != nil }) {
		return false
	}
	if slices.ContainsFunc(w.entries, func(e entry) bool {
		return !e.accepted() || e.equity != nil // which has an identity of its own
	}) {
		return false
	}
	digests := w.digests()
	refs := make([]cachelayer.TradeRef, 0, len(digests))
	for ref := range digests {
		refs = append(refs, ref)
	}
	known, err := guard.Ingested(ctx, refs...)
	if err != nil {
		return false
	}
	for ref, digest := range digests {
		if known[ref] != digest {
			return false
		}
	}
	named := w.entries[0].named
	if slices.ContainsFunc(w.entries, func(e entry) bool { return e.named != named }) {
		return false
	}
	if named == "" {
		standard, err := w.intake.o.Store.Competitions.Default(ctx, w.intake.o.Competition)
		if err != nil {
			return false
		}
		named = standard.ID
	}
	fills := make([]repository.Fill, len(w.entries))
	for i := range w.entries {
		fills[i] = w.entries[i].fill(w)
	}
	if stored, err := w.intake.o.Store.In(named).Trading.Stored(ctx, fills); err != nil || !stored {
		return false
	}
	for i := range w.entries {
		w.entries[i].outcome, w.entries[i].competition = repository.Unchanged, named
	}
	if err := w.answer(); err != nil {
		return false
	}
	return true
}

// guard remembers the trades of a committed write, while its caller does something else
// until it waits.
func (w *write) guard(ctx context.Context) (wait func()) {
	if w.intake.o.Guard == nil || w.batch.Kind != IngestTrades {
		return func() {}
	}
	digests := w.digests() // here, where a panic is an answer
	var done sync.WaitGroup
	done.Go(func() {
		if err := w.intake.o.Guard.SetAllIngested(ctx, digests); err != nil {
			w.intake.o.Logger.DebugContext(ctx, "trades are not guarded", slog.Any("error", err))
		}
	})
	return done.Wait
}

// digests maps the accepted trades to the digests of their items. Of a trade
// that stands twice with two contents there is none that fits both.
func (w *write) digests() map[cachelayer.TradeRef]string {
	digests := make(map[cachelayer.TradeRef]string, len(w.entries))
	for i := range w.entries {
		e := &w.entries[i]
		if !e.accepted() {
			continue
		}
		ref := cachelayer.TradeRef{Model: e.models[0], ID: e.id}
		sum := sha256.Sum256(slices.Concat([]byte(e.named+"\x00"), w.batch.Items[i]))
		digest := hex.EncodeToString(sum[:])
		if other, twice := digests[ref]; twice && other != digest {
			digest = "two contents"
		}
		digests[ref] = digest
	}
	return digests
}
