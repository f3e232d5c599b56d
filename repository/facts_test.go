package repository

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"nof0/entities"
	"nof0/internal/await"
)

// factKind is a table of facts: how to insert rows that are named by a number,
// and how another content of the same identity looks.
type factKind struct {
	table string
	// insert inserts the rows of the given numbers; variant > 0 changes their content.
	insert func(ctx context.Context, s *Store, variant int, numbers ...int) ([]Outcome, error)
}

func factKinds() []factKind {
	return []factKind{
		{"trades", func(ctx context.Context, s *Store, variant int, numbers ...int) ([]Outcome, error) {
			return insertTrades(ctx, s, numbered(numbers, func(n int) entities.Trade {
				return newTrade(model1, fmt.Sprintf("%s_%06d", model1, n), func(t *entities.Trade) { t.ExitPrice += float64(variant) })
			})...)
		}},
		{"account_equity_snapshots", func(ctx context.Context, s *Store, variant int, numbers ...int) ([]Outcome, error) {
			return inTx(ctx, s, func(ctx context.Context, tx Repositories) ([]Outcome, error) {
				return tx.Equity.Insert(ctx, numbered(numbers, func(n int) entities.AccountEquitySnapshot {
					return newSnapshot(model1, begin.Add(time.Duration(n)*time.Microsecond), func(e *entities.AccountEquitySnapshot) {
						e.Positions = doc(map[string]int{"variant": variant})
					})
				}))
			})
		}},
		{"decision_cycles", func(ctx context.Context, s *Store, variant int, numbers ...int) ([]Outcome, error) {
			return inTx(ctx, s, func(ctx context.Context, tx Repositories) ([]Outcome, error) {
				return tx.Decisions.Insert(ctx, numbered(numbers, func(n int) entities.DecisionCycle {
					return newDecision(model1, fmt.Sprintf("%s_%d.5", model1, n), begin, func(d *entities.DecisionCycle) {
						d.Success = variant == 0
					})
				}))
			})
		}},
		{"price_ticks", func(ctx context.Context, s *Store, variant int, numbers ...int) ([]Outcome, error) {
			if err := s.Prices.EnsurePartitions(ctx, []time.Time{begin}); err != nil {
				return nil, err
			}
			return inTx(ctx, s, func(ctx context.Context, tx Repositories) ([]Outcome, error) {
				return tx.Prices.InsertTicks(ctx, numbered(numbers, func(n int) entities.PriceTick {
					return newTick("BTC", begin.Add(time.Duration(n)*time.Microsecond), 100+float64(variant))
				}))
			})
		}},
	}
}

func numbered[T any](numbers []int, row func(n int) T) []T {
	rows := make([]T, len(numbers))
	for i, n := range numbers {
		rows[i] = row(n)
	}
	return rows
}

func eachFact(t *testing.T, test func(t *testing.T, s *Store, f factKind)) {
	t.Helper()
	for _, f := range factKinds() {
		t.Run(f.table, func(t *testing.T) {
			t.Parallel()
			eachProtocol(t, func(t *testing.T, s *Store) { test(t, s, f) })
		})
	}
}

func TestFactsAreInsertedOnce(t *testing.T) {
	t.Parallel()
	eachFact(t, func(t *testing.T, s *Store, f factKind) {
		outcomes, err := f.insert(t.Context(), s, 0, 1, 2)
		require.NoError(t, err)
		assert.Equal(t, []Outcome{Inserted, Inserted}, outcomes)
		stored, stats := rowsOf(t, s, f.table), rowsOf(t, s, "model_stats")
		require.Len(t, stored, 2)

		outcomes, err = f.insert(t.Context(), s, 0, 2, 1)
		require.NoError(t, err)
		assert.Equal(t, []Outcome{Unchanged, Unchanged}, outcomes)

		outcomes, err = f.insert(t.Context(), s, 1, 1, 2)
		require.NoError(t, err)
		assert.Equal(t, []Outcome{Conflict, Conflict}, outcomes)
		assert.Equal(t, stored, rowsOf(t, s, f.table))
		assert.Equal(t, stats, rowsOf(t, s, "model_stats"))

		outcomes, err = f.insert(t.Context(), s, 0, 3, 2, 3, 4)
		require.NoError(t, err)
		assert.Equal(t, []Outcome{Inserted, Unchanged, Unchanged, Inserted}, outcomes)
		assert.Len(t, rowsOf(t, s, f.table), 4)

		outcomes, err = f.insert(t.Context(), s, 0)
		require.NoError(t, err)
		assert.Empty(t, outcomes)
	})
}

func TestFactsTwiceInOneBatchWithOtherContent(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		other := newTrade(model1, "a", func(t *entities.Trade) { t.Symbol = "ETH" })
		outcomes, err := insertTrades(t.Context(), s, newTrade(model1, "a"), other, newTrade(model1, "a"), newTrade(model2, "a"))
		require.NoError(t, err)
		assert.Equal(t, []Outcome{Inserted, Conflict, Unchanged, Inserted}, outcomes, "the first counts")
		assert.Equal(t, int64(1), scalar[int64](t, s, `SELECT num_trades FROM model_stats WHERE model_id = $1`, model1))
	})
}

// A trade has 36 columns, so that a statement takes 1,820 at most.
// TestFactsAreComparedOnce counts comparisons: what is new is compared with nothing, and
// what is stored once.
func TestFactsAreComparedOnce(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	n := maxBatch + 10
	for _, compared := range []int{0, n} {
		_, err := inTx(t.Context(), s, func(ctx context.Context, tx Repositories) (outcomes []Outcome, err error) {
			return outcomes, tx.Equity.run(ctx, "equity", "Insert", func(db *gorm.DB) error {
				rows, calls := make([]entities.AccountEquitySnapshot, n), 0
				for i := range rows {
					rows[i] = newSnapshot(model1, begin.Add(time.Duration(i)*time.Second))
				}
				outcomes, err = insertFacts(db, rows, func(a, b *entities.AccountEquitySnapshot) bool {
					calls++
					return sameRow(a, b)
				})
				assert.Equal(t, compared, calls)
				return err
			})
		})
		require.NoError(t, err)
	}
}

func TestFactsOfManyStatements(t *testing.T) {
	t.Parallel()
	eachFact(t, func(t *testing.T, s *Store, f factKind) {
		const n = 2*maxBatch + 501
		numbers := make([]int, n)
		for i := range numbers {
			numbers[i] = n - i
		}
		numbers[n-1] = numbers[0] // in the first and in the last statement
		outcomes, err := f.insert(t.Context(), s, 0, numbers...)
		require.NoError(t, err)
		assert.Equal(t, append(all(Inserted, n-1), Unchanged), outcomes)
		assert.Equal(t, int64(n-1), scalar[int64](t, s, "SELECT count(*) FROM "+f.table))
		if f.table == "trades" {
			assert.Equal(t, int64(n-1), scalar[int64](t, s, `SELECT num_trades FROM model_stats`))
		}
		outcomes, err = f.insert(t.Context(), s, 0, numbers...)
		require.NoError(t, err)
		assert.Equal(t, all(Unchanged, n), outcomes)
	})
}

// Writers of overlapping batches, in several orders, without any lock: each
// fact has one inserter, nobody waits in a circle, and the statistics count
// every trade once.
func TestFactsOfManyWritersAtOnce(t *testing.T) {
	t.Parallel()
	eachFact(t, func(t *testing.T, s *Store, f factKind) {
		const writers, rows, rounds = 8, 12, 6
		outcomes := make([][]Outcome, writers)
		for round := range rounds {
			first := round * rows / 2 // half of them are stored by the round before
			errs := atOnce(writers, func(i int) (err error) {
				var numbers []int
				for n := range rows {
					if n%3 > 0 { // so that each lacks others
						numbers = append(numbers, first+(n+i)%rows)
					}
				}
				if i%2 == 1 {
					slices.Reverse(numbers)
				}
				outcomes[i], err = f.insert(context.WithoutCancel(t.Context()), s, 0, numbers...)
				return err
			})
			inserted := 0
			for i, err := range errs {
				require.NoError(t, err)
				for _, o := range outcomes[i] {
					require.Contains(t, []Outcome{Inserted, Unchanged}, o)
					if o == Inserted {
						inserted++
					}
				}
			}
			want := rows
			if round > 0 {
				want = rows / 2
			}
			require.Equal(t, want, inserted, "each fact is reported as inserted exactly once")
		}
		const stored = rows + (rounds-1)*rows/2
		require.Equal(t, int64(stored), scalar[int64](t, s, "SELECT count(*) FROM "+f.table))
		if f.table == "trades" {
			assert.Equal(t, int64(stored), scalar[int64](t, s, "SELECT num_trades FROM model_stats"))
			assertStatsMatch(t, s)
		}
	})
}

// Two writers of partly the same trades, one of which waits for the other.
func TestTradesOfAWriterThatWaits(t *testing.T) {
	t.Parallel()
	for _, commit := range []bool{true, false} {
		t.Run(fmt.Sprintf("first commits %t", commit), func(t *testing.T) {
			t.Parallel()
			eachProtocol(t, func(t *testing.T, s *Store) {
				ctx := context.WithoutCancel(t.Context())
				var second []Outcome
				done := make(chan error, 1)
				err := s.InTx(ctx, func(ctx context.Context, tx Repositories) error {
					outcomes, err := tx.Trades.Insert(ctx, []entities.Trade{
						newTrade(model1, "a"), newTrade(model1, "b"), newTrade(model1, "d"),
					})
					if err != nil {
						return err
					}
					assert.Equal(t, all(Inserted, 3), outcomes)
					go func() {
						var err error
						other := newTrade(model1, "d", func(t *entities.Trade) { t.Symbol = "XRP" })
						second, err = insertTrades(ctx, s, newTrade(model1, "c"), newTrade(model1, "b"), other, newTrade(model1, "d"))
						done <- err
					}()
					await.True(t, func() bool { return waiting(t, s) > 0 })
					if !commit {
						return assert.AnError
					}
					return nil
				})
				if commit {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, assert.AnError)
				}
				require.NoError(t, <-done)
				if commit {
					assert.Equal(t, []Outcome{Inserted, Unchanged, Conflict, Unchanged}, second)
					assert.Equal(t, int64(4), scalar[int64](t, s, "SELECT num_trades FROM model_stats"))
				} else {
					assert.Equal(t, []Outcome{Inserted, Inserted, Inserted, Conflict}, second)
					assert.Equal(t, int64(3), scalar[int64](t, s, "SELECT num_trades FROM model_stats"))
				}
				assertStatsMatch(t, s)
			})
		})
	}
}

// waiting counts the sessions of the test's database that wait for a lock.
func waiting(t testing.TB, s *Store) int64 {
	t.Helper()
	return scalar[int64](t, s, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`)
}

// Rows that were read and are handed back carry their bookkeeping columns.
func TestFactsReadBackAndInsertedElsewhere(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		_, err := insertTrades(t.Context(), s, newTrade(model1, "a"), newTrade(model1, "b"))
		require.NoError(t, err)
		read, err := s.Trades.Newest(t.Context(), 10)
		require.NoError(t, err)
		require.Len(t, read, 2)
		other := newStore(t)
		_, err = insertTrades(t.Context(), other, read...)
		require.NoError(t, err)
		assert.Equal(t, rowsOf(t, s, "trades"), rowsOf(t, other, "trades"))
		assert.Equal(t, rowsOf(t, s, "model_stats"), rowsOf(t, other, "model_stats"))
	})
}

func TestFactsGiveBackWhatTheyWereGiven(t *testing.T) {
	t.Parallel()
	doubles := []float64{
		0, math.Copysign(0, -1), 5e-324, -5e-324, math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64 * 3,
		0.1 + 0.2, 1.0 / 3, 15.479999999999999, -6.9752 + 2.4952 + 4.4799999999999995, 1e15, 1.12e15, 1e21, 123456789.123456789, 1e-7, -1.5,
	}
	texts := []string{
		"", " ", "'", `"`, `\`, `\'`, `\u0041`, "$1", "?", "@name", "%s", "--", "/*", ";", "\t\r\n", "NULL", "null", "ünïcödé",
		"日本語", "עִבְרִית", "🤖👩‍👩‍👧‍👦", "\u2028\u2029", "\ufeff", "\U0010ffff", "\u0001\u007f", "a\u0301", strings.Repeat("é", 3000),
	}
	integers := []int64{0, 1, -1, math.MaxInt64, math.MinInt64, 1<<53 + 1, 1_120_000_000_000_000}
	times := []time.Time{
		begin, begin.Truncate(time.Second), time.Unix(0, 0).UTC(), time.Unix(0, 1000).UTC(), time.Unix(0, -1000).UTC(),
		time.Date(2025, 10, 31, 23, 59, 59, 999999000, time.UTC), time.Date(1900, 1, 1, 0, 0, 0, 1000, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC), begin.In(time.FixedZone("", -7*3600)),
	}
	jsons := []entities.JSON{
		nil, entities.JSON("null"), entities.JSON("0"), entities.JSON("false"), entities.JSON(`""`), entities.JSON("{}"), entities.JSON("[]"),
		entities.JSON(`{"a":{"b":[1,2.5,null,true,"x"]}}`), entities.JSON("0.30000000000000004"), entities.JSON("5e-324"),
		entities.JSON("1.7976931348623157e308"), entities.JSON("9007199254740993"), entities.JSON(`"日本語 🤖 \\ \" ' $1 ?"`),
		doc(strings.Repeat("é'", 2000)),
	}
	eachProtocol(t, func(t *testing.T, s *Store) {
		var trades []entities.Trade
		add := func(change func(*entities.Trade)) {
			trades = append(trades, newTrade(model1, fmt.Sprintf("%04d", len(trades)), change))
		}
		for _, x := range doubles {
			add(func(t *entities.Trade) { t.Quantity, t.EntryClosedPnl, t.ExitPrice = x, &x, -x })
		}
		for _, x := range texts {
			add(func(t *entities.Trade) { t.ID, t.TradeType, t.Symbol = x+t.ID, &x, x })
		}
		for _, x := range integers {
			add(func(t *entities.Trade) { t.EntryOid, t.ExitTid = &x, &x })
		}
		for _, x := range times {
			add(func(t *entities.Trade) { t.EntryTime, t.ExitTime = x, x })
		}
		for _, x := range jsons {
			add(func(t *entities.Trade) { t.ExitPlan, t.Extra = x, x })
		}
		add(func(t *entities.Trade) { *t = entities.Trade{ModelID: t.ModelID, ID: t.ID, Side: "short"} })

		outcomes, err := insertTrades(t.Context(), s, trades...)
		require.NoError(t, err)
		assert.Equal(t, all(Inserted, len(trades)), outcomes)
		outcomes, err = insertTrades(t.Context(), s, trades...)
		require.NoError(t, err)
		assert.Equal(t, all(Unchanged, len(trades)), outcomes)

		stored, err := s.Trades.Newest(t.Context(), len(trades))
		require.NoError(t, err)
		byID := make(map[string]entities.Trade)
		for _, row := range stored {
			byID[row.ID] = row
		}
		for _, want := range trades {
			got, ok := byID[want.ID]
			require.True(t, ok, want.ID)
			assert.True(t, sameRow(&got, &want), "%+v\n%+v", got, want)
			assert.Equal(t, math.Float64bits(want.Quantity), math.Float64bits(got.Quantity), "%v", want.Quantity)
			assert.Equal(t, math.Float64bits(want.ExitPrice), math.Float64bits(got.ExitPrice), "%v", want.ExitPrice)
			if want.EntryClosedPnl != nil {
				assert.Equal(t, math.Float64bits(*want.EntryClosedPnl), math.Float64bits(*got.EntryClosedPnl), "%v", *want.EntryClosedPnl)
			}
			assert.Equal(t, want.ExitPlan == nil, got.ExitPlan == nil)
			assert.True(t, want.EntryTime.Equal(got.EntryTime), "%v %v", want.EntryTime, got.EntryTime)
			assert.Same(t, time.UTC, got.EntryTime.Location(), "times are UTC whatever the process's zone")
		}
	})
}

func TestFactsKeepNullAndZeroApart(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		null := newTrade(model1, "a", func(t *entities.Trade) { t.ExitPlan, t.Leverage, t.EntryCrossed = nil, nil, nil })
		explicit := newTrade(model1, "a", func(t *entities.Trade) {
			t.ExitPlan, t.Leverage, t.EntryCrossed = entities.JSON("null"), nil, nil
		})
		zero := newTrade(model1, "b", func(t *entities.Trade) {
			t.ExitPlan, t.Leverage, t.EntryCrossed = entities.JSON("0"), new(0.0), new(false)
		})
		_, err := insertTrades(t.Context(), s, null, zero)
		require.NoError(t, err)
		outcomes, err := insertTrades(t.Context(), s, explicit)
		require.NoError(t, err)
		assert.Equal(t, []Outcome{Conflict}, outcomes)
		assert.Equal(t, int64(1), scalar[int64](t, s, `SELECT count(*) FROM trades
			WHERE id = 'a' AND exit_plan IS NULL AND leverage IS NULL AND entry_crossed IS NULL`))
		assert.Equal(t, int64(1), scalar[int64](t, s, `SELECT count(*) FROM trades
			WHERE id = 'b' AND exit_plan = '0' AND leverage = 0 AND entry_crossed = false`))
		assert.Equal(t, "null", scalar[string](t, s, `SELECT entry_liquidation::text FROM trades WHERE id = 'a'`))
		assert.True(t, scalar[bool](t, s, `SELECT exit_liquidation IS NULL FROM trades WHERE id = 'a'`))
	})
}

func TestZeroesAreStored(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		_, err := s.Equity.Insert(t.Context(), []entities.AccountEquitySnapshot{{
			ModelID: model1, ObservedAt: begin, SinceInceptionMinuteMarker: new(int64(0)), RealizedPnl: new(0.0), RunID: new(""),
		}})
		require.NoError(t, err)
		rows, err := s.Equity.Newest(t.Context())
		require.NoError(t, err)
		require.Len(t, rows, 1)
		assert.Zero(t, rows[0].SinceInceptionHourlyMarker)
		assert.Zero(t, rows[0].DollarEquity)
		assert.Equal(t, new(int64(0)), rows[0].SinceInceptionMinuteMarker)
		assert.Equal(t, new(0.0), rows[0].RealizedPnl)
		assert.Equal(t, new(""), rows[0].RunID)
		assert.Nil(t, rows[0].SharpeRatio)

		_, err = s.Decisions.Insert(t.Context(), []entities.DecisionCycle{{ModelID: model1, ID: "x", ExecutedAt: begin, Success: false, CycleID: new(int64(0))}})
		require.NoError(t, err)
		cycles, err := s.Decisions.Newest(t.Context(), 1)
		require.NoError(t, err)
		require.Len(t, cycles, 1)
		assert.False(t, cycles[0].Success)
		assert.Equal(t, new(int64(0)), cycles[0].CycleID)
		assert.Nil(t, cycles[0].UserPrompt)
	})
}

func TestFactsNormalisedJSONIsUnchanged(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	for name, c := range map[string]struct {
		first, again string
		want         Outcome
	}{
		"fraction of a whole number": {`{"a": 51.0}`, `{"a": 51}`, Unchanged},
		"exponent":                   {`[1e3]`, `[1000.0]`, Unchanged},
		"negative zero":              {`[-0.0]`, `[0]`, Unchanged},
		"order of keys":              {`{"b": 1, "aa": 2}`, `{"aa":2,"b":1}`, Unchanged},
		"escapes":                    {`"\u00e9"`, `"é"`, Unchanged},
		"same double":                {`0.1`, `0.1000000000000000055511151231257827`, Unchanged},
		"beyond doubles":             {`1e400`, `1e400`, Unchanged},
		"other beyond doubles":       {`1e400`, `2e400`, Conflict},
		"order of elements":          {`[1,2]`, `[2,1]`, Conflict},
		"null and absent":            {`{"a": null}`, `{}`, Conflict},
		"text and number":            {`{"a": "1"}`, `{"a": 1}`, Conflict},
		"smallest step":              {`0.30000000000000004`, `0.3`, Conflict},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			with := func(plan string) entities.Trade {
				return newTrade(model1, name, func(t *entities.Trade) { t.ExitPlan = entities.JSON(plan) })
			}
			_, err := insertTrades(t.Context(), s, with(c.first))
			require.NoError(t, err)
			for _, plan := range []string{c.first, c.again} {
				outcomes, err := insertTrades(t.Context(), s, with(plan))
				require.NoError(t, err)
				want := c.want
				if plan == c.first {
					want = Unchanged
				}
				assert.Equal(t, []Outcome{want}, outcomes, plan)
			}
		})
	}
}

func TestFactsCountTimeToTheMicrosecond(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		rows := []entities.AccountEquitySnapshot{
			newSnapshot(model1, begin.Add(400*time.Nanosecond)),
			newSnapshot(model1, begin.Add(900*time.Nanosecond)),
			newSnapshot(model1, begin.Add(time.Microsecond)),
			newSnapshot(model1, begin.In(time.FixedZone("", 3600))),
		}
		outcomes, err := s.Equity.Insert(t.Context(), rows)
		require.NoError(t, err)
		assert.Equal(t, []Outcome{Inserted, Unchanged, Inserted, Unchanged}, outcomes)
		outcomes, err = s.Equity.Insert(t.Context(), rows)
		require.NoError(t, err)
		assert.Equal(t, all(Unchanged, 4), outcomes)
	})
}

func TestFactsSetTheirTimestampsOnce(t *testing.T) {
	t.Parallel()
	eachFact(t, func(t *testing.T, s *Store, f factKind) {
		_, err := f.insert(t.Context(), s, 0, 1)
		require.NoError(t, err)
		created, updated := timestampsOf(t, s, f.table)
		assert.False(t, created.IsZero())
		assert.Equal(t, created, updated)
		for variant := range 2 {
			_, err = f.insert(t.Context(), s, variant, 1)
			require.NoError(t, err)
		}
		again, updatedAgain := timestampsOf(t, s, f.table)
		assert.Equal(t, created, again)
		assert.Equal(t, updated, updatedAgain)
	})
}

func TestFactsRefuseWhatTheTableRefuses(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		_, err := insertTrades(t.Context(), s, newTrade(model1, "a"), newTrade(model1, "b", func(t *entities.Trade) { t.Side = "sideways" }))
		require.Error(t, err)
		require.NotErrorIs(t, err, ErrUnavailable)
		assert.Empty(t, rowsOf(t, s, "trades"))
		assert.Empty(t, rowsOf(t, s, "model_stats"))

		_, err = insertTrades(t.Context(), s, newTrade(model1, "a", func(t *entities.Trade) { t.Extra = entities.JSON("{") }))
		require.Error(t, err)
		require.NotErrorIs(t, err, ErrUnavailable)

		_, err = s.Prices.InsertTicks(t.Context(), []entities.PriceTick{newTick("BTC", begin, 1)})
		require.Error(t, err, "the partition is missing")
		require.NotErrorIs(t, err, ErrUnavailable)
	})
}
