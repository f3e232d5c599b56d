package repository

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/entities"
)

// planned is a node of a plan as EXPLAIN gives it.
type planned struct {
	NodeType     string    `json:"Node Type"`
	RelationName string    `json:"Relation Name"`
	IndexName    string    `json:"Index Name"`
	IndexCond    string    `json:"Index Cond"`
	TotalCost    float64   `json:"Total Cost"`
	ActualRows   float64   `json:"Actual Rows"`
	ActualLoops  float64   `json:"Actual Loops"`
	Filtered     float64   `json:"Rows Removed by Filter"`
	Plans        []planned `json:"Plans"`
}

type plan struct {
	Plan planned         `json:"Plan"`
	JIT  json.RawMessage `json:"JIT"`
}

// scans lists the nodes that read a table or one of its partitions.
func (p *planned) scans(table string) (nodes []*planned) {
	partition := table == "price_ticks" && strings.HasPrefix(p.RelationName, table)
	if (p.RelationName == table || partition) && p.NodeType != "ModifyTable" {
		nodes = append(nodes, p)
	}
	for i := range p.Plans {
		nodes = append(nodes, p.Plans[i].scans(table)...)
	}
	return nodes
}

// explain runs a recorded statement and returns its plan for these arguments.
func explain(t testing.TB, s *Store, r recorded) plan {
	t.Helper()
	return parsePlan(t, scalar[string](t, s, "EXPLAIN (ANALYZE, FORMAT JSON) "+r.sql, r.args...))
}

// explainGeneric returns the plan that the server may keep for any arguments.
func explainGeneric(t testing.TB, s *Store, r recorded) plan {
	t.Helper()
	conn, err := s.pool.Conn(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	var text string
	arguments := ""
	if n := len(r.args); n > 0 {
		arguments = "(" + strings.Repeat("NULL, ", n-1) + "NULL)"
	}
	require.NoError(t, conn.Raw(func(driver any) error {
		results, err := driver.(*pipeline).Conn.Conn().PgConn().Exec(t.Context(), `BEGIN; SET LOCAL plan_cache_mode = force_generic_plan;
			PREPARE generic AS `+r.sql+`; EXPLAIN (FORMAT JSON) EXECUTE generic`+arguments+`; DEALLOCATE generic; COMMIT`).ReadAll()
		if err == nil {
			text = string(results[3].Rows[0][0])
		}
		return err
	}))
	return parsePlan(t, text)
}

func parsePlan(t testing.TB, text string) plan {
	t.Helper()
	var plans []plan
	require.NoError(t, json.Unmarshal([]byte(text), &plans))
	require.Len(t, plans, 1)
	return plans[0]
}

// assertIndexed checks that a plan reads a large table by its indexes alone.
func assertIndexed(t testing.TB, p *plan, table string, why string) {
	t.Helper()
	nodes := p.Plan.scans(table)
	require.NotEmpty(t, nodes, "%s: no scan of %s", why, table)
	for _, node := range nodes {
		assert.Contains(t, []string{"Index Scan", "Index Only Scan", "Bitmap Heap Scan", "Tid Scan"}, node.NodeType, "%s of %s", why, table)
	}
}

// large is how many rows a table has whose plans are looked at.
const large = 200_000

// fillTables makes every table large that the API reads. Models are few.
func fillTables(t testing.TB, s *Store) {
	t.Helper()
	var months []time.Time
	for i := range 6 {
		months = append(months, begin.AddDate(0, i, 0))
	}
	require.NoError(t, s.Prices.EnsurePartitions(t.Context(), months))
	var models []string
	for i := range 20 {
		models = append(models, fmt.Sprintf("m%02d", i))
	}
	registerModels(t, s, models...)
	series := fmt.Sprintf("FROM generate_series(0, %d - 1) g", large)
	const at = `timestamptz '2025-10-18 22:30:00+00'`
	const model = `'m' || lpad((g % 20)::text, 2, '0')`
	for _, statement := range []string{
		`INSERT INTO price_latest (provider, symbol, observed_at, price)
			SELECT 'p' || g / 500, 'S' || g % 500, ` + at + `, g ` + series,
		`INSERT INTO price_ticks (provider, symbol, observed_at, price)
			SELECT 'hyperliquid', 'S' || g % 10, ` + at + ` + (g / 10) * interval '10 minutes', g ` + series,
		`INSERT INTO account_equity_snapshots (model_id, observed_at, since_inception_hourly_marker, dollar_equity, positions)
			SELECT ` + model + `, ` + at + ` + (g / 20) * interval '6 minutes', g / 200, g, '{"BTC": {"quantity": 1, "entry_price": 100000.5}}' ` + series,
		`INSERT INTO trades (model_id, id, provider, symbol, side, quantity, entry_time, entry_price, exit_time, exit_price, realized_net_pnl)
			SELECT ` + model + `, 'id' || g, 'hyperliquid', 'S' || g / 20 % 4, CASE WHEN g / 20 % 1000 = 1 THEN 'short' ELSE 'long' END, 1, ` + at + `, 1, ` + at + ` + (g / 20) * interval '1 minute', 1, 1 ` + series,
		`INSERT INTO symbols (symbol, quote_currency) SELECT 'S' || g, 'USD' FROM generate_series(0, 3) g`,
		// The oldest say no time of entry, the next many are of one symbol, and the rest of one each.
		`INSERT INTO positions (model_id, id, provider, symbol, status, entry_time, stated_at, entry_price, quantity)
			SELECT ` + model + `, 'id' || g, 'hyperliquid', 'S' || CASE WHEN g < 100000 AND g % 1000 <> 1 THEN g % 4 ELSE g END, CASE WHEN g % 1000 = 1 THEN 'open' ELSE 'closed' END,
				CASE WHEN g > 2000 THEN ` + at + ` + (g / 20) * interval '1 minute' END, ` + at + `, 1, 1 ` + series,
		`INSERT INTO position_facts (model_id, kind, ref, position_id, provider, symbol, observed_at, seen_at)
			SELECT ` + model + `, 'fill', 'id' || g, 'id' || g - g % 60 + g % 20, 'hyperliquid', 'S1', ` + at + `, ` + at + ` ` + series,
		`INSERT INTO model_analytics (model_id, source, payload, as_of)
			SELECT 'm' || CASE WHEN g < 40 THEN lpad((g / 2)::text, 2, '0') ELSE 'x' || g / 2 END, CASE WHEN g % 2 = 0 THEN 'imported' ELSE 'computed' END, '{}', ` + at + ` ` + series,
		`INSERT INTO model_stats (model_id, num_trades) SELECT id, 1 FROM models`,
		`INSERT INTO conversations (id, model_id, kind, last_message_at)
			SELECT 'id' || g, ` + model + `, CASE WHEN g % 50 = 0 THEN 'decisions' ELSE 'thread' END,
				CASE WHEN g % 100 <> 1 THEN ` + at + ` + g * interval '1 second' END ` + series,
		`INSERT INTO conversation_messages (conversation_id, time, role, content_digest, sequence, content)
			SELECT 'id' || g - g % 5, ` + at + ` + g * interval '1 second', 'user', md5(g::text), 0, 'text' ` + series,
		`INSERT INTO decision_cycles (model_id, id, executed_at, success)
			SELECT ` + model + `, 'id' || g, ` + at + ` + (g / 20) * interval '3 minutes', true ` + series + ` WHERE g % 20 <> 19 OR g < 1000`,
		`UPDATE decision_cycles SET cot_trace = '"the one-eyed narwhal"' WHERE id IN ('id700', 'id100000')`,
		// As the server does by itself after so many inserts.
		`VACUUM decision_cycles`,
	} {
		execute(t, s, statement)
	}
	require.NoError(t, s.Analyze(t.Context()))
}

func noEnds(_, _ time.Time) (from time.Time) { return from }

func noEquity(time.Time, int64, float64) error { return nil }

// Every read of the API, and what a writer looks up, costs what it returns:
// it reads large tables by an index, for these arguments and in a plan that is
// kept for any, and is never worth compiling.
func TestPlansOnLargeTables(t *testing.T) {
	t.Parallel()
	s := openStore(t, newDSN(t))
	fillTables(t, s)
	statements := record(t, s)
	aboveCost, err := strconv.ParseFloat(scalar[string](t, s, "SHOW jit_above_cost"), 64)
	require.NoError(t, err)
	ctx := t.Context()
	keys := make([]int, maxBatch)
	for i := range keys {
		keys[i] = i * 197
	}
	anHour := Span{From: begin.Add(20 * time.Hour), To: begin.Add(21 * time.Hour)}
	modelOf := func(n int) string { return fmt.Sprintf("m%02d", n%20) }

	page := func(f TradeFilter) error {
		for _, after := range []*TradeKey{nil, {ExitTime: begin.Truncate(time.Second).Add(5000 * time.Minute), ID: "id100007", ModelID: "m07"}} {
			f.After = after
			if _, err := s.Trades.Page(ctx, f, 101); err != nil {
				return err
			}
		}
		return nil
	}
	history := func(f PositionFilter) error {
		f.Model, f.Provider = "m07", provider
		for _, after := range []*PositionKey{nil, {EntryTime: new(begin.Truncate(time.Second).Add(5000 * time.Minute)), ID: "id100007"}} {
			f.After = after
			if _, err := s.Positions.History(ctx, f, 101); err != nil {
				return err
			}
		}
		return nil
	}
	closings := func(positions int) error {
		ids := make([]string, positions)
		for i := range ids {
			ids[i] = fmt.Sprintf("id%d", 60*i+7)
		}
		found, err := s.Positions.Closings(ctx, "m07", ids)
		if err == nil && len(found) != positions {
			return fmt.Errorf("closings of %d", len(found))
		}
		return err
	}
	for _, c := range []struct {
		name  string
		run   func() error
		table string
		rows  float64 // at most so many are read
	}{
		{"Prices.Latest", func() error { _, err := s.Prices.Latest(ctx, "p7"); return err }, "price_latest", 500},
		{"Equity.Hours of one", func() error { _, err := s.Equity.Hours(ctx, 700, 700); return err }, "account_equity_snapshots", 20},
		{"Equity.Hours of a day", func() error { _, err := s.Equity.Hours(ctx, 24, 47); return err }, "account_equity_snapshots", 20 * 24},
		{"Equity.Hours of the season", func() error { _, err := s.Equity.Hours(ctx, 0, 999); return err }, "account_equity_snapshots", 20 * 1000},
		{"Equity.Hours of the season, candles", func() error { _, err := s.Equity.Hours(ctx, 0, 999); return err }, "equity_candles", 20 * 2 * 101},
		{"Equity.LastMarker", func() error { _, err := s.Equity.LastMarker(ctx); return err }, "account_equity_snapshots", 20},
		{"Equity.Newest", func() error { _, err := s.Equity.Newest(ctx); return err }, "account_equity_snapshots", 20},
		{"Equity.NewestHoursOf", func() error { _, err := s.Equity.NewestHoursOf(ctx, "m07", 2); return err }, "account_equity_snapshots", 2 * 3},
		{"Equity.HoursOf", func() error { _, err := s.Equity.HoursOf(ctx, "m07"); return err }, "equity_candles", 2 * 1001},
		{"Trades.Newest", func() error { _, err := s.Trades.Newest(ctx, 100); return err }, "trades", 20 * 101},
		{"Equity.Series, ends", func() error { return s.Equity.Series(ctx, "m07", Span{}, noEnds, noEquity) }, "account_equity_snapshots", large / 20},
		{"Equity.Series of a day", func() error {
			return s.Equity.Series(ctx, "m07", Span{From: begin.AddDate(0, 0, 3), To: begin.AddDate(0, 0, 4)}, noEnds, noEquity)
		}, "account_equity_snapshots", 241},
		{"Equity.Series of its end", func() error {
			return s.Equity.Series(ctx, "m07", Span{}, func(_, last time.Time) time.Time { return last.Add(-time.Hour) }, noEquity)
		}, "account_equity_snapshots", 11},
		{"Equity.NewestOf", func() error { _, err := s.Equity.NewestOf(ctx, "m07"); return err }, "account_equity_snapshots", 1},
		{"Equity.Candles", func() error {
			_, err := s.Equity.Candles(ctx, "m07", []Segment{{anHour, 0}, {Span{From: begin, To: begin.AddDate(0, 0, 9)}, time.Hour}})
			return err
		}, "equity_candles", 2*9*24 + 2},
		{"Equity.Candles, rows", func() error { _, err := s.Equity.Candles(ctx, "m07", []Segment{{anHour, 0}}); return err }, "account_equity_snapshots", 11},
		{"Equity.Ends", func() error { _, _, err := s.Equity.Ends(ctx, "m07", Span{}); return err }, "equity_candles", 2},
		{"Equity.Ends of a day", func() error {
			_, _, err := s.Equity.Ends(ctx, "m07", Span{From: begin.AddDate(0, 0, 3), To: begin.AddDate(0, 0, 4)})
			return err
		}, "equity_candles", 4},
		{"Equity.HourCloses", func() error {
			_, err := s.Equity.HourCloses(ctx, "m07", Span{From: begin, To: begin.AddDate(0, 0, 9)})
			return err
		}, "equity_candles", 9*24*2 + 2},
		{"Prices.Candles", func() error {
			_, err := s.Prices.Candles(ctx, provider, "S7", []Segment{{Span{From: begin, To: begin.AddDate(0, 0, 9)}, time.Hour}})
			return err
		}, "price_candles", 9*24 + 1},
		{"Prices.Candles, ticks", func() error { _, err := s.Prices.Candles(ctx, provider, "S7", []Segment{{anHour, 0}}); return err }, "price_ticks", 7},
		{"Prices.Ends", func() error { _, _, err := s.Prices.Ends(ctx, provider, "S7", Span{}); return err }, "price_candles", 2},
		{"Recompute.Stale", func() error { _, err := s.Recompute.Stale(ctx, 1); return err }, "model_analytics", 21},
		{"Recompute.TradesHorizon", func() error { _, err := s.Recompute.TradesHorizon(ctx, "m07", 64); return err }, "trades", 66},
		{"Recompute.DecisionsHorizon", func() error { _, err := s.Recompute.DecisionsHorizon(ctx, "m07", 16); return err }, "decision_cycles", 18},
		{"Recompute.Trades", func() error {
			return s.Recompute.Trades(ctx, "m07", &Place{begin.Add(9900 * time.Minute), "id0"}, nil, func(*TradeFact) error { return nil })
		}, "trades", 101},
		{"Recompute.Decisions", func() error {
			return s.Recompute.Decisions(ctx, "m07", &Place{begin.Add(3 * 9900 * time.Minute), "id0"}, nil, func(*DecisionFact) error { return nil })
		}, "decision_cycles", 101},
		{"Analytics.Served", func() error { _, err := s.Analytics.Served(ctx); return err }, "model_analytics", 60},
		{"Analytics.ServedOf", func() error { _, err := s.Analytics.ServedOf(ctx, "m07"); return err }, "model_analytics", 3},
		{"Positions.Open", func() error { _, err := s.Positions.Open(ctx, provider); return err }, "positions", large / 1000},
		{"Analytics.All", func() error { _, err := s.Analytics.All(ctx, entities.AnalyticsImported); return err }, "model_analytics", 20},
		{"Analytics.Of", func() error { _, err := s.Analytics.Of(ctx, "m07", entities.AnalyticsImported); return err }, "model_analytics", 1},
		{"Conversations.NewestThreads", func() error { _, err := s.Conversations.NewestThreads(ctx, 100); return err }, "conversations", 101},
		{"Conversations.NewestThreads, messages", func() error { _, err := s.Conversations.NewestThreads(ctx, 100); return err }, "conversation_messages", 500},
		{"Trades.Before", func() error {
			_, err := s.Trades.Before(ctx, "m07", &entities.Trade{ExitTime: begin.Truncate(time.Second).Add(5000 * time.Minute), ID: "id100007"}, 100)
			return err
		}, "trades", 102},
		{"Trades.Page of a model", func() error { return page(TradeFilter{Model: "m07"}) }, "trades", 2 * 102},
		{"Trades.Page of a model, oldest first", func() error { return page(TradeFilter{Model: "m07", Ascending: true}) }, "trades", 2 * 102},
		{"Trades.Page of a model within a span", func() error {
			return page(TradeFilter{Model: "m07", Span: Span{From: begin, To: begin.Add(time.Hour)}})
		}, "trades", 2 * 61},
		{"Trades.Page of all models", func() error { return page(TradeFilter{}) }, "trades", 20*27 + 3*102},
		{"Trades.Page of a symbol", func() error { return page(TradeFilter{Model: "m07", Symbol: "S3"}) }, "trades", 3 * 102},
		{"Trades.Page of a rare side", func() error { return page(TradeFilter{Model: "m07", Side: "short"}) }, "trades", 2 * 4 * 11},
		{"Trades.Page of a side", func() error { return page(TradeFilter{Model: "m07", Side: "long"}) }, "trades", 4*27 + 3*102},
		{"Trades.Page of a side of all models", func() error { return page(TradeFilter{Side: "long"}) }, "trades", 20*4*8 + 4*102},
		{"Trades.Page of a symbol and a side", func() error { return page(TradeFilter{Model: "m07", Symbol: "S1", Side: "short"}) }, "trades", 2 * 11},
		{"Positions.History", func() error { return history(PositionFilter{}) }, "positions", 2 * 102},
		{"Positions.History, closed", func() error { return history(PositionFilter{Status: entities.PositionClosed}) }, "positions", 2 * 112},
		{"Positions.History, open", func() error { return history(PositionFilter{Status: entities.PositionOpen}) }, "positions", 2 * 22},
		{"Positions.History of a symbol", func() error { return history(PositionFilter{Symbol: "S3"}) }, "positions", 2 * 102},
		{"Positions.History without a time of entry", func() error {
			_, err := s.Positions.History(ctx, PositionFilter{Model: "m07", Provider: provider, After: &PositionKey{ID: "id99"}}, 101)
			return err
		}, "positions", 102},
		{"Positions.Closings", func() error { return closings(100) }, "position_facts", 3 * 100},
		{"Positions.Closings, trades", func() error { return closings(100) }, "trades", 3 * 100},
		{"Positions.Closings of as many as a page may have, trades", func() error { return closings(3000) }, "trades", 3 * 3000},
		{"Equity.During", func() error {
			_, err := s.Equity.During(ctx, "m07", Span{From: begin.AddDate(0, 0, 3)}, 1000)
			return err
		}, "account_equity_snapshots", 1000},
		{"Prices.During", func() error {
			_, err := s.Prices.During(ctx, provider, "S7", Span{From: begin.AddDate(0, 2, 0)}, 1000)
			return err
		}, "price_ticks", 1000 + 6},
		{"Equity.After", func() error {
			_, err := s.Equity.After(ctx, "m07", &entities.AccountEquitySnapshot{SinceInceptionHourlyMarker: 500, ObservedAt: begin.Truncate(time.Second).Add(5000 * 6 * time.Minute)}, 100)
			return err
		}, "account_equity_snapshots", 112},
		{"Decisions.Before", func() error {
			_, err := s.Decisions.Before(ctx, &entities.DecisionCycle{ExecutedAt: begin.Truncate(time.Second).Add(5000 * 3 * time.Minute), ID: "id100007", ModelID: "m07"}, 100)
			return err
		}, "decision_cycles", 140},
		{"Conversations.ThreadsBefore", func() error {
			at := begin.Truncate(time.Second).Add(100_007 * time.Second)
			_, err := s.Conversations.ThreadsBefore(ctx, &Thread{Conversation: entities.Conversation{ID: "id100007", LastMessageAt: &at}}, 100)
			return err
		}, "conversations", 102},
		{"Decisions.Of", func() error { _, err := s.Decisions.Of(ctx, "m07", "id100007"); return err }, "decision_cycles", 1},
		{"Decisions.Beside", func() error {
			_, _, err := s.Decisions.Beside(ctx, "m07", Place{begin.Add(5000 * 3 * time.Minute), "id100007"})
			return err
		}, "decision_cycles", 4},
		{"Decisions.Beside, of one that decides no longer", func() error {
			_, _, err := s.Decisions.Beside(ctx, "m19", Place{begin.Add(time.Hour), "id1"})
			return err
		}, "decision_cycles", 3 + 20},
		{"Decisions.InForce", func() error {
			_, err := s.Decisions.InForce(ctx, "m07", []time.Time{begin, begin.Add(50 * time.Hour), begin.Add(5000 * time.Hour)})
			return err
		}, "decision_cycles", 3 * 30},
		{"Decisions.InForce, of one that decides no longer", func() error {
			_, err := s.Decisions.InForce(ctx, "m19", []time.Time{begin.Add(5000 * time.Hour)})
			return err
		}, "decision_cycles", 3},
		{"Decisions.Page", func() error {
			_, err := s.Decisions.Page(ctx, DecisionFilter{Model: "m07", After: &DecisionKey{begin.Add(5000 * 3 * time.Minute), "id100007", "m07"}}, 101)
			return err
		}, "decision_cycles", 101 * 21},
		{"Decisions.Outlines", func() error {
			_, err := s.Decisions.Outlines(ctx, DecisionFilter{Model: "m07", Span: Span{From: begin, To: begin.Add(time.Hour)}}, 101)
			return err
		}, "decision_cycles", 21},
		{"Decisions.Search", func() error {
			found, err := s.Decisions.Search(ctx, Search{Query: "one-eyed narwhal"}, 101)
			if err == nil && len(found) != 2 {
				return fmt.Errorf("found %d", len(found))
			}
			return err
		}, "decision_cycles", 20},
		{"Conversations.Page", func() error {
			at := begin.Truncate(time.Second).Add(100_007 * time.Second)
			_, err := s.Conversations.Page(ctx, DecisionFilter{After: &DecisionKey{at, "id100007", "m07"}}, 100)
			return err
		}, "conversations", 102},
		{"Trades.Entered", func() error { _, err := s.Trades.Entered(ctx, "m07", anHour, 1000); return err }, "trades", 61},
		{"Trades.Exited", func() error { _, err := s.Trades.Exited(ctx, "m07", anHour, 1000); return err }, "trades", 61},
		{"Positions.During", func() error { _, err := s.Positions.During(ctx, "m07", anHour, 1000); return err }, "positions", 3 * large / 20},
		{"Decisions.Newest", func() error { _, err := s.Decisions.Newest(ctx, 100); return err }, "decision_cycles", 121},
		{"Accounts.Lock and Positions.State", func() error {
			_, _, err := s.Positions.State(ctx, "m07", nil, nil, begin)
			return err
		}, "positions", 10},
		{"Trades.Insert", func() error {
			_, err := s.Trades.Insert(ctx, numbered(keys, func(n int) entities.Trade { return newTrade(modelOf(n), fmt.Sprintf("id%d", n)) }))
			return err
		}, "trades", maxBatch},
		{"Equity.Insert", func() error {
			_, err := s.Equity.Insert(ctx, numbered(keys, func(n int) entities.AccountEquitySnapshot {
				return newSnapshot(modelOf(n), begin.Truncate(time.Second).Add(time.Duration(n/20)*6*time.Minute))
			}))
			return err
		}, "account_equity_snapshots", maxBatch},
		{"Decisions.Insert", func() error {
			_, err := s.Decisions.Insert(ctx, numbered(keys, func(n int) entities.DecisionCycle {
				return newDecision(modelOf(n), fmt.Sprintf("id%d", n), begin)
			}))
			return err
		}, "decision_cycles", maxBatch},
		{"Prices.InsertTicks", func() error {
			_, err := s.Prices.InsertTicks(ctx, numbered(keys, func(n int) entities.PriceTick {
				return newTick(fmt.Sprintf("S%d", n%10), begin.Truncate(time.Second).Add(time.Duration(n/10)*10*time.Minute), 0)
			}))
			return err
		}, "price_ticks", maxBatch},
		{"Conversations.Append", func() error {
			var messages []entities.ConversationMessage
			for range maxBatch {
				messages = append(messages, said(fmt.Sprintf("%d %d", len(messages), len(messages)))...)
			}
			_, err := s.Conversations.Append(ctx, newThread("id5"), messages)
			return err
		}, "conversation_messages", maxBatch},
	} {
		t.Run(c.name, func(t *testing.T) { //nolint:paralleltest // in turn, on one recorder
			statements.take()
			require.NoError(t, c.run())
			reads := slices.DeleteFunc(statements.take(), func(r recorded) bool {
				return strings.HasPrefix(r.sql, "INSERT") || !strings.Contains(r.sql, c.table)
			})
			found := 0
			for _, read := range reads {
				custom := explain(t, s, read)
				if len(custom.Plan.scans(c.table)) == 0 {
					continue
				}
				found++
				assertIndexed(t, &custom, c.table, "plan")
				assert.Empty(t, custom.JIT)
				assert.Less(t, custom.Plan.TotalCost, aboveCost, "an estimate that compiles the plan")
				var touched float64
				for _, node := range custom.Plan.scans(c.table) {
					touched += (node.ActualRows + node.Filtered) * node.ActualLoops
				}
				assert.LessOrEqual(t, touched, c.rows, "rows read")

				// The server keeps the plan for any arguments where its estimate is
				// not above that of the others; an estimate for planning counts too.
				generic := explainGeneric(t, s, read)
				if generic.Plan.TotalCost < custom.Plan.TotalCost+20 {
					assertIndexed(t, &generic, c.table, "generic plan")
				}
				if t.Failed() {
					text, _ := json.MarshalIndent(custom, "", " ")
					t.Logf("%s\n%s", read.sql[:min(len(read.sql), 2000)], text[:min(len(text), 4000)])
				}
			}
			assert.Positive(t, found, "no statement reads the table")
		})
	}
}
