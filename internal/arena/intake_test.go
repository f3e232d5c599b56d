package arena_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"nof0/atlas/atlastest"
	"nof0/cachelayer"
	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/await"
	"nof0/internal/testdb"
	"nof0/internal/wire"
	"nof0/internal/wire/wiretest"
	"nof0/repository"
)

type intakeBundle struct {
	intake *arena.Intake
	store  *repository.Store
	db     *pgx.Conn
	told   []entities.OutboxEvent
	mu     sync.Mutex
}

// waitLong is how long a test waits for what must come.
const waitLong = await.Long

func setupIntake(t testing.TB) *intakeBundle {
	t.Helper()
	dsn := testdb.New(t, atlastest.Migrator{})
	store, err := repository.Open(t.Context(), repository.Options{DSN: dsn, MaxOpen: 20, MaxIdle: 20})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	db, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close(context.Background())) })
	b := &intakeBundle{store: store, db: db}
	b.intake = arena.NewIntake(arena.IntakeOptions{
		Bounds: wiretest.Bounds(), MatchWindow: time.Minute,
		Store: store, PrimaryProvider: "hyperliquid", Benchmarks: []string{"buynhold_btc"},
		AfterCommit: func(_ context.Context, events []entities.OutboxEvent) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.told = append(b.told, events...)
		},
		WriterWait: waitLong,
		Logger:     slog.New(slog.DiscardHandler), Now: time.Now,
	})
	b.send(t, arena.IngestModels, `{"id":"m"}`)
	b.send(t, arena.IngestSymbols, `{"symbol":"SOL","size_step":0.01}`)
	return b
}

// batch makes a write of items.
func batch(kind arena.IngestKind, items ...string) arena.Batch {
	b := arena.Batch{Kind: kind, Single: len(items) == 1}
	for _, item := range items {
		b.Items = append(b.Items, jsontext.Value(item))
	}
	return b
}

// take hands in a write and returns how it was rejected, if it was, and the
// results.
func (b *intakeBundle) take(t testing.TB, w arena.Batch) (arena.Rejection, []arena.Result) {
	t.Helper()
	w.Respond = respond
	reply, err := b.intake.Ingest(t.Context(), w)
	require.NoError(t, err)
	if reply.Response != nil {
		body := reply.Response.Body
		*reply = arena.Reply{}
		require.NoError(t, wire.Unmarshal(body, reply))
	}
	require.Len(t, reply.Results, len(w.Items))
	return reply.Rejection, reply.Results
}

// respond renders a reply so that take can read it back.
func respond(reply *arena.Reply) (arena.Response, error) {
	body, err := wire.Marshal(reply)
	return arena.Response{Status: len(reply.Results), Body: body}, err
}

// send hands in a write that must be accepted whole and returns its outcomes.
func (b *intakeBundle) send(t testing.TB, kind arena.IngestKind, items ...string) []string {
	t.Helper()
	rejection, results := b.take(t, batch(kind, items...))
	require.Empty(t, rejection, "%+v", results)
	var outcomes []string
	for _, r := range results {
		require.Nil(t, r.Rejected, "%+v", r.Rejected)
		outcomes = append(outcomes, r.Outcome)
	}
	return outcomes
}

func (b *intakeBundle) count(t *testing.T, query string, args ...any) int {
	t.Helper()
	var n int
	require.NoError(t, b.db.QueryRow(t.Context(), query, args...).Scan(&n))
	return n
}

// trade is a closing trade of an opening.
func trade(id string, oid int, quantity string, exit int) string {
	return fmt.Sprintf(`{"id":%q,"model_id":"m","symbol":"SOL","side":"short","quantity":%s,"entry_oid":%d,`+
		`"entry_time":100,"exit_time":%d,"entry_price":200,"exit_price":190.5,"realized_net_pnl":-1.25}`, id, quantity, oid, exit)
}

func position(oid int, quantity string) string {
	return fmt.Sprintf(`{"model_id":"m","position":{"symbol":"SOL","entry_oid":%d,"entry_price":200,"quantity":%s,`+
		`"margin":100,"current_price":190,"unrealized_pnl":69.752}}`, oid, quantity)
}

func TestTradeIsTakenOnce(t *testing.T) {
	t.Parallel()
	b := setupIntake(t)
	const clients, times = 64, 1000
	outcomes := make(chan string, times)
	work := make(chan struct{}, times)
	for range times {
		work <- struct{}{}
	}
	close(work)
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for range work {
				reply, err := b.intake.Ingest(t.Context(), batch(arena.IngestTrades, trade("m_1", 7, "-1", 200)))
				if err != nil {
					outcomes <- err.Error()
					continue
				}
				outcomes <- reply.Results[0].Outcome
			}
		})
	}
	all.Wait()
	close(outcomes)
	counts := map[string]int{}
	for o := range outcomes {
		counts[o]++
	}
	require.Equal(t, map[string]int{"inserted": 1, "unchanged": times - 1}, counts)
	require.Equal(t, 1, b.count(t, "SELECT count(*) FROM trades"))
	require.Equal(t, 1, b.count(t, "SELECT count(*) FROM outbox_events WHERE type = 'trade'"))
	require.Equal(t, 1, b.count(t, "SELECT num_trades FROM model_stats"))

	rejection, results := b.take(t, batch(arena.IngestTrades, trade("m_1", 7, "-2", 200)))
	require.Equal(t, arena.RejectedConflict, rejection)
	require.Equal(t, "rejected", results[0].Outcome)
	require.Equal(t, 1, b.count(t, "SELECT count(*) FROM trades WHERE quantity = -1"))
	require.Equal(t, 1, b.count(t, "SELECT count(*) FROM outbox_events WHERE type = 'trade'"))
}

func TestPartialClosesEndInAClosedPosition(t *testing.T) {
	t.Parallel()
	b := setupIntake(t)
	require.Equal(t, []string{"inserted"}, b.send(t, arena.IngestPositions, position(7, "-6.9752")))
	require.Equal(t, []string{"unchanged"}, b.send(t, arena.IngestPositions, position(7, "-6.9752")))

	b.send(t, arena.IngestTrades, trade("m_1", 7, "-2.4952", 200))
	require.Equal(t, 1, b.count(t, "SELECT count(*) FROM positions WHERE status = 'open' AND quantity = -4.48 AND unrealized_pnl BETWEEN 44.79 AND 44.81"))
	b.send(t, arena.IngestTrades, trade("m_1", 7, "-2.4952", 200)) // again: nothing moves
	require.Equal(t, 1, b.count(t, "SELECT count(*) FROM positions WHERE quantity = -4.48"))
	b.send(t, arena.IngestTrades, trade("m_2", 7, "-4.4799999999999995", 300))
	require.Equal(t, 1, b.count(t, "SELECT count(*) FROM positions WHERE status = 'closed' AND closed_at = to_timestamp(300)"))

	// A late repeat of the opening does not bring it back; another order does.
	require.Equal(t, []string{"unchanged"}, b.send(t, arena.IngestPositions, position(7, "-6.9752")))
	rejection, _ := b.take(t, batch(arena.IngestPositions, position(7, "-6")))
	require.Equal(t, arena.RejectedConflict, rejection)
	require.Equal(t, []string{"inserted"}, b.send(t, arena.IngestPositions, position(8, "-3")))
	rejection, results := b.take(t, batch(arena.IngestPositions, position(9, "-3")))
	require.Equal(t, arena.RejectedConflict, rejection)
	require.Contains(t, results[0].Rejected.Detail, "another position")
	require.Equal(t, 2, b.count(t, "SELECT count(*) FROM positions"))
}

func TestTradeSaysWhatRemains(t *testing.T) {
	t.Parallel()
	left := func(oid int, quantity string) string {
		return fmt.Sprintf(`{"symbol":"SOL","entry_oid":%d,"entry_price":200,"quantity":%s}`, oid, quantity)
	}
	cases := map[string]struct {
		remaining string
		rejection arena.Rejection
		open      string
	}{
		"null closes":          {`null`, "", ""},
		"an object is left":    {left(7, "-3"), "", "-3"},
		"of another order":     {left(8, "-3"), arena.RejectedInvalid, "-5"},
		"on the other side":    {left(7, "3"), arena.RejectedInvalid, "-5"},
		"damaged":              {`{"symbol":"SOL"}`, arena.RejectedInvalid, "-5"},
		"absent means reduced": {``, "", "-4"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupIntake(t)
			b.send(t, arena.IngestPositions, position(7, "-5"))
			item := `{"trade":` + trade("m_1", 7, "-1", 200)
			if c.remaining != "" {
				item += `,"remaining":` + c.remaining
			}
			item += `,"equity":{"model_id":"m","timestamp":200,"dollar_equity":1e4,"since_inception_hourly_marker":3}}`
			rejection, results := b.take(t, batch(arena.IngestTrades, item))
			require.Equal(t, c.rejection, rejection, "%+v", results)
			stored := 0
			if c.rejection == "" {
				stored = 1
			}
			require.Equal(t, stored, b.count(t, "SELECT count(*) FROM trades"))
			require.Equal(t, stored, b.count(t, "SELECT count(*) FROM account_equity_snapshots"))
			require.Equal(t, 3*stored, b.count(t, "SELECT count(*) FROM outbox_events WHERE aggregate = 'trades'"))
			if c.open == "" {
				require.Zero(t, b.count(t, "SELECT count(*) FROM positions WHERE status = 'open'"))
				return
			}
			require.Equal(t, 1, b.count(t, "SELECT count(*) FROM positions WHERE status = 'open' AND quantity = "+c.open))
		})
	}
}

func TestBatchItemByItemAndAtomic(t *testing.T) {
	t.Parallel()
	b := setupIntake(t)
	var items []string
	for i := range 1000 {
		items = append(items, trade(fmt.Sprintf("m_%04d", i), 1000+i, "-1", 200+i))
	}
	items[10] = trade("m_{10}", 10, "-1", 200)
	items[500] = trade("m_0499", 499, "-9", 200) // its identity is item 499's
	items[999] = `{"id":"m_0999","model_id":"m"}`

	w := batch(arena.IngestTrades, items...)
	w.Atomic = true
	rejection, results := b.take(t, w)
	require.Equal(t, arena.RejectedInvalid, rejection)
	require.Equal(t, "rejected", results[0].Outcome)
	require.Zero(t, b.count(t, "SELECT count(*) FROM trades"))
	require.Zero(t, b.count(t, "SELECT count(*) FROM outbox_events WHERE type = 'trade'"))

	w.Atomic = false
	rejection, results = b.take(t, w)
	require.Empty(t, rejection)
	var refused []int
	for i, r := range results {
		if r.Outcome == "rejected" {
			refused = append(refused, i)
			require.NotEmpty(t, r.Rejected.Detail)
		}
	}
	require.Equal(t, []int{10, 500, 999}, refused)
	require.Equal(t, 997, b.count(t, "SELECT count(*) FROM trades"))
	require.Equal(t, 997, b.count(t, "SELECT count(*) FROM outbox_events WHERE type = 'trade'"))
	require.Equal(t, 997, b.count(t, "SELECT num_trades FROM model_stats"))
}

func TestUnknownModelsAndSymbols(t *testing.T) {
	t.Parallel()
	b := setupIntake(t)
	item := `{"id":"new_1","model_id":"new","symbol":"DOGE","side":"long","quantity":1,"entry_time":1,"exit_time":2,` +
		`"entry_price":1,"exit_price":2,"realized_net_pnl":1}`
	w := batch(arena.IngestTrades, item)
	rejection, results := b.take(t, w)
	require.Equal(t, arena.RejectedUnknown, rejection)
	require.Contains(t, results[0].Rejected.Detail, "unknown")
	require.Zero(t, b.count(t, "SELECT count(*) FROM trades"))
	w.Register = true
	rejection, _ = b.take(t, w)
	require.Empty(t, rejection)
	require.Equal(t, 1, b.count(t, "SELECT count(*) FROM trades t JOIN models m ON m.id = t.model_id JOIN symbols s USING (symbol)"))
}

func TestIdempotencyKeyRepeatsTheReply(t *testing.T) {
	t.Parallel()
	b := setupIntake(t)
	for name, w := range map[string]arena.Batch{
		"stored":         batch(arena.IngestTrades, trade("m_1", 1, "-1", 200)),
		"refused":        batch(arena.IngestTrades, trade("m_{2}", 1, "-1", 200)),
		"refused as one": {Kind: arena.IngestTrades, Atomic: true, Items: []jsontext.Value{jsontext.Value(trade("m_3", 3, "-1", 200)), jsontext.Value("7")}},
	} {
		w.Key, w.Respond = &arena.RequestKey{TokenID: "t", Key: name, Digest: "d"}, respond
		first, err := b.intake.Ingest(t.Context(), w)
		require.NoError(t, err)
		again, err := b.intake.Ingest(t.Context(), w)
		require.NoError(t, err)
		require.Equal(t, len(w.Items), first.Response.Status, name)
		require.Equal(t, first.Response, again.Response, name)

		w.Key = &arena.RequestKey{TokenID: "t", Key: name, Digest: "other"}
		_, err = b.intake.Ingest(t.Context(), w)
		require.ErrorIs(t, err, arena.ErrKeyReused)
	}
	require.Equal(t, 1, b.count(t, "SELECT count(*) FROM trades"))
}

// TestWritersOfSeveralModelsDoNotBlockEachOther sends batches that name the
// same models in opposite orders.
func TestWritersOfSeveralModelsDoNotBlockEachOther(t *testing.T) {
	t.Parallel()
	b := setupIntake(t)
	b.send(t, arena.IngestModels, `{"id":"a"}`, `{"id":"b"}`)
	row := func(model string, i int) string {
		return fmt.Sprintf(`{"id":"%s_%d","model_id":%q,"symbol":"SOL","side":"long","quantity":1,"entry_time":1,"exit_time":2,`+
			`"entry_price":1,"exit_price":2,"realized_net_pnl":0.1}`, model, i, model)
	}
	var all sync.WaitGroup
	errs := make(chan error, 200)
	for i := range 100 {
		for _, order := range [][2]string{{"a", "b"}, {"b", "a"}} {
			all.Go(func() {
				_, err := b.intake.Ingest(t.Context(), batch(arena.IngestTrades, row(order[0], i), row(order[1], i)))
				errs <- err
			})
		}
	}
	all.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	require.Equal(t, 200, b.count(t, "SELECT count(*) FROM trades"))
	require.Equal(t, 200, b.count(t, "SELECT sum(num_trades)::int FROM model_stats"))
	require.Equal(t, 200, b.count(t, "SELECT count(*) FROM outbox_events WHERE type = 'trade'"))
}

func TestEveryKindIsTaken(t *testing.T) {
	t.Parallel()
	b := setupIntake(t)
	for _, c := range []struct {
		kind  arena.IngestKind
		item  string
		again string
		event string
	}{
		{arena.IngestPrices, `{"symbol":"SOL","price":190.5,"timestamp":1761452335744,"context":{"funding":1e-5,"mark_price":190}}`, "unchanged", "prices"},
		{arena.IngestEquity, `{"model_id":"m","timestamp":1761452335.5,"dollar_equity":10000,"since_inception_hourly_marker":1,"sharpe_ratio":null}`, "unchanged", "equity"},
		{arena.IngestConversations, `{"model_id":"m","messages":[{"role":"user","content":"hi","timestamp":1}]}`, "unchanged", "conversation"},
		{arena.IngestDecisions, `{"id":"m_1.5","model_id":"m","timestamp":1.5,"user_prompt":"?","llm_response":{"SOL":{"signal":"hold"}}}`, "unchanged", "decision"},
		{arena.IngestAnalytics, `{"model_id":"m","updated_at":5,"win_rate":50}`, "unchanged", "analytics"},
		{arena.IngestTraderState, `{"trader_id":"t","cooldown":{"SOL":5},"pause_until":null}`, "unchanged", "trader_state"},
		{arena.IngestMarketAssets, `{"symbol":"SOL","max_leverage":20}`, "unchanged", "market_assets"},
		{arena.IngestModels, `{"id":"n","display_name":"N","since_inception":{"model_id":"n","nav_since_inception":10000,"inception_date":1}}`, "unchanged", "model"},
		{arena.IngestSymbols, `{"symbol":"BTC","tick_size":0.1}`, "unchanged", "symbol"},
	} {
		require.Equal(t, []string{"inserted"}, b.send(t, c.kind, c.item), c.kind)
		require.Equal(t, []string{c.again}, b.send(t, c.kind, c.item), c.kind)
		require.Equal(t, 1, b.count(t, "SELECT count(*) FROM outbox_events WHERE type = $1 AND payload->>'id' IS DISTINCT FROM 'm' AND payload->>'symbol' IS DISTINCT FROM 'SOL' OR type = $1 AND type = 'market_assets'", c.event), c.kind)
	}
	require.Equal(t, 1, b.count(t, "SELECT count(*) FROM market_asset_ctx WHERE funding = 1e-5"))
	require.Equal(t, 2, b.count(t, "SELECT count(*) FROM conversation_messages c JOIN conversations v ON v.id = c.conversation_id WHERE v.kind = 'decisions'"))
	require.Len(t, b.told, 11)
}

// TestGuardDecidesNothing holds that what a guard remembers is no answer: trades
// that the database has lost, or holds in another way, are taken in or refused
// as it says.
func TestGuardDecidesNothing(t *testing.T) {
	t.Parallel()
	b := setupIntake(t)
	guard := &rememberingGuard{known: map[cachelayer.TradeRef]string{}}
	b.intake = arena.NewIntake(arena.IntakeOptions{
		Bounds: wiretest.Bounds(),
		Store:  b.store, PrimaryProvider: "hyperliquid", Guard: guard,
		Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	items := []string{trade("m_1", 7, "-1", 200), trade("m_2", 8, "-1", 300), trade("m_3", 9, "-1", 400)}
	require.Equal(t, []string{"inserted", "inserted", "inserted"}, b.send(t, arena.IngestTrades, items...))

	// As after a restore of an older state: one trade, then all of them, are gone.
	for _, lost := range [][]string{{"m_2"}, {"m_1", "m_2", "m_3"}} {
		want := []string{"unchanged", "unchanged", "unchanged"}
		require.Equal(t, want, b.send(t, arena.IngestTrades, items...))
		for _, id := range lost {
			_, err := b.db.Exec(t.Context(), "DELETE FROM trades WHERE id = $1", id)
			require.NoError(t, err)
			want[id[2]-'1'] = "inserted"
		}
		require.Equal(t, want, b.send(t, arena.IngestTrades, items...), "%v", lost)
		require.Equal(t, 3, b.count(t, "SELECT count(*) FROM trades"))
	}

	// Another database on the same Redis holds the trade with other content.
	_, err := b.db.Exec(t.Context(), "UPDATE trades SET exit_price = 1 WHERE id = 'm_1'")
	require.NoError(t, err)
	rejection, _ := b.take(t, batch(arena.IngestTrades, items[0]))
	require.Equal(t, arena.RejectedConflict, rejection)
}

// TestGuardOnlySavesWork holds that a guard chooses the cheaper question for what
// it knows, and nothing else.
func TestGuardOnlySavesWork(t *testing.T) {
	t.Parallel()
	b := setupIntake(t)
	guard := &rememberingGuard{known: map[cachelayer.TradeRef]string{}}
	guarded := arena.NewIntake(arena.IntakeOptions{
		Bounds: wiretest.Bounds(),
		Store:  b.store, PrimaryProvider: "hyperliquid", Guard: guard,
		Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	b.intake = guarded
	require.Equal(t, []string{"inserted"}, b.send(t, arena.IngestTrades, trade("m_1", 7, "-1", 200)))
	require.Equal(t, []string{"unchanged"}, b.send(t, arena.IngestTrades, trade("m_1", 7, "-1", 200)))
	require.Equal(t, 1, guard.answered)

	rejection, _ := b.take(t, batch(arena.IngestTrades, trade("m_1", 7, "-2", 200)))
	require.Equal(t, arena.RejectedConflict, rejection, "other content goes to the database")
	require.Equal(t, []string{"unchanged"}, b.send(t, arena.IngestTrades, " "+trade("m_1", 7, "-1", 200)), "and so does other text")
	require.Equal(t, []string{"inserted", "unchanged"}, b.send(t, arena.IngestTrades, trade("m_2", 8, "-1", 200), trade("m_1", 7, "-1", 200)))

	guard.err = cachelayer.ErrUnavailable
	require.Equal(t, []string{"unchanged"}, b.send(t, arena.IngestTrades, trade("m_1", 7, "-1", 200)))
	require.Equal(t, 2, b.count(t, "SELECT count(*) FROM trades"))
}

// rememberingGuard is a guard in memory that counts what it could answer.
type rememberingGuard struct {
	known    map[cachelayer.TradeRef]string
	answered int
	err      error
}

func (g *rememberingGuard) Ingested(_ context.Context, refs ...cachelayer.TradeRef) (map[cachelayer.TradeRef]string, error) {
	found := map[cachelayer.TradeRef]string{}
	for _, ref := range refs {
		if digest, ok := g.known[ref]; ok {
			found[ref] = digest
		}
	}
	if len(found) == len(refs) {
		g.answered++
	}
	return found, g.err
}

func (g *rememberingGuard) SetAllIngested(_ context.Context, digests map[cachelayer.TradeRef]string) error {
	maps.Copy(g.known, digests)
	return g.err
}
