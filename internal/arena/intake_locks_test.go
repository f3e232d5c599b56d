package arena_test

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"nof0/internal/arena"
	"nof0/internal/await"
	"nof0/internal/wire/wiretest"
	"nof0/repository"
)

// numbered makes the n-th item of each kind. Models and symbols that it names
// are registered with it.
var numbered = map[arena.IngestKind]func(n int) string{
	arena.IngestModels: func(n int) string {
		return fmt.Sprintf(`{"id":"n%d","display_name":"N","since_inception":{"model_id":"n%d","nav_since_inception":10000,"inception_date":1761448000}}`, n, n)
	},
	arena.IngestSymbols:      func(n int) string { return fmt.Sprintf(`{"symbol":"S%d","tick_size":0.5}`, n) },
	arena.IngestTraderState:  func(n int) string { return fmt.Sprintf(`{"trader_id":"t%d","pause_until":null}`, n) },
	arena.IngestMarketAssets: func(n int) string { return fmt.Sprintf(`{"symbol":"S%d","max_leverage":20}`, n) },
	arena.IngestPrices: func(n int) string {
		return fmt.Sprintf(`{"symbol":"S%d","price":190.5,"timestamp":1761452335744,"context":{"funding":1e-5}}`, n)
	},
	arena.IngestEquity: func(n int) string {
		return fmt.Sprintf(`{"model_id":"n%d","timestamp":1761452335.5,"dollar_equity":10000,"since_inception_hourly_marker":1}`, n)
	},
	arena.IngestConversations: func(n int) string {
		return fmt.Sprintf(`{"model_id":"n%d","messages":[{"role":"user","content":"hi","timestamp":1761452335}]}`, n)
	},
	arena.IngestDecisions: func(n int) string {
		return fmt.Sprintf(`{"id":"n%d_1761452335.5","model_id":"n%d","timestamp":1761452335.5,"llm_response":{"S1":{"signal":"hold"}}}`, n, n)
	},
	arena.IngestAnalytics: func(n int) string { return fmt.Sprintf(`{"model_id":"n%d","updated_at":5,"win_rate":50}`, n) },
	arena.IngestPositions: func(n int) string {
		return fmt.Sprintf(`{"model_id":"n%d","position":{"symbol":"S%d","entry_oid":7,"entry_price":200,"quantity":-5}}`, n, n)
	},
	arena.IngestTrades: func(n int) string {
		return fmt.Sprintf(`{"id":"n%d_a","model_id":"n%d","symbol":"S%d","side":"short","quantity":-1,"entry_oid":9,`+
			`"entry_time":1761452300,"exit_time":1761452335,"entry_price":200,"exit_price":190.5,"realized_net_pnl":-1.25}`, n, n, n)
	},
}

// together hands in writes at the same time, registering what they name, and
// counts the outcomes of all items.
func (b *intakeBundle) together(t *testing.T, writes []arena.Batch) map[string]int {
	t.Helper()
	var mu sync.Mutex
	counts := map[string]int{}
	var all sync.WaitGroup
	for _, w := range writes {
		w.Register = true
		all.Go(func() {
			reply, err := b.intake.Ingest(t.Context(), w)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				counts[err.Error()]++
				return
			}
			for _, one := range reply.Results {
				counts[one.Outcome]++
				if one.Rejected != nil {
					counts[one.Rejected.Detail]++
				}
			}
		})
	}
	all.Wait()
	return counts
}

// TestOneOfManyInserts holds that of many who bring one new row at the same time
// one inserts it and leaves an event, whatever the kind.
func TestOneOfManyInserts(t *testing.T) {
	t.Parallel()
	const clients = 64
	for kind, item := range numbered {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			b := setupIntake(t)
			// What is made known with a row has events of its own.
			counted := "SELECT count(*) FROM outbox_events WHERE type NOT IN ('model', 'symbol')"
			if kind == arena.IngestModels || kind == arena.IngestSymbols {
				counted = "SELECT count(*) FROM outbox_events"
			}
			for n := range 3 {
				events := b.count(t, counted)
				writes := slices.Repeat([]arena.Batch{batch(kind, item(n))}, clients)
				require.Equal(t, map[string]int{"inserted": 1, "unchanged": clients - 1}, b.together(t, writes))
				require.Equal(t, events+1, b.count(t, counted))
			}
		})
	}
}

// TestRowsInAnyOrder holds that writers of the same rows do not stand in each
// other's way, in whatever order and of whatever kinds they bring them.
func TestRowsInAnyOrder(t *testing.T) {
	t.Parallel()
	const clients, rows = 8, 100
	shuffled := func(kind arena.IngestKind) arena.Batch {
		items := make([]string, rows)
		for i, n := range rand.Perm(rows) {
			items[i] = numbered[kind](n)
		}
		return batch(kind, items...)
	}
	kinds := slices.Sorted(maps.Keys(numbered))
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			b := setupIntake(t)
			var writes []arena.Batch
			for range clients {
				writes = append(writes, shuffled(kind))
			}
			require.Equal(t, map[string]int{"inserted": rows, "unchanged": (clients - 1) * rows}, b.together(t, writes))
		})
	}
	t.Run("mixed", func(t *testing.T) {
		t.Parallel()
		b := setupIntake(t)
		var writes []arena.Batch
		for range clients / 2 {
			for _, kind := range kinds {
				writes = append(writes, shuffled(kind))
			}
		}
		counts := b.together(t, writes)
		// A model or symbol that another kind has registered is updated.
		require.Equal(t, len(writes)*rows, counts["inserted"]+counts["updated"]+counts["unchanged"], "%v", counts)
		require.Subset(t, []string{"inserted", "updated", "unchanged"}, slices.Collect(maps.Keys(counts)))
		require.Equal(t, len(kinds)*rows, counts["inserted"]+counts["updated"])
	})
}

// TestWritersLeaveRoomForReads holds that writers who wait for a lock, however
// many they are, leave connections to who reads, and that those who find no room
// are told so.
func TestWritersLeaveRoomForReads(t *testing.T) {
	t.Parallel()
	b := setupIntake(t)
	const clients, writersAtOnce = 40, 6 // fewer than a pooler of tests has connections
	intake := arena.NewIntake(arena.IntakeOptions{
		Bounds: wiretest.Bounds(),
		Store:  b.store, PrimaryProvider: "hyperliquid", Writers: writersAtOnce, WriterWait: time.Second,
		Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	blocker, err := pgx.ConnectConfig(t.Context(), b.db.Config())
	require.NoError(t, err)
	defer blocker.Close(t.Context())
	tx, err := blocker.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "LOCK TABLE trades")
	require.NoError(t, err)

	var writers sync.WaitGroup
	var mu sync.Mutex
	counts := map[string]int{}
	for n := range clients {
		writers.Go(func() {
			w := batch(arena.IngestTrades, numbered[arena.IngestTrades](n))
			w.Register = true
			_, err := intake.Ingest(t.Context(), w)
			outcome := "stored"
			switch {
			case errors.Is(err, arena.ErrBusy):
				outcome = "busy"
			case err != nil:
				outcome = err.Error()
			}
			mu.Lock()
			defer mu.Unlock()
			counts[outcome]++
		})
	}
	waiting := func() int {
		return b.count(t, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`)
	}
	await.True(t, func() bool { return waiting() == writersAtOnce })
	await.True(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return counts["busy"] == clients-writersAtOnce
	}, "those without room are told")
	for range 30 {
		_, err := b.store.Models.All(t.Context())
		require.NoError(t, err)
	}
	require.Equal(t, writersAtOnce, waiting(), "and the others still wait")
	require.NoError(t, tx.Rollback(t.Context()))
	writers.Wait()
	require.Equal(t, map[string]int{"busy": clients - writersAtOnce, "stored": writersAtOnce}, counts)
}

// TestLocksAreTakenInOneOrder holds that a lock's place follows its class.
func TestLocksAreTakenInOneOrder(t *testing.T) {
	t.Parallel()
	for n := range 1000 {
		name := strings.Repeat("x", n%7) + fmt.Sprint(n)
		locks := []repository.Lock{
			repository.LockRollout, repository.LockModel(name), repository.LockTrader(name),
			repository.LockVenue(name, name), repository.LockSymbol(name),
		}
		require.True(t, slices.IsSorted(locks), "%v", locks)
		require.Len(t, slices.Compact(locks), 5)
	}
}
