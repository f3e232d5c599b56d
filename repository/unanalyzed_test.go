package repository

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/entities"
)

// oneAccount is how many rows of a kind one account has whose writes are measured.
const oneAccount = 20_000

// fillAccount gives the account m rows of each kind that a write looks up. Nothing
// analyzes them.
func fillAccount(t testing.TB, s *Store) {
	t.Helper()
	const at = `timestamptz '2025-10-18 22:30:00+00' + g * interval '1 minute'`
	series := fmt.Sprintf("FROM generate_series(1, %d) g", oneAccount)
	for _, statement := range []string{
		`INSERT INTO account_equity_snapshots (model_id, observed_at, since_inception_hourly_marker, dollar_equity)
			SELECT 'm', ` + at + `, g / 60, g ` + series,
		`INSERT INTO trades (model_id, id, provider, symbol, side, quantity, entry_time, entry_price, exit_time, exit_price, realized_net_pnl)
			SELECT 'm', 'id' || g, 'hyperliquid', 'S' || g % 4, 'long', 1, ` + at + `, 1, ` + at + `, 1, 1 ` + series,
		`INSERT INTO positions (model_id, id, provider, symbol, status, entry_time, stated_at, closed_at, entry_price, quantity)
			SELECT 'm', 'id' || g, 'hyperliquid', 'S' || g % 4, 'closed', ` + at + `, ` + at + `, ` + at + `, 1, 1 ` + series,
		`INSERT INTO position_facts (model_id, kind, ref, position_id, provider, symbol, observed_at, seen_at, entry_time, quantity, state)
			SELECT 'm', kind, 'id' || g, 'id' || g, 'hyperliquid', 'S' || g % 4, ` + at + `, ` + at + `, CASE WHEN kind = 'opening' THEN ` + at + ` END, 1, CASE WHEN kind = 'opening' THEN '{}'::jsonb END
			` + series + `, (VALUES ('opening'), ('fill')) k (kind)`,
		`INSERT INTO positions (model_id, id, provider, symbol, status, entry_time, stated_at, closed_at, entry_price, quantity)
			SELECT 'm', 'filled', provider, symbol, status, entry_time, stated_at, closed_at, entry_price, quantity FROM positions WHERE id = 'id8'`,
		`UPDATE position_facts SET position_id = 'filled' WHERE kind = 'fill' AND ref = 'id8'`,
		`INSERT INTO model_stats (model_id, num_trades, num_decisions, ingested_until) VALUES ('m', 20000, 20000, '2025-10-18')`,
		`INSERT INTO decision_cycles (model_id, id, executed_at, success) SELECT 'm', 'id' || g, ` + at + `, true ` + series,
		`INSERT INTO conversations (id, model_id, kind, last_message_at) SELECT 'id' || g, 'm', 'thread', ` + at + ` ` + series,
		`INSERT INTO conversation_messages (conversation_id, time, role, content_digest, sequence, content)
			SELECT 'id' || c, ` + at + `, 'user', md5(g::text), 0, 'text' ` + series + `, generate_series(1, 2) c`,
		`INSERT INTO corrections (kind, model_id, fact_id, action, reason, actor)
			SELECT kind, 'm', 'id' || g, 'replace', 'why', 'who' ` + series + `, (VALUES ('trade'), ('equity'), ('decision')) k (kind)`,
		`INSERT INTO price_ticks (provider, symbol, observed_at, price) SELECT 'hyperliquid', 'S1', ` + at + `, g ` + series,
		`INSERT INTO idempotency_keys (token_id, key, request_digest, status, body) SELECT 't', 'id' || g, 'd', 200, '' ` + series,
	} {
		execute(t, s, statement)
	}
}

// blocksOf returns how many blocks of each table and index this transaction has read and
// written so far, what the session counted before it included.
func blocksOf(ctx context.Context, tx Repositories) (map[string]int64, error) {
	var rows []struct {
		Name   string
		Blocks int64
	}
	err := tx.Models.base.db.WithContext(ctx).Raw(`
		SELECT c.oid::regclass AS name, pg_stat_get_xact_blocks_fetched(c.oid) AS blocks
		FROM pg_class c
		WHERE c.relkind IN ('r', 'i') AND c.relnamespace = current_schema()::regnamespace`).Scan(&rows).Error
	blocks := make(map[string]int64, len(rows))
	for _, r := range rows {
		blocks[r.Name] = r.Blocks
	}
	return blocks, err
}

// TestWritesReadLittleWhateverIsKnownOfTheTables holds that what a write reads does not
// grow with its account, also where the server knows nothing of the tables: it then keeps
// what it has planned while they were empty, until it analyzes them for the first time.
func TestWritesReadLittleWhateverIsKnownOfTheTables(t *testing.T) {
	t.Parallel()
	at := begin.Truncate(time.Second).Add(5 * time.Minute)
	long := begin.AddDate(0, 0, 300)
	stated := func(id, symbol string, entered time.Time) entities.Position {
		return entities.Position{
			ModelID: "m", ID: id, Provider: provider, Symbol: symbol, Status: entities.PositionOpen,
			EntryTime: &entered, StatedAt: entered, EntryPrice: 1, Quantity: 1,
		}
	}
	trade := func(id, symbol string) entities.Trade {
		return newTrade("m", id, func(t *entities.Trade) { t.Symbol, t.EntryTime, t.ExitTime = symbol, long, long.Add(time.Hour) })
	}
	discard := func(_ any, err error) error { return err }
	// Each write is of rows that are stored and of some that are not.
	writes := map[string]func(ctx context.Context, tx Repositories) error{
		"a fill that closes": func(ctx context.Context, tx Repositories) error {
			return discard(tx.Trading.Fills(ctx, []Fill{
				{Trade: trade("new", "N"), Remaining: RemainingNone, PositionID: "unknown"},
				{Trade: trade("also", "S1"), Remaining: RemainingNone, PositionID: "of"},
			}))
		},
		"a fill that is stored": func(ctx context.Context, tx Repositories) error {
			return discard(tx.Trading.Fills(ctx, []Fill{{Trade: trade("id7", "S3"), Remaining: RemainingNone, PositionID: "id7"}}))
		},
		"a fill of no order id, with its equity": func(ctx context.Context, tx Repositories) error {
			equity := newSnapshot("m", long)
			return discard(tx.Trading.Fills(ctx, []Fill{{
				Trade: trade("unnamed", "S1"), Remaining: RemainingReduce, PositionID: "derived", Unnamed: true, Window: time.Minute, Equity: &equity,
			}}))
		},
		"whether fills are stored": func(ctx context.Context, tx Repositories) error {
			return discard(tx.Trading.Stored(ctx, []Fill{{Trade: trade("id7", "S3"), Remaining: RemainingNone, PositionID: "id7"}}))
		},
		"openings": func(ctx context.Context, tx Repositories) error {
			return discard(tx.Trading.Adjust(ctx, []Opening{
				{Position: stated("opened", "S2", long), Window: time.Minute},
				{Position: stated("id9", "S1", at), Window: time.Minute},
			}))
		},
		"a statement of positions": func(ctx context.Context, tx Repositories) error {
			_, _, err := tx.Positions.State(ctx, "m", []entities.Position{stated("stated", "S3", long), stated("id9", "S1", at)}, nil, long)
			return err
		},
		"equity": func(ctx context.Context, tx Repositories) error {
			return discard(tx.Equity.Insert(ctx, []entities.AccountEquitySnapshot{newSnapshot("m", at), newSnapshot("m", long)}))
		},
		"decisions": func(ctx context.Context, tx Repositories) error {
			return discard(tx.Decisions.Ingest(ctx, []entities.DecisionCycle{newDecision("m", "id7", at), newDecision("m", "new", long)}))
		},
		"messages": func(ctx context.Context, tx Repositories) error {
			return discard(tx.Conversations.Append(ctx, entities.Conversation{ID: "id2", ModelID: "m", Kind: entities.ConversationThread},
				[]entities.ConversationMessage{{Time: long, Role: "user", ContentDigest: "new", Sequence: 1, Content: "new"}}))
		},
		"ticks": func(ctx context.Context, tx Repositories) error {
			return discard(tx.Prices.InsertTicks(ctx, []entities.PriceTick{newTick("S1", at, 5), newTick("S1", at.Add(time.Second), 6)}))
		},
		"an idempotency key": func(ctx context.Context, tx Repositories) error {
			return discard(tx.Idempotency.Begin(ctx, entities.IdempotencyKey{TokenID: "t", Key: "id7", RequestDigest: "d"}))
		},
		"corrections": func(ctx context.Context, tx Repositories) error {
			return discard(tx.Corrections.Of(ctx, []FactRef{{entities.CorrectTrade, "m", "id7"}, {entities.CorrectTrade, "m", "none"}}))
		},
		"fills that are taken back": func(ctx context.Context, tx Repositories) error { // of the second the position too
			return discard(tx.Trading.Unfill(ctx, []entities.Trade{trade("id7", "S3"), trade("id8", "S0")}))
		},
		"a trade that is replaced": func(ctx context.Context, tx Repositories) error {
			old, next := trade("id7", "S3"), trade("id7", "S2")
			return tx.Trades.Replace(ctx, &old, &next)
		},
		"a trade that is voided": func(ctx context.Context, tx Repositories) error {
			old := trade("id7", "S3")
			return tx.Trades.Replace(ctx, &old, nil)
		},
		"a decision that is replaced": func(ctx context.Context, tx Repositories) error {
			old, next := newDecision("m", "id7", at), newDecision("m", "id7", long)
			return tx.Decisions.Replace(ctx, &old, &next)
		},
		"a decision that is voided": func(ctx context.Context, tx Repositories) error {
			old := newDecision("m", "id7", at)
			return tx.Decisions.Replace(ctx, &old, nil)
		},
		"trades that are looked up": func(ctx context.Context, tx Repositories) error {
			return discard(tx.Trades.Find(ctx, []entities.Trade{trade("id7", "S3"), trade("none", "S3")}))
		},
	}
	s := openStore(t, withParameters(t, direct(t), "plan_cache_mode=force_generic_plan"), func(o *Options) { o.MaxOpen, o.MaxIdle = 1, 1 })
	registerModels(t, s, "m")
	require.NoError(t, s.Prices.EnsurePartitions(t.Context(), []time.Time{begin, begin.AddDate(0, 1, 0)}))
	execute(t, s, `DO $$
		DECLARE t text;
		BEGIN
			FOR t IN SELECT oid::regclass FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace LOOP
				EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = false)', t);
			END LOOP;
		END $$`)
	// What a write reads, by table and index. It is undone.
	blocks := func(t *testing.T, write func(ctx context.Context, tx Repositories) error) map[string]int64 {
		t.Helper()
		undone := errors.New("undone")
		var read map[string]int64
		require.ErrorIs(t, s.InTx(t.Context(), func(ctx context.Context, tx Repositories) error {
			before, err := blocksOf(ctx, tx)
			if err != nil {
				return err
			}
			if err := write(ctx, tx); err != nil {
				return err
			}
			if err := tx.Flush(ctx); err != nil {
				return err
			}
			if read, err = blocksOf(ctx, tx); err != nil {
				return err
			}
			for name := range read {
				read[name] -= before[name]
			}
			return undone
		}), undone)
		return read
	}
	for _, write := range writes {
		blocks(t, write)
	}
	fillAccount(t, s)
	for _, known := range []struct{ when, statement string }{
		{"planned while the tables were empty", "SELECT"},
		{"planned without statistics", "DISCARD PLANS"},
		{"planned with statistics", "ANALYZE"},
	} {
		execute(t, s, known.statement)
		for name, write := range writes {
			t.Run(known.when+"/"+name, func(t *testing.T) { //nolint:paralleltest // on one connection
				for table, n := range blocks(t, write) {
					assert.LessOrEqual(t, n, int64(60), "blocks of %s", table)
				}
			})
		}
	}
}

// TestEventsAreRelayedByPlansOfTheirTime holds that a session keeps no plan of what relays
// events: with that of a few events, each of a thousand reads all that there are by then.
func TestEventsAreRelayedByPlansOfTheirTime(t *testing.T) {
	t.Parallel()
	s := openStore(t, direct(t), func(o *Options) { o.MaxOpen, o.MaxIdle = 1, 1 })
	for range 12 {
		require.NoError(t, s.InTx(t.Context(), func(ctx context.Context, tx Repositories) error {
			return tx.Outbox.Append(ctx, []entities.OutboxEvent{{Aggregate: "a", ModelID: model1, Type: "t", Payload: entities.JSON("{}")}})
		}))
		require.NoError(t, s.InTx(t.Context(), func(ctx context.Context, tx Repositories) error {
			events, err := tx.Outbox.Claim(ctx, []string{model1}, 10)
			require.Len(t, events, 1)
			if err != nil {
				return err
			}
			return tx.Outbox.MarkRelayed(ctx, events, begin)
		}))
	}
	plans := func(kind string) int {
		return scalar[int](t, s, "SELECT max("+kind+") FROM pg_prepared_statements WHERE statement ~ 'UPDATE outbox_event[s]|oldes[t]'")
	}
	require.Positive(t, plans("custom_plans"))
	require.Zero(t, plans("generic_plans"))
}
