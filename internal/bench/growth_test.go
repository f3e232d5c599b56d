//go:build bench

package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"nof0/internal/await"
)

var sizes = flag.String("sizes", "100000,1000000", "how many equity rows, and as many trades, TestGrowth stores, from the least on")

// TestGrowth stores seasons of the same models and hours, in which more happens.
const (
	growthModels = 7
	growthHours  = 400
)

// costs are what a season costs to read and to go on with, by what is asked, in
// milliseconds at the median.
type costs struct {
	rows       int
	took       map[string]float64
	resident   string
	start      time.Duration
	everyFirst []string // what was asked, in order
}

// TestGrowth stores seasons of more and more rows by COPY and prints what each view, a
// page of history and a fill cost in them, cold and warm, beside the smallest. It fails
// for wrong answers, never for slow ones.
func TestGrowth(t *testing.T) {
	if *short {
		*sizes = "2000,20000"
	}
	var all []costs
	for size := range strings.SplitSeq(*sizes, ",") {
		var n int
		_, err := fmt.Sscan(size, &n)
		require.NoError(t, err)
		// A test of its own ends its servers, and drops its database.
		require.True(t, t.Run(size, func(t *testing.T) { all = append(all, grown(t, n)) }))
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "ms at the median\t")
	for _, c := range all {
		fmt.Fprintf(w, "%d rows\t", c.rows)
	}
	fmt.Fprint(w, "last to first\t\n")
	last := all[len(all)-1]
	for _, what := range last.everyFirst {
		fmt.Fprintf(w, "%s\t", what)
		for _, c := range all {
			fmt.Fprintf(w, "%.2f\t", c.took[what])
		}
		fmt.Fprintf(w, "%.2f\t\n", last.took[what]/all[0].took[what])
	}
	_ = w.Flush()
	for _, c := range all {
		fmt.Fprintf(&b, "%d rows: ready after %d ms on the database as it is, resident %s after all of this\n", c.rows, c.start.Milliseconds(), c.resident)
	}
	t.Logf("%s", &b)
}

// grown measures a season of n equity rows and n trades.
func grown(t *testing.T, n int) costs {
	t.Helper()
	dsn := database(t)
	nof0(t, dsn, "migrate", "apply")
	require.True(t, t.Run("register", func(t *testing.T) {
		first := serve(t, dsn)
		for i := range growthModels {
			post(t, first+"/api/ingest/models", fmt.Sprintf(`{"id":"m%d"}`, i))
		}
		post(t, first+"/api/ingest/prices?register=true", `{"symbol":"BTC","price":1,"timestamp":1759000000000}`)
	}))
	copySeason(t, dsn, n)

	c := costs{rows: n, took: map[string]float64{}}
	redis := "REDIS_URL=" + strings.TrimSuffix(os.Getenv("REDIS_URL"), "/0")
	require.True(t, t.Run("compute", func(t *testing.T) {
		began := time.Now()
		first := serve(t, dsn, redis+"/8")
		t.Logf("ready after %d ms; waiting for the metrics of %d trades", time.Since(began).Milliseconds(), n)
		awaitMetrics(t, dsn, n)
		t.Logf("the metrics are there after %v, resident %s", time.Since(began).Round(time.Second), resident(t, first))
	}))
	began := time.Now()
	url := serve(t, dsn, redis+"/8", "NOF0_CACHE_STALE_AFTER=0s")
	c.start = time.Since(began)
	// What is kept for a millisecond is loaded for each request.
	cold := serve(t, dsn, redis+"/7",
		"NOF0_CACHE_SHORT=1ms", "NOF0_CACHE_MEDIUM=1ms", "NOF0_CACHE_LONG=1ms", "NOF0_CACHE_LOCAL_TTL=1ms", "NOF0_CACHE_STALE_AFTER=0s")
	day := time.Now().Truncate(24 * time.Hour).Add(-5 * 24 * time.Hour)
	paths := slices.DeleteFunc(views("m0"), func(path string) bool { return strings.HasPrefix(path, "/api/prices") })
	for _, path := range append(paths, "/api/trades?model_id=m0&limit=1000", "/api/trades?sort=desc&limit=1000", "/api/account-totals?lastHourlyMarker=399",
		"/api/equity?model_id=m0&points=500", fmt.Sprintf("/api/equity?model_id=m0&points=500&from=%d&to=%d", day.Unix(), day.Add(24*time.Hour).Unix())) {
		c.ask(t, path+", cold", cold+path, 11, 2*time.Millisecond) // past what it keeps
		c.ask(t, path+", warm", url+path, 201, 0)
	}
	var took []time.Duration
	for i := range 51 {
		began := time.Now()
		require.NoError(t, fill(t.Context(), url, "m0", i))
		took = append(took, time.Since(began))
	}
	c.note("POST one fill", took[1:])
	c.resident = resident(t, url)
	return c
}

// awaitMetrics waits until the metrics of all models have been computed from n trades.
func awaitMetrics(t *testing.T, dsn string, n int) {
	t.Helper()
	db, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close(t.Context())) }()
	await.Within(t, time.Hour, func() bool {
		var seen int
		err := db.QueryRow(t.Context(), "SELECT coalesce(sum(seen_trades), 0) FROM analytics_states").Scan(&seen)
		return err == nil && seen == n
	})
}

// ask notes what an answer costs, with a pause before each. Each has to be of the store.
func (c *costs) ask(t *testing.T, what, url string, times int, pause time.Duration) {
	t.Helper()
	var took []time.Duration
	for range times {
		time.Sleep(pause)
		began := time.Now()
		got := get(t, url)
		took = append(took, time.Since(began))
		require.Equal(t, http.StatusOK, got.status, "%s: %.300s", what, got.body)
		require.Equal(t, "store", got.header.Get("X-Data-Source"), what)
	}
	c.note(what, took[1:])
}

func (c *costs) note(what string, took []time.Duration) {
	c.took[what] = middle(took)
	c.everyFirst = append(c.everyFirst, what)
}

// copySeason stores n equity rows and n trades of the models of one season, in the order
// of time, both at once.
func copySeason(t *testing.T, dsn string, n int) {
	t.Helper()
	db, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close(t.Context())) }()
	begin := time.Now().UTC().Truncate(time.Hour).Add(-(growthHours + 1) * time.Hour)
	step := growthHours * time.Hour / time.Duration(n)
	position := []byte(`{"BTC":{"symbol":"BTC","quantity":1.5,"entry_price":100000.5,"current_price":100100.25,"unrealized_pnl":149.625}}`)
	var loads sync.WaitGroup
	errs := make([]error, 2)
	loads.Go(func() {
		errs[0] = copyRows(t, dsn, n, "account_equity_snapshots",
			[]string{"model_id", "observed_at", "since_inception_hourly_marker", "dollar_equity", "positions"},
			func(i int) []any {
				at := begin.Add(time.Duration(i) * step)
				return []any{fmt.Sprintf("m%d", i%growthModels), at, int64(at.Sub(begin) / time.Hour), 10000 + float64(i%977), position}
			})
	})
	loads.Go(func() {
		errs[1] = copyRows(t, dsn, n, "trades",
			[]string{"model_id", "id", "provider", "symbol", "side", "quantity", "entry_time", "entry_price", "exit_time", "exit_price", "realized_net_pnl", "exit_oid"},
			func(i int) []any {
				at := begin.Add(time.Duration(i) * step)
				return []any{
					fmt.Sprintf("m%d", i%growthModels), fmt.Sprintf("id%d", i), "hyperliquid", "BTC", "long", 1.0, at, 100.0, at.Add(time.Minute), 101.0,
					float64(i%7) - 3, int64(i),
				}
			})
	})
	loads.Wait()
	require.NoError(t, errors.Join(errs...))
	_, err = db.Exec(t.Context(), `INSERT INTO model_stats (model_id, num_trades, winners_count, winners_net_sum, losers_count, losers_net_sum)
		SELECT model_id, count(*), count(*) FILTER (WHERE realized_net_pnl > 0), coalesce(sum(realized_net_pnl::numeric) FILTER (WHERE realized_net_pnl > 0), 0),
			count(*) FILTER (WHERE realized_net_pnl <= 0), coalesce(sum(realized_net_pnl::numeric) FILTER (WHERE realized_net_pnl <= 0), 0) FROM trades GROUP BY model_id
		ON CONFLICT (competition_id, model_id) DO UPDATE SET num_trades = EXCLUDED.num_trades, winners_count = EXCLUDED.winners_count,
			winners_net_sum = EXCLUDED.winners_net_sum, losers_count = EXCLUDED.losers_count, losers_net_sum = EXCLUDED.losers_net_sum`)
	require.NoError(t, err)
	began := time.Now()
	_, err = db.Exec(t.Context(), "VACUUM ANALYZE")
	require.NoError(t, err)
	var size string
	require.NoError(t, db.QueryRow(t.Context(), "SELECT pg_size_pretty(pg_database_size(current_database()))").Scan(&size))
	t.Logf("vacuumed after %v: %s", time.Since(began).Round(time.Second), size)
}

// copyRows stores n rows of a table by COPY, a million at once, since the triggers of a
// statement keep its rows. Its indexes but the key are made afterwards, which takes a
// fraction of the time. It says how far it is.
func copyRows(t *testing.T, dsn string, n int, table string, columns []string, row func(i int) []any) error {
	t.Helper()
	ctx, began := t.Context(), time.Now()
	db, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer db.Close(context.WithoutCancel(ctx))
	rows, err := db.Query(ctx, `SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = $1::text::regclass AND NOT indisunique`, table)
	if err != nil {
		return err
	}
	indexes, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ Name, Definition string }])
	if err != nil {
		return err
	}
	for _, index := range indexes {
		if _, err := db.Exec(ctx, "DROP INDEX "+index.Name); err != nil {
			return err
		}
	}
	for done := 0; done < n; {
		part := min(1_000_000, n-done)
		if _, err := db.CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromSlice(part, func(i int) ([]any, error) { return row(done + i), nil })); err != nil {
			return err
		}
		done += part
		t.Logf("%s: %d of %d rows after %v", table, done, n, time.Since(began).Round(time.Second))
	}
	if _, err := db.Exec(ctx, "SET maintenance_work_mem = '1GB'"); err != nil {
		return err
	}
	for _, index := range indexes {
		if _, err := db.Exec(ctx, index.Definition); err != nil {
			return err
		}
	}
	t.Logf("%s: %d indexes after %v", table, len(indexes), time.Since(began).Round(time.Second))
	return nil
}
