package recompute_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"nof0/atlas/atlastest"
	"nof0/entities"
	"nof0/internal/recompute"
	"nof0/internal/testdb"
	"nof0/repository"
)

// size is a number that the environment may change, to try a benchmark out.
func size(b *testing.B, name string, fallback int) int {
	b.Helper()
	text := os.Getenv(name)
	if text == "" {
		return fallback
	}
	n, err := strconv.Atoi(text)
	require.NoError(b, err, name)
	return n
}

// fill makes models with trades whose numbers are as long as real ones. The
// server itself makes them: ten million take minutes.
func fill(b *testing.B, dsn string, models, trades int) {
	b.Helper()
	ctx := b.Context()
	conn, err := pgx.Connect(ctx, dsn)
	require.NoError(b, err)
	defer func() { require.NoError(b, conn.Close(context.WithoutCancel(ctx))) }()
	const definition = `SELECT indexdef FROM pg_indexes WHERE tablename = 'trades' AND indexname IN ('trades_account_newest', 'trades_exit_oid')`
	rows, err := conn.Query(ctx, definition)
	require.NoError(b, err)
	indexes, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(b, err)
	statements := append([]string{
		`SET synchronous_commit = off`,
		`SET maintenance_work_mem = '512MB'`,
		`DROP INDEX trades_account_newest, trades_exit_oid`,
		fmt.Sprintf(`INSERT INTO models (id, display_name, kind)
			SELECT 'm' || lpad(g::text, 3, '0'), g, 'competitor' FROM generate_series(1, %d) g`, models),
		`INSERT INTO accounts (model_id, provider) SELECT id, 'hyperliquid' FROM models`,
		`INSERT INTO symbols (symbol) VALUES ('BTC'), ('ETH'), ('SOL'), ('BNB'), ('DOGE'), ('XRP')`,
	}, make([]string, 0, models)...)
	for m := range models {
		statements = append(statements, fmt.Sprintf(`
			INSERT INTO trades (model_id, id, provider, symbol, side, quantity, entry_time, entry_price, exit_time, exit_price,
				realized_net_pnl, realized_gross_pnl, total_commission_dollars, exit_oid)
			SELECT 'm%03[1]d', 'm%03[1]d_' || g, 'hyperliquid', 'BTC',
				CASE WHEN random() < 0.5 THEN 'long' ELSE 'short' END, round((random() * 1e4)::numeric, 2),
				at - random() * interval '2 days', round((random() * 1e5)::numeric, 1), at, round((random() * 1e5)::numeric, 1),
				round((random() * 1e3 - 500)::numeric, 6), round((random() * 1e3 - 500)::numeric, 6), round((random() * 10)::numeric, 6), g
			FROM (SELECT g, timestamptz '2025-10-18' + g * interval '3 minutes' + random() * interval '1 minute' AS at
				FROM generate_series(1, %[2]d) g) t`, m+1, trades))
	}
	statements = append(statements, indexes...)
	statements = append(statements,
		`INSERT INTO model_stats (model_id, num_trades) SELECT model_id, count(*) FROM trades GROUP BY model_id`,
		`VACUUM ANALYZE trades`, `ANALYZE`)
	for _, statement := range statements {
		_, err := conn.Exec(ctx, statement)
		require.NoError(b, err)
	}
}

// peakHeap follows the heap until it is asked for the most that was in use.
func peakHeap() (peak func() uint64) {
	runtime.GC()
	var most atomic.Uint64
	stop, stopped := make(chan struct{}), make(chan struct{})
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	look := func() {
		metrics.Read(sample)
		most.Store(max(most.Load(), sample[0].Value.Uint64()))
	}
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(time.Millisecond)
		defer ticker.Stop()
		for {
			look()
			select {
			case <-stop:
				return
			case <-ticker.C:
			}
		}
	}()
	return func() uint64 {
		close(stop)
		<-stopped
		return most.Load()
	}
}

// BenchmarkRecompute shows what it costs to compute the metrics of a season of
// 100 models with 100,000 trades each from all of them, and what one more trade
// costs then. NOF0_TEST_BENCH_MODELS and NOF0_TEST_BENCH_TRADES make it smaller.
func BenchmarkRecompute(b *testing.B) {
	models, trades := size(b, "NOF0_TEST_BENCH_MODELS", 100), size(b, "NOF0_TEST_BENCH_TRADES", 100_000)
	dsn := testdb.New(b, atlastest.Migrator{})
	fill(b, dsn, models, trades)
	store := openStore(b, dsn)
	job := recompute.New(recompute.Options{Store: store})
	ids := make([]string, models)
	for i := range ids {
		ids[i] = fmt.Sprintf("m%03d", i+1)
	}

	b.Run(fmt.Sprintf("whole/models=%d/trades=%d", models, trades), func(b *testing.B) {
		b.ReportAllocs()
		peak := peakHeap()
		for b.Loop() {
			results, err := job.All(b.Context(), ids, nil)
			require.NoError(b, err)
			for _, r := range results {
				require.Equal(b, int64(trades), r.Trades)
			}
		}
		b.ReportMetric(float64(peak())/(1<<20), "peak-MiB")
		b.ReportMetric(float64(models*trades*b.N)/b.Elapsed().Seconds(), "trades/s")
	})

	b.Run("one-more-trade", func(b *testing.B) {
		b.ReportAllocs()
		peak := peakHeap()
		at := time.Date(2027, time.January, 1, 0, 0, 0, 0, time.UTC)
		read := int64(0)
		for i := 0; b.Loop(); i++ {
			b.StopTimer()
			model := ids[i%models]
			at = at.Add(time.Second)
			require.NoError(b, store.InTx(b.Context(), func(ctx context.Context, tx repository.Repositories) error {
				_, err := tx.Trades.Insert(ctx, []entities.Trade{{
					ModelID: model, ID: fmt.Sprintf("%s_more_%d", model, at.UnixNano()), Provider: provider, Symbol: "BTC", Side: "long",
					Quantity: 1.25, EntryTime: at.Add(-time.Hour), EntryPrice: float64(50_000 + i), ExitTime: at, ExitPrice: 50_001, RealizedNetPnl: 1.5,
				}})
				return err
			}))
			b.StartTimer()
			r, err := job.Advance(b.Context(), model)
			require.NoError(b, err)
			require.Equal(b, recompute.Updated, r.Outcome)
			read += r.Trades
		}
		b.ReportMetric(float64(peak())/(1<<20), "peak-MiB")
		b.ReportMetric(float64(read)/float64(b.N), "trades-read/op")
	})
}
