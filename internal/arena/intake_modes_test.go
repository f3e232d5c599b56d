package arena_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/wire/wiretest"
	"nof0/repository"
)

// paper is a JSON side that notes what it is asked and answers as it is told.
type paper struct {
	mu      sync.Mutex
	applied []applied
	outcome repository.Outcome
	err     error
}

type applied struct {
	kind    arena.IngestKind
	items   int
	domains []arena.Domain
	atomic  bool
}

func (*paper) Known(context.Context, []string, []string) (models, symbols []string, err error) {
	return nil, nil, nil
}

func (p *paper) Apply(ctx context.Context, kind arena.IngestKind, items []any, domains []arena.Domain) ([]arena.JSONResult, error) {
	return p.apply(ctx, kind, items, domains, false)
}

func (p *paper) ApplyAll(ctx context.Context, kind arena.IngestKind, items []any, domains []arena.Domain) ([]arena.JSONResult, error) {
	return p.apply(ctx, kind, items, domains, true)
}

func (p *paper) apply(_ context.Context, kind arena.IngestKind, items []any, domains []arena.Domain, atomic bool) ([]arena.JSONResult, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.applied = append(p.applied, applied{kind, len(items), slices.Clone(domains), atomic})
	results := make([]arena.JSONResult, len(items))
	for i := range results {
		results[i] = arena.JSONResult{Outcome: p.outcome}
		if p.outcome == repository.Conflict {
			results[i].Reason = "the file says otherwise"
		}
	}
	return results, p.err
}

// taken returns what was applied since it was last asked.
func (p *paper) taken() []applied {
	p.mu.Lock()
	defer p.mu.Unlock()
	taken := p.applied
	p.applied = nil
	return taken
}

// modesBundle is an intake with a JSON side beside it.
type modesBundle struct {
	*intakeBundle

	paper *paper
}

func setupModes(t *testing.T) *modesBundle {
	t.Helper()
	b := &modesBundle{intakeBundle: setupIntake(t), paper: &paper{outcome: repository.Inserted}}
	b.intake = arena.NewIntake(arena.IntakeOptions{
		Bounds: wiretest.Bounds(),
		Store:  b.store, PrimaryProvider: "hyperliquid", JSON: b.paper,
		Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	return b
}

// put brings domains to a mode of writing.
func (b *modesBundle) put(t *testing.T, mode arena.WriteMode, domains ...arena.Domain) {
	t.Helper()
	for _, d := range domains {
		require.NoError(t, b.store.Rollout.Set(t.Context(), entities.RolloutChange{
			Domain: string(d), ReadTo: string(arena.ReadJSON), WriteTo: string(mode),
		}))
	}
}

const modesTrade = `{"trade":{"id":"m_1","model_id":"m","symbol":"SOL","side":"long","quantity":1,"entry_oid":7,"entry_time":1,` +
	`"exit_time":2,"entry_price":200,"exit_price":201,"realized_net_pnl":1},` +
	`"equity":{"model_id":"m","timestamp":20000,"dollar_equity":10001,"since_inception_hourly_marker":5}}`

// samples are an item of each kind that touches a domain, and the rows that it
// makes in Postgres.
func samples() map[arena.IngestKind]struct{ item, rows string } {
	return map[arena.IngestKind]struct{ item, rows string }{
		arena.IngestPrices:        {`{"symbol":"SOL","price":190.5,"timestamp":1761452335744}`, "price_ticks"},
		arena.IngestPositions:     {position(7, "5"), "positions"},
		arena.IngestTrades:        {modesTrade, "trades"},
		arena.IngestEquity:        {`{"model_id":"m","timestamp":20001,"dollar_equity":10001,"since_inception_hourly_marker":5}`, "account_equity_snapshots"},
		arena.IngestConversations: {`{"model_id":"m","messages":[{"role":"user","content":"hi","timestamp":5}]}`, "conversation_messages"},
		arena.IngestDecisions:     {`{"id":"m_5.5","model_id":"m","timestamp":5.5}`, "decision_cycles"},
		arena.IngestAnalytics:     {`{"model_id":"m","win_rate":50,"updated_at":5}`, "model_analytics"},
	}
}

func touched(kind arena.IngestKind) []arena.Domain {
	switch kind {
	case arena.IngestPrices:
		return []arena.Domain{arena.DomainPrices}
	case arena.IngestPositions:
		return []arena.Domain{arena.DomainPositions}
	case arena.IngestTrades:
		return []arena.Domain{arena.DomainTrades, arena.DomainPositions, arena.DomainAccounts}
	case arena.IngestEquity, arena.IngestModels:
		return []arena.Domain{arena.DomainAccounts}
	case arena.IngestConversations, arena.IngestDecisions:
		return []arena.Domain{arena.DomainConversations}
	case arena.IngestAnalytics:
		return []arena.Domain{arena.DomainAnalytics}
	}
	return nil
}

// TestWritesGoWhereTheSwitchesSay holds that no fact of a domain in json reaches
// Postgres, and none of another the files.
func TestWritesGoWhereTheSwitchesSay(t *testing.T) {
	t.Parallel()
	for kind, sample := range samples() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			b := setupModes(t)
			events := b.count(t, "SELECT count(*) FROM outbox_events")
			require.Equal(t, []string{"inserted"}, b.send(t, kind, sample.item)) // the start: json
			require.Equal(t, []applied{{kind, 1, touched(kind), false}}, b.paper.taken())
			require.Zero(t, b.count(t, "SELECT count(*) FROM "+sample.rows))
			require.Equal(t, events, b.count(t, "SELECT count(*) FROM outbox_events"))

			b.paper.outcome = repository.Conflict
			rejection, results := b.take(t, batch(kind, sample.item))
			require.Equal(t, arena.RejectedConflict, rejection)
			require.Equal(t, "the file says otherwise", results[0].Rejected.Detail)
			b.paper.taken()

			for _, mode := range []arena.WriteMode{arena.WriteBoth, arena.WriteStore} {
				b.put(t, mode, touched(kind)...)
				want := "inserted"
				if mode == arena.WriteStore {
					want = "unchanged"
				}
				require.Equal(t, []string{want}, b.send(t, kind, sample.item))
				require.Empty(t, b.paper.taken())
				require.Positive(t, b.count(t, "SELECT count(*) FROM "+sample.rows))
			}
		})
	}
}

// TestATradeOfDomainsThatHaveMovedAndNot holds that Postgres takes a trade as
// soon as one of its domains has moved, with all but the positions while those
// are told by the files.
func TestATradeOfDomainsThatHaveMovedAndNot(t *testing.T) {
	t.Parallel()
	b := setupModes(t)
	b.put(t, arena.WriteBoth, arena.DomainPositions)
	b.send(t, arena.IngestPositions, position(6, "3")) // from before the files took over
	b.put(t, arena.WriteJSON, arena.DomainPositions)
	b.put(t, arena.WriteBoth, arena.DomainTrades)

	// What Postgres has open would refuse this fill's rest.
	const fill = `{"trade":{"id":"m_1","model_id":"m","symbol":"SOL","side":"long","quantity":1,"entry_oid":7,"entry_time":1,` +
		`"exit_time":2,"entry_price":200,"exit_price":201,"realized_net_pnl":1},"remaining":{"symbol":"SOL","entry_oid":7,"entry_price":200,"quantity":4}}`
	b.paper.outcome = repository.Conflict // what the files say of it counts for nothing
	require.Equal(t, []string{"inserted"}, b.send(t, arena.IngestTrades, fill))
	require.Equal(t, []applied{{arena.IngestTrades, 1, []arena.Domain{arena.DomainPositions, arena.DomainAccounts}, false}}, b.paper.taken())
	require.Equal(t, 1, b.count(t, "SELECT count(*) FROM trades"))
	require.Equal(t, 1, b.count(t, "SELECT count(*) FROM positions"))
	require.Equal(t, 1, b.count(t, "SELECT count(*) FROM positions WHERE status = 'open' AND quantity = 3"))

	// The files are the truth of the domains that they tell: without them there is
	// nothing in Postgres either.
	another := batch(arena.IngestTrades, strings.ReplaceAll(fill, "m_1", "m_2"))
	b.paper.err = errors.New("disk full")
	_, err := b.intake.Ingest(t.Context(), another)
	require.ErrorIs(t, err, arena.ErrUnavailable)
	require.Equal(t, 1, b.count(t, "SELECT count(*) FROM trades"))
	b.paper.err = nil
	require.Equal(t, []string{"unchanged"}, b.send(t, arena.IngestTrades, fill))
	b.paper.taken()

	// What Postgres refuses does not get into the files.
	rejection, _ := b.take(t, batch(arena.IngestTrades, trade("m_1", 7, "-5", 900)))
	require.Equal(t, arena.RejectedConflict, rejection)
	require.Empty(t, b.paper.taken())
}

func TestAModelsInceptionIsOfItsAccount(t *testing.T) {
	t.Parallel()
	b := setupModes(t)
	const known = `{"id":"n","since_inception":{"model_id":"n","nav_since_inception":10000,"inception_date":1}}`
	require.Equal(t, []string{"inserted"}, b.send(t, arena.IngestModels, known))
	require.Len(t, b.paper.taken(), 1)
	require.Equal(t, 1, b.count(t, "SELECT count(*) FROM accounts WHERE model_id = 'n' AND inception_at IS NULL"))

	b.paper.outcome = repository.Unchanged
	require.Equal(t, []string{"unchanged"}, b.send(t, arena.IngestModels, known))
	b.paper.outcome = repository.Inserted
	require.Equal(t, []string{"updated"}, b.send(t, arena.IngestModels, known))
	b.paper.taken()
	require.Equal(t, []string{"inserted"}, b.send(t, arena.IngestModels, `{"id":"o"}`), "it says nothing of its account")
	require.Empty(t, b.paper.taken())

	b.put(t, arena.WriteStore, arena.DomainAccounts)
	require.Equal(t, []string{"updated"}, b.send(t, arena.IngestModels, known))
	require.Empty(t, b.paper.taken())
	require.Equal(t, 1, b.count(t, "SELECT count(*) FROM accounts WHERE model_id = 'n' AND inception_nav = 10000"))
}

// TestFilesThatFail holds that a write that goes to the files alone is not
// acknowledged unless they have it.
func TestFilesThatFail(t *testing.T) {
	t.Parallel()
	b := setupModes(t)
	w := batch(arena.IngestTrades, modesTrade)
	w.Key = &arena.RequestKey{TokenID: "t", Key: "k", Digest: "d"}
	b.paper.err = errors.New("disk full")
	_, err := b.intake.Ingest(t.Context(), w)
	require.ErrorIs(t, err, arena.ErrUnavailable)
	require.Zero(t, b.count(t, "SELECT count(*) FROM idempotency_keys"))
	b.paper.err = nil
	rejection, results := b.take(t, w)
	require.Empty(t, rejection)
	require.Equal(t, "inserted", results[0].Outcome)

	// The same key gets the same answer, whatever has moved.
	b.put(t, arena.WriteStore, touched(arena.IngestTrades)...)
	_, again := b.take(t, w)
	require.Equal(t, results, again)
	require.Zero(t, b.count(t, "SELECT count(*) FROM trades"))
}

func TestAtomicInTheFiles(t *testing.T) {
	t.Parallel()
	b := setupModes(t)
	w := batch(arena.IngestTrades, trade("m_1", 7, "-1", 200), trade("m_2", 7, "-1", 201))
	w.Atomic = true
	b.paper.outcome = repository.Conflict
	rejection, _ := b.take(t, w)
	require.Equal(t, arena.RejectedConflict, rejection)
	require.Equal(t, []applied{{arena.IngestTrades, 2, touched(arena.IngestTrades), true}}, b.paper.taken())

	// One that is refused before is not brought to the files at all.
	w.Items = append(w.Items, w.Items[0][:1])
	rejection, _ = b.take(t, w)
	require.Equal(t, arena.RejectedInvalid, rejection)
	require.Empty(t, b.paper.taken())
}

// TestWithoutFiles holds that an instance without a directory takes no write
// that belongs into one.
func TestWithoutFiles(t *testing.T) {
	t.Parallel()
	b := setupModes(t)
	without := arena.NewIntake(arena.IntakeOptions{
		Bounds: wiretest.Bounds(),
		Store:  b.store, PrimaryProvider: "hyperliquid", Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	w := batch(arena.IngestPrices, samples()[arena.IngestPrices].item)
	_, err := without.Ingest(t.Context(), w)
	require.NoError(t, err, "nobody has set anything: it goes to Postgres")
	b.put(t, arena.WriteJSON, arena.DomainPrices)
	_, err = without.Ingest(t.Context(), w)
	require.ErrorIs(t, err, arena.ErrUnavailable)
	_, err = without.Ingest(t.Context(), batch(arena.IngestSymbols, `{"symbol":"ETH"}`))
	require.NoError(t, err, "what is of no domain has nothing to do with it")
}

// BenchmarkWrite measures what a write of one trade costs, the rollout lock and
// the reading of the switches included.
func BenchmarkWrite(b *testing.B) {
	bundle := setupIntake(b)
	n := 0
	for b.Loop() {
		n++
		if _, err := bundle.intake.Ingest(b.Context(), batch(arena.IngestTrades, trade("m_"+time.Unix(int64(n), 0).Format(time.RFC3339), 7, "-1", n+200))); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRolloutLock measures the part of it that the rollout adds.
func BenchmarkRolloutLock(b *testing.B) {
	bundle := setupIntake(b)
	for _, with := range []bool{false, true} {
		name := "transaction alone"
		if with {
			name = "with lock and switches"
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				err := bundle.store.InTx(b.Context(), func(ctx context.Context, tx repository.Repositories) error {
					if !with {
						return nil
					}
					if err := tx.Locks.Hold(ctx, []repository.Lock{repository.LockRollout}); err != nil {
						return err
					}
					_, err := tx.Rollout.Switches(ctx)
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
