package recompute_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"nof0/atlas/atlastest"
	"nof0/entities"
	"nof0/internal/analytics"
	"nof0/internal/arena"
	"nof0/internal/await"
	"nof0/internal/mapping"
	"nof0/internal/recompute"
	"nof0/internal/season"
	"nof0/internal/testdb"
	"nof0/internal/wire"
	"nof0/internal/wire/wiretest"
	"nof0/repository"
)

const provider = "hyperliquid"

// bundle is a database that takes in a season bit by bit.
type bundle struct {
	store  *repository.Store
	job    *recompute.Job
	intake *arena.Intake
	source *arena.Store

	competition string // that ingest names; "" names none

	mu     sync.Mutex
	events []entities.OutboxEvent
}

func setup(t testing.TB) *bundle {
	t.Helper()
	b := &bundle{}
	dsn := testdb.New(t, atlastest.Migrator{})
	b.store = openStore(t, dsn)
	b.intake = arena.NewIntake(arena.IntakeOptions{
		Bounds: wiretest.Bounds(), Store: b.store, PrimaryProvider: provider, Now: time.Now,
	})
	b.source = arena.NewStore(b.store.Repositories, provider, time.Now)
	b.job = recompute.New(recompute.Options{
		Store: b.store, Registerer: prometheus.NewPedanticRegistry(), Debounce: time.Millisecond,
		AfterCommit: func(_ context.Context, events []entities.OutboxEvent) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.events = append(b.events, events...)
		},
	})
	return b
}

func openStore(t testing.TB, dsn string) *repository.Store {
	t.Helper()
	s, err := repository.Open(context.Background(), repository.Options{
		DSN: dsn, MaxOpen: 12, MaxIdle: 12, ConnectTimeout: 10 * time.Second, StatementTimeout: time.Minute,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func generate(t testing.TB, seed uint64, hours int) *season.Season {
	t.Helper()
	s, err := season.Generate(t.Context(), season.Options{Seed: seed, Models: 3, Hours: hours})
	require.NoError(t, err)
	return s
}

// ingest brings items of a kind and expects each to be taken.
func (b *bundle) ingest(t testing.TB, kind arena.IngestKind, items ...any) {
	t.Helper()
	for chunk := range slices.Chunk(items, arena.MaxBatch) {
		batch := arena.Batch{Kind: kind, Register: true, Atomic: true, Competition: b.competition}
		for _, item := range chunk {
			raw, err := wire.Marshal(item)
			require.NoError(t, err)
			batch.Items = append(batch.Items, raw)
		}
		reply, err := b.intake.Ingest(t.Context(), batch)
		require.NoError(t, err)
		require.Empty(t, reply.Rejection, "%+v", reply.Results)
	}
}

func anys[T any](items []T) []any {
	out := make([]any, len(items))
	for i := range items {
		out[i] = &items[i]
	}
	return out
}

func (b *bundle) register(t testing.TB, s *season.Season) {
	t.Helper()
	for _, symbol := range s.Symbols() {
		b.ingest(t, arena.IngestSymbols, wire.Symbol{Symbol: symbol})
	}
}

// served is the document that is served of a model.
func (b *bundle) served(t testing.TB, model string) analytics.Document {
	t.Helper()
	answer, err := b.source.AnalyticsOf(t.Context(), model)
	require.NoError(t, err)
	var doc analytics.Document
	require.NoError(t, json.Unmarshal(answer.Analytics[0], &doc))
	return doc
}

// same compares two documents but for when they were computed.
func same(t testing.TB, want, got analytics.Document, why ...any) {
	t.Helper()
	want.UpdatedAt, got.UpdatedAt = wire.Opt[float64]{}, wire.Opt[float64]{}
	x, err := wire.Marshal(want)
	require.NoError(t, err)
	y, err := wire.Marshal(got)
	require.NoError(t, err)
	require.Equal(t, string(x), string(y), why...)
}

func expected(s *season.Season, model string) analytics.Document {
	return expectedOf(s, s.Facts(), model)
}

func expectedOf(s *season.Season, f season.Facts, model string) analytics.Document {
	in := analytics.Input{Model: model, Symbols: s.Symbols(), History: analytics.HistoryWhole}
	for _, trade := range f.Trades {
		if trade.ModelID == model {
			in.Trades = append(in.Trades, trade)
		}
	}
	for _, d := range f.Decisions {
		if d.ModelID == model {
			in.Decisions = append(in.Decisions, d)
		}
	}
	return analytics.Compute(in)
}

// Facts that come in any order, in parts of any size, late ones among them, give
// the document of the whole history.
func TestOrderOfArrivalDoesNotMatter(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			b, s, r := setup(t), generate(t, seed, 60), rand.New(rand.NewPCG(seed, 1))
			b.register(t, s)
			f := s.Facts()
			type fact struct {
				kind arena.IngestKind
				item any
			}
			var facts []fact
			for i := range f.Trades {
				facts = append(facts, fact{arena.IngestTrades, &f.Trades[i]})
			}
			for i := range f.Decisions {
				facts = append(facts, fact{arena.IngestDecisions, &f.Decisions[i]})
			}
			switch seed {
			case 0: // nearly in order
				for i := range facts {
					if j := i + r.IntN(10); j < len(facts) && facts[i].kind == facts[j].kind {
						facts[i], facts[j] = facts[j], facts[i]
					}
				}
			case 1:
				slices.Reverse(facts)
			default:
				r.Shuffle(len(facts), func(i, j int) { facts[i], facts[j] = facts[j], facts[i] })
			}
			for len(facts) > 0 {
				n := min(1+r.IntN(60), len(facts))
				for _, kind := range []arena.IngestKind{arena.IngestTrades, arena.IngestDecisions} {
					var items []any
					for _, f := range facts[:n] {
						if f.kind == kind {
							items = append(items, f.item)
						}
					}
					b.ingest(t, kind, items...)
				}
				facts = facts[n:]
				require.NoError(t, b.job.Once(t.Context()))
			}
			for _, model := range f.Competitors {
				same(t, expected(s, model), b.served(t, model), model)
			}
		})
	}
}

func TestCostFollowsWhatIsNew(t *testing.T) {
	t.Parallel()
	b, s := setup(t), generate(t, 7, 200)
	b.register(t, s)
	f := s.Facts()
	model := f.Competitors[0]
	var trades []wire.Trade
	var decisions []wire.Decision
	for _, trade := range f.Trades {
		if trade.ModelID == model {
			trades = append(trades, trade)
		}
	}
	for _, d := range f.Decisions {
		if d.ModelID == model {
			decisions = append(decisions, d)
		}
	}
	last, lastDecision := len(trades)-1, len(decisions)-1
	b.ingest(t, arena.IngestTrades, anys(trades[:last])...)
	b.ingest(t, arena.IngestDecisions, anys(decisions[:lastDecision])...)
	results, err := b.job.All(t.Context(), []string{model}, nil)
	require.NoError(t, err)
	require.Equal(t, int64(last), results[0].Trades)
	require.Equal(t, int64(lastDecision), results[0].Decisions)

	b.ingest(t, arena.IngestTrades, &trades[last])
	b.ingest(t, arena.IngestDecisions, &decisions[lastDecision])
	r, err := b.job.Advance(t.Context(), model)
	require.NoError(t, err)
	require.False(t, r.Whole)
	require.Equal(t, recompute.Updated, r.Outcome)
	require.LessOrEqual(t, r.Trades, int64(65))
	require.LessOrEqual(t, r.Decisions, int64(17))
	require.Greater(t, int64(lastDecision), 10*r.Decisions, "or the test shows nothing")
	same(t, expected(s, model), b.served(t, model))

	r, err = b.job.Advance(t.Context(), model)
	require.NoError(t, err)
	require.Equal(t, recompute.Unchanged, r.Outcome)
	results, err = b.job.All(t.Context(), []string{model}, nil)
	require.NoError(t, err)
	require.Equal(t, recompute.Unchanged, results[0].Outcome, "all over again, and the same to the last bit")
}

// The same models, with trades and decisions of the same ids in two competitions: each
// account is computed from its own, and each event says of which.
func TestEveryAccountIsComputedAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	seasons := map[string]*season.Season{entities.FirstCompetition: generate(t, 31, 40), "calm": generate(t, 32, 60)}
	_, err := b.store.Competitions.Put(t.Context(), []entities.Competition{{ID: "calm", Name: "Calm", Status: entities.CompetitionRunning}})
	require.NoError(t, err)
	models := seasons["calm"].Facts().Competitors
	half, facts := map[string]int{}, map[string]season.Facts{}
	for id, s := range seasons {
		f := s.Facts()
		for i := range f.Trades { // each has the id of one in the other competition
			f.Trades[i].ID = fmt.Sprint("t", i)
		}
		facts[id] = f
	}
	for _, part := range []int{1, 2} {
		for id, s := range seasons {
			f := facts[id]
			b.competition = id
			b.register(t, s)
			until := len(f.Trades) * part / 2
			b.ingest(t, arena.IngestTrades, anys(f.Trades[half[id]:until])...)
			half[id] = until
			b.ingest(t, arena.IngestDecisions, anys(f.Decisions[len(f.Decisions)*(part-1)/2:len(f.Decisions)*part/2])...)
		}
		require.NoError(t, b.job.Once(t.Context()))
	}
	results, err := b.job.All(t.Context(), models, nil)
	require.NoError(t, err)
	require.Len(t, results, 2*len(models))
	for _, r := range results {
		require.Equal(t, recompute.Unchanged, r.Outcome, "the whole history of %s in %s comes to the same", r.Model, r.Competition)
	}
	told := map[string]int{}
	for _, e := range b.events {
		told[e.CompetitionID]++
	}
	require.Equal(t, map[string]int{entities.FirstCompetition: 2 * len(models), "calm": 2 * len(models)}, told)
	for id, s := range seasons {
		source := bundle{source: arena.NewStore(b.store.In(id).Repositories, provider, time.Now)}
		for _, model := range models {
			same(t, expectedOf(s, facts[id], model), source.served(t, model), id+" "+model)
		}
	}
}

// An imported document is served, and never overwritten, until newer facts have
// come by ingest; what is computed then goes on from it.
func TestImportedDocumentIsServedUntilNewerFactsCome(t *testing.T) {
	t.Parallel()
	b, s := setup(t), generate(t, 9, 48)
	b.register(t, s)
	f := s.Facts()
	model := f.Competitors[1]
	var trades []wire.Trade
	for _, trade := range f.Trades {
		if trade.ModelID == model {
			trades = append(trades, trade)
		}
	}
	whole := expected(s, model)
	cut := len(trades) / 2
	imported := analytics.Compute(analytics.Input{
		Model: model, Trades: trades[:cut], Symbols: s.Symbols(), UpdatedAt: wire.Time(trades[cut].ExitTime - 0.001),
	})
	b.ingest(t, arena.IngestAnalytics, imported)
	same(t, imported, b.served(t, model))

	// By import: not even all of what the document has counted is there.
	require.NoError(t, b.store.InTx(t.Context(), func(ctx context.Context, tx repository.Repositories) error {
		var rows []entities.Trade
		for _, trade := range trades[1:cut] {
			rows = append(rows, mapping.Trade(trade, provider))
		}
		_, err := tx.Trades.Insert(ctx, rows)
		return err
	}))
	require.NoError(t, b.job.Once(t.Context()))
	same(t, imported, b.served(t, model), "imports change nothing of what is served")
	_, err := b.job.All(t.Context(), []string{model}, nil)
	require.NoError(t, err)
	same(t, imported, b.served(t, model), "not even computed by hand")

	for _, trade := range trades[cut:] {
		b.ingest(t, arena.IngestTrades, &trade)
		require.NoError(t, b.job.Once(t.Context()))
	}
	got := b.served(t, model)
	c, _ := got.Coverage.Get()
	require.False(t, c.TradesWhole)
	require.Equal(t, imported.UpdatedAt, c.AdvancedFrom)
	require.Equal(t, whole.OverallTradesOverview.TotalTrades, got.OverallTradesOverview.TotalTrades)
	require.InEpsilon(t, whole.FeePnlMoves.StdNetPnl, got.FeePnlMoves.StdNetPnl, 1e-9)
	require.InEpsilon(t, whole.WinnersLosers.WinRate, got.WinnersLosers.WinRate, 1e-9)
	require.InDelta(t, imported.OverallTradesOverview.MedianSizeOfTradeNotional, got.OverallTradesOverview.MedianSizeOfTradeNotional, 0)
	stored, err := b.store.Analytics.Of(t.Context(), model, entities.AnalyticsImported)
	require.NoError(t, err)
	var untouched analytics.Document
	require.NoError(t, json.Unmarshal(stored.Payload, &untouched))
	same(t, imported, untouched)

	// The trade that was missing comes with another import: now all is known.
	require.NoError(t, b.store.InTx(t.Context(), func(ctx context.Context, tx repository.Repositories) error {
		_, err := tx.Trades.Insert(ctx, []entities.Trade{mapping.Trade(trades[0], provider)})
		return err
	}))
	require.NoError(t, b.job.Once(t.Context()))
	got = b.served(t, model)
	c, _ = got.Coverage.Get()
	require.True(t, c.TradesWhole)
	require.InDelta(t, whole.OverallTradesOverview.MedianSizeOfTradeNotional, got.OverallTradesOverview.MedianSizeOfTradeNotional, 0)

	// A newer imported document takes over again.
	imported.UpdatedAt = wire.Some(trades[len(trades)-1].ExitTime + 60)
	b.ingest(t, arena.IngestAnalytics, imported)
	same(t, imported, b.served(t, model))
}

// Several processes compute beside writers, and every model ends with its whole
// history.
func TestManyRunnersBesideWriters(t *testing.T) {
	t.Parallel()
	b, s := setup(t), generate(t, 11, 40)
	b.register(t, s)
	f := s.Facts()
	ctx, cancel := context.WithCancel(t.Context())
	var runners, writers sync.WaitGroup
	for range 3 {
		runners.Go(func() { b.job.Run(ctx) })
	}
	for _, model := range f.Competitors {
		writers.Go(func() {
			for i := range f.Trades {
				if f.Trades[i].ModelID == model {
					b.ingest(t, arena.IngestTrades, &f.Trades[i])
					b.job.Kick()
				}
			}
			for i := range f.Decisions {
				if f.Decisions[i].ModelID == model {
					b.ingest(t, arena.IngestDecisions, &f.Decisions[i])
					b.job.Kick()
				}
			}
		})
	}
	writers.Wait()
	await.True(t, func() bool {
		b.job.Kick()
		stale, err := b.store.Recompute.Stale(t.Context(), recompute.Version)
		return err == nil && len(stale) == 0
	})
	cancel()
	runners.Wait()
	for _, model := range f.Competitors {
		same(t, expected(s, model), b.served(t, model), model)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	require.NotEmpty(t, b.events)
	for _, e := range b.events {
		require.Equal(t, arena.EventAnalytics, e.Type)
		require.Equal(t, fmt.Sprintf(`{"model_id":%q}`, e.ModelID), string(e.Payload))
	}
}

// Only one computes at a time.
func TestBusy(t *testing.T) {
	t.Parallel()
	b, s := setup(t), generate(t, 3, 12)
	b.register(t, s)
	f := s.Facts()
	b.ingest(t, arena.IngestDecisions, anys(f.Decisions)...)
	require.NoError(t, b.store.InTx(t.Context(), func(ctx context.Context, tx repository.Repositories) error {
		claimed, err := tx.Recompute.Begin(ctx)
		require.NoError(t, err)
		require.True(t, claimed)
		r, err := b.job.Advance(ctx, f.Competitors[0])
		require.NoError(t, err)
		require.Equal(t, recompute.Busy, r.Outcome)
		return nil
	}))
	r, err := b.job.Advance(t.Context(), f.Competitors[0])
	require.NoError(t, err)
	require.Equal(t, recompute.Updated, r.Outcome)
	require.True(t, r.Whole)
	r, err = b.job.Advance(t.Context(), "nobody")
	require.NoError(t, err)
	require.Equal(t, recompute.NoFacts, r.Outcome)
}

// What cannot be read of what was kept is made again.
func TestKeptStateMayBeLost(t *testing.T) {
	t.Parallel()
	b, s := setup(t), generate(t, 3, 30)
	b.register(t, s)
	f := s.Facts()
	b.ingest(t, arena.IngestDecisions, anys(f.Decisions)...)
	b.ingest(t, arena.IngestTrades, anys(f.Trades)...)
	require.NoError(t, b.job.Once(t.Context()))
	model := f.Competitors[0]
	state, _, err := b.store.Recompute.State(t.Context(), model)
	require.NoError(t, err)
	for _, raw := range []string{`{}`, `{"trades":{"stats":{"net":{"n":1,"sum":"x"}}}}`, `[]`} {
		state.State = entities.JSON(raw)
		require.NoError(t, b.store.Recompute.Keep(t.Context(), *state, nil))
		r, err := b.job.Advance(t.Context(), model)
		require.NoError(t, err)
		require.Equal(t, recompute.Unchanged, r.Outcome, raw)
		same(t, expected(s, model), b.served(t, model))
	}
}
