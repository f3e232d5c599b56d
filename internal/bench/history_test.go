//go:build bench

package bench

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

var trades = flag.Int("trades", 1_000_000, "how many trades TestHistory gives one model; equity rows, decisions and ticks are as many, positions a tenth")

// TestHistory pages through a history of many rows while others are written, downloads
// it, and prints what pages cost that nothing has cached. Rows that are skipped,
// repeated or counted otherwise than by SQL fail it; slow pages never do.
func TestHistory(t *testing.T) {
	if *short {
		*trades = 20_000
	}
	n := *trades
	dsn := database(t)
	nof0(t, dsn, "migrate", "apply")
	db, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close(t.Context()) })
	count := func(table, where string) (rows int) {
		require.NoError(t, db.QueryRow(t.Context(), "SELECT count(*) FROM "+table+" WHERE "+where).Scan(&rows))
		return rows
	}
	url := serve(t, dsn)
	for i := range 10 {
		post(t, url+"/api/ingest/models", fmt.Sprintf(`{"id":"m%d"}`, i))
		post(t, url+"/api/ingest/prices?register=true", fmt.Sprintf(`{"symbol":"S%d","price":1,"timestamp":1759000000000}`, i))
	}
	fillHistory(t, db, n)

	lists := []struct{ what, path, member, table, where string }{
		{"trades of one model", "/api/trades?model_id=m0", "trades", "trades", "model_id = 'm0'"},
		{"oldest first", "/api/trades?model_id=m0&sort=asc", "trades", "trades", "model_id = 'm0'"},
		{"of one symbol of it", "/api/trades?model_id=m0&symbol=S3", "trades", "trades", "model_id = 'm0' AND symbol = 'S3'"},
		{"of its rare side", "/api/trades?model_id=m0&side=short", "trades", "trades", "model_id = 'm0' AND side = 'short'"},
		{"of all models", "/api/trades?sort=desc", "trades", "trades", "true"},
		{"of a side of all models", "/api/trades?side=long", "trades", "trades", "side = 'long'"},
		{"positions of one model", "/api/positions/m0?status=all", "positions", "positions", "model_id = 'm0'"},
		{"decisions of one model", "/api/decisions/m0?", "decisions", "decision_cycles", "model_id = 'm0'"},
		{"conversations of one model", "/api/conversations?model_id=m0", "conversations", "decision_cycles", "model_id = 'm0'"},
	}
	stop := write(t, url)
	defer stop()
	var text strings.Builder
	fmt.Fprintf(&text, "pages of 1,000\trows\tmedian ms\tfirst ten\tlast ten\n")
	for i, list := range lists {
		seen := make(map[string]int)
		var took []time.Duration
		for path := list.path + "&limit=1000"; path != ""; {
			began := time.Now()
			page := get(t, url+path)
			took = append(took, time.Since(began))
			require.Equal(t, http.StatusOK, page.status, "%s: %.300s", path, page.body)
			for _, key := range keysOf(t, page.body, list.member) {
				seen[key]++
				require.Equal(t, 1, seen[key], "%s gave %s again", path, key)
			}
			path = ""
			if _, link, ok := strings.Cut(page.header.Get("Link"), "<"); ok {
				path, _, _ = strings.Cut(link, ">")
			}
			if i > 1 && len(took) == 100 {
				break // what a page costs is known
			}
		}
		if i < 2 {
			rows, err := db.Query(t.Context(), "SELECT model_id || ' ' || id FROM "+list.table+" WHERE id LIKE 'id%' AND "+list.where)
			require.NoError(t, err)
			stored, err := pgx.CollectRows(rows, pgx.RowTo[string])
			require.NoError(t, err)
			require.Len(t, stored, n)
			for _, key := range stored {
				require.Equal(t, 1, seen[key], "%s was skipped", key)
			}
		}
		first, last := took[:min(10, len(took))], took[max(0, len(took)-10):]
		fmt.Fprintf(&text, "%s\t%d\t%.1f\t%.1f\t%.1f\n", list.what, len(seen), middle(took), middle(first), middle(last))
	}
	stop()

	fmt.Fprintf(&text, "curves that nothing has cached\trows\tmedian ms\n")
	for _, c := range []struct{ path, table, where string }{
		{"/api/equity?model_id=m0", "account_equity_snapshots", "model_id = 'm0'"},
		{"/api/prices/S0?", "price_ticks", "symbol = 'S0'"},
	} {
		var took []time.Duration
		for i := range 11 {
			began := time.Now()
			curve := get(t, fmt.Sprintf("%s%s&points=%d", url, c.path, 500-i))
			took = append(took, time.Since(began))
			require.Equal(t, http.StatusOK, curve.status, "%.300s", curve.body)
		}
		fmt.Fprintf(&text, "%s\t%d\t%.1f\n", c.path, count(c.table, c.where), middle(took))
	}

	fmt.Fprintf(&text, "downloads\trows\tseconds, CSV\tNDJSON\n")
	for _, d := range []struct{ path, table, where string }{
		{"/api/trades?model_id=m0", "trades", "model_id = 'm0'"},
		{"/api/trades?side=short", "trades", "side = 'short'"},
		{"/api/positions/m0?status=closed", "positions", "model_id = 'm0' AND status = 'closed'"},
		{"/api/equity?model_id=m0", "account_equity_snapshots", "model_id = 'm0'"},
		{"/api/prices/S0?points=500", "price_ticks", "symbol = 'S0'"},
	} {
		want := count(d.table, d.where)
		csv := lines(t, url+d.path+"&format=csv", want+1)
		ndjson := lines(t, url+d.path+"&format=ndjson", want)
		fmt.Fprintf(&text, "%s\t%d\t%.2f\t%.2f\n", d.path, want, csv.Seconds(), ndjson.Seconds())
	}
	t.Logf("%d trades of one model\n%s\nresident %s", n, &text, resident(t, url))
}

// fillHistory writes the rows behind everybody's back. One in fifty is of the rare side.
func fillHistory(t *testing.T, db *pgx.Conn, n int) {
	t.Helper()
	const at = `timestamptz '2025-01-01 00:00:00+00' + g * interval '20 seconds'`
	for _, statement := range []string{
		`INSERT INTO trades (model_id, id, provider, symbol, side, quantity, entry_time, entry_price, exit_time, exit_price, realized_net_pnl)
			SELECT 'm' || m, 'id' || g, 'hyperliquid', 'S' || g % 10, CASE WHEN g / 10 % 50 = 7 THEN 'short' ELSE 'long' END, 1, ` + at + `, 1, ` + at + ` + interval '1 minute', 1, -g / 8.0
			FROM generate_series(0, 9) m, generate_series(1, CASE m WHEN 0 THEN ROWS ELSE ROWS / 20 END) g`,
		`INSERT INTO positions (model_id, id, provider, symbol, status, entry_time, closed_at, stated_at, entry_price, quantity)
			SELECT 'm0', 'id' || g, 'hyperliquid', 'S' || g % 10, 'closed', ` + at + `, ` + at + `, ` + at + `, 1, 1 FROM generate_series(1, ROWS / 10) g`,
		`INSERT INTO position_facts (model_id, kind, ref, position_id, provider, symbol, observed_at, seen_at)
			SELECT 'm0', 'fill', 'id' || g, 'id' || (g + 9) / 10, 'hyperliquid', 'S' || g % 10, ` + at + `, ` + at + ` FROM generate_series(1, ROWS) g`,
		`INSERT INTO decision_cycles (model_id, id, executed_at, success, cot_trace_summary)
			SELECT 'm0', 'id' || g, ` + at + `, true, 'nothing new' FROM generate_series(1, ROWS) g`,
		`INSERT INTO account_equity_snapshots (model_id, observed_at, since_inception_hourly_marker, dollar_equity)
			SELECT 'm0', ` + at + `, g / 180, 10000 + 1000 * sin(g / 5000.0) FROM generate_series(1, ROWS) g`,
		`INSERT INTO price_ticks (provider, symbol, observed_at, price)
			SELECT 'hyperliquid', 'S0', timestamptz '2025-10-09 00:00:00+00' + g * interval '1 second', g FROM generate_series(1, ROWS) g`,
		`VACUUM ANALYZE`,
	} {
		if strings.Contains(statement, "price_ticks") {
			for month := time.Date(2025, 10, 1, 0, 0, 0, 0, time.UTC); month.Before(time.Date(2025, 10, 9, 0, 0, n, 0, time.UTC)); month = month.AddDate(0, 1, 0) {
				name := "price_ticks_" + month.Format("2006_01")
				_, err := db.Exec(t.Context(), fmt.Sprintf(`CREATE TABLE IF NOT EXISTS %[1]s PARTITION OF price_ticks FOR VALUES FROM ('%[2]s') TO ('%[3]s')`,
					name, month.Format(time.RFC3339), month.AddDate(0, 1, 0).Format(time.RFC3339)))
				require.NoError(t, err)
			}
		}
		statement = strings.ReplaceAll(statement, "ROWS", strconv.Itoa(n))
		_, err := db.Exec(t.Context(), statement)
		require.NoError(t, err, "%s", statement)
	}
}

// write brings trades of the model, one after the other, all over its history and behind
// it, until it is stopped.
func write(t *testing.T, url string) (stop func()) {
	t.Helper()
	done := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
			}
			exit := 1735689700 + i*7919%20_000_000
			body := fmt.Sprintf(`{"trade":{"id":"new%d","model_id":"m0","symbol":"S1","side":"long","quantity":1,"entry_oid":%d,"entry_time":%d,"exit_time":%d,`+
				`"entry_price":100,"exit_price":101,"realized_net_pnl":1},"remaining":null}`, i, i+1, exit-60, exit)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/api/ingest/trades", strings.NewReader(body))
			if err != nil {
				return
			}
			req.Header.Set("Authorization", "Bearer "+token)
			req.Header.Set("Content-Type", "application/json")
			res, err := http.DefaultClient.Do(req)
			if err != nil || res.StatusCode != http.StatusOK {
				t.Errorf("a write was answered %v, %v", res, err)
				return
			}
			_ = res.Body.Close()
		}
	})
	return sync.OnceFunc(func() { close(done); writer.Wait() })
}

// keysOf are the models and ids of the rows of a page.
func keysOf(t *testing.T, body []byte, member string) (keys []string) {
	t.Helper()
	var page map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(body, &page))
	var rows []struct {
		Model string `json:"model_id"`
		ID    string `json:"id"`
	}
	require.NoError(t, json.Unmarshal(page[member], &rows))
	for _, row := range rows {
		keys = append(keys, row.Model+" "+row.ID)
	}
	return keys
}

// lines downloads, counts the lines and tells how long it took.
func lines(t *testing.T, url string, want int) time.Duration {
	t.Helper()
	began := time.Now()
	res, err := http.Get(url)
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, http.StatusOK, res.StatusCode)
	got := 0
	for s := bufio.NewScanner(res.Body); s.Scan(); {
		got++
	}
	require.Equal(t, want, got, "%s", url)
	return time.Since(began)
}

func middle(took []time.Duration) float64 {
	sorted := slices.Sorted(slices.Values(took))
	return float64(sorted[len(sorted)/2].Microseconds()) / 1000
}

// resident is the memory of the server.
func resident(t *testing.T, url string) string {
	t.Helper()
	for line := range strings.Lines(string(get(t, url+"/metrics").body)) {
		if value, ok := strings.CutPrefix(line, "process_resident_memory_bytes "); ok {
			bytes, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			require.NoError(t, err)
			return fmt.Sprintf("%.0f MiB", bytes/(1<<20))
		}
	}
	return "unknown"
}
