//go:build bench

package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

var (
	short  = flag.Bool("short-form", false, "one short round of a few rows")
	rounds = flag.Int("rounds", 3, "how often each row is measured")
	during = flag.Duration("during", 2*time.Second, "how long a row is measured in a round")
	output = flag.String("results", "", "a file that the table is written to as JSON") // go test takes -json for itself
	parts  = flag.String("parts", "reads,writes,relay,import", "what is measured")
)

// row is one line of the table: ours beside its yardstick, in one run.
type row struct {
	What      string  `json:"what"`
	Clients   int     `json:"clients"`
	Ours      result  `json:"ours"`
	Yardstick string  `json:"yardstick"`
	Theirs    result  `json:"theirs"`
	Ratio     float64 `json:"ratio"`                 // of the rates
	RatioP99  float64 `json:"ratio_p99,omitempty"`   // of the 99th percentiles
	Allocs    float64 `json:"allocations,omitempty"` // for each answer of ours
}

// views are those that clients poll, each with the parameters that it is polled with.
func views(model string) []string {
	return []string{
		"/api/crypto-prices", "/api/account-totals", "/api/trades", "/api/since-inception-values", "/api/leaderboard",
		"/api/analytics", "/api/analytics/" + model, "/api/positions", "/api/conversations",
		"/api/equity?points=500", "/api/prices/BTC",
	}
}

// TestTable measures, and prints the table. It fails for wrong answers, never for slow ones.
func TestTable(t *testing.T) {
	if *short {
		*rounds, *during = 1, time.Second
	}
	var capture *imported
	if strings.Contains(*parts, "import") {
		capture = imports(t) // before servers run beside it
	}
	season := filepath.Join(t.TempDir(), "season")
	hours := "400"
	if *short {
		hours = "40"
	}
	nof0(t, "", "season", "generate", season, "--hours", hours)
	dsn := database(t)
	nof0(t, dsn, "migrate", "apply")
	nof0(t, dsn, "import", season)
	url := serve(t, dsn)
	files := database(t)
	nof0(t, files, "migrate", "apply")
	old := serve(t, files, "NOF0_JSON_DIR="+season, "REDIS_URL="+strings.TrimSuffix(os.Getenv("REDIS_URL"), "/0")+"/9")

	var rows []row
	if strings.Contains(*parts, "reads") {
		rows = append(rows, reads(t, url, old)...)
	}
	if strings.Contains(*parts, "writes") {
		rows = append(rows, writes(t, url, dsn)...)
	}
	text := table(rows)
	var following *relayed
	if strings.Contains(*parts, "relay") {
		following = relays(t, dsn)
		text += "\n" + following.String() + "\n"
	}
	if capture != nil {
		text += "\n" + capture.String()
	}
	if *output != "" {
		raw, err := json.MarshalIndent(map[string]any{
			"processors": runtime.NumCPU(), "go": runtime.Version(), "rounds": *rounds, "seconds": during.Seconds(),
			"rows": rows, "relay": following, "import": capture,
		}, "", "  ")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(*output, append(raw, '\n'), 0o600))
	}
	t.Logf("%d processors, %s, %d rounds of %v, medians; a season of %s hours; reads by 32 clients\n\n%s",
		runtime.NumCPU(), runtime.Version(), *rounds, *during, hours, text)
	for _, r := range rows {
		require.Zero(t, r.Ours.Errors, "%s", r.What)
	}
}

// yardstick is what ours is measured beside.
type yardstick struct {
	name string
	run  func() result
}

// compare measures ours and its yardsticks in turn, with a row for each of them.
func compare(t *testing.T, what string, ours load, theirs ...yardstick) (rows []row) {
	t.Helper()
	var a []result
	b := make([][]result, len(theirs))
	before := allocations(t, ours.url)
	answers := 0.0
	for range *rounds {
		one := ours.run(t, *during)
		answers += one.Rate * during.Seconds()
		a = append(a, one)
		for i, y := range theirs {
			b[i] = append(b[i], y.run())
		}
	}
	allocs := (allocations(t, ours.url) - before) / answers
	for i, y := range theirs {
		r := row{What: what, Clients: ours.clients, Ours: median(a), Yardstick: y.name, Theirs: median(b[i]), Allocs: allocs}
		r.Ratio = r.Ours.Rate / r.Theirs.Rate
		if r.Theirs.P99 > 0 {
			r.RatioP99 = r.Ours.P99 / r.Theirs.P99
		}
		rows = append(rows, r)
	}
	t.Logf("measured: %s, %d clients: %.0f a second", what, ours.clients, median(a).Rate)
	return rows
}

// allocations are those of the server so far, as its metrics say.
func allocations(t *testing.T, url string) float64 {
	t.Helper()
	root := regexp.MustCompile(`^http://[^/]+`).FindString(url)
	m := regexp.MustCompile(`(?m)^go_memstats_mallocs_total (\S+)$`).FindSubmatch(get(t, root+"/metrics").body)
	require.NotNil(t, m)
	n, err := strconv.ParseFloat(string(m[1]), 64)
	require.NoError(t, err)
	return n
}

func reads(t *testing.T, url, old string) (rows []row) {
	t.Helper()
	model := regexp.MustCompile(`"id":\s*"([^"]+)"`).FindSubmatch(get(t, url+"/api/models").body)
	require.NotNil(t, model)
	paths := views(string(model[1]))
	if *short {
		paths = paths[:3]
	}
	whole, body := bare(t, url, paths, true), bare(t, url, paths, false)
	for _, path := range paths {
		tag := get(t, url+path).header.Get("ETag")
		for _, form := range []struct{ name, header string }{
			{"", "Accept-Encoding: identity"}, {" gzip", "Accept-Encoding: gzip"}, {" 304", "If-None-Match: " + tag},
		} {
			ours := load{url: url + path, headers: []string{form.header}, clients: 32}
			rows = append(rows, compare(t, "GET "+path+form.name, ours, ours.at(t, "bare Gin", whole+path), ours.at(t, "Gin, body only", body+path))...)
		}
		if strings.HasPrefix(path, "/api/equity") || strings.HasPrefix(path, "/api/prices") {
			continue // the files have no such view
		}
		ours := load{url: url + path, headers: []string{"Accept-Encoding: identity"}, clients: 32}
		rows = append(rows, compare(t, "GET "+path, ours, ours.at(t, "JSON files", old+path))...)
	}
	return append(rows, readsBesideWriter(t, url)...)
}

// readsBesideWriter asks for what each fill changes, while one comes every 100 ms, beside
// the same without.
func readsBesideWriter(t *testing.T, url string) (rows []row) {
	t.Helper()
	post(t, url+"/api/ingest/models", `{"id":"bench-reads"}`)
	n := 0
	write := func() (stop func()) {
		done, ended := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			for tick := time.Tick(100 * time.Millisecond); ; n++ {
				select {
				case <-done:
					return
				case <-tick:
				}
				if err := fill(t.Context(), url, "bench-reads", n); err != nil {
					t.Errorf("error writing beside reads: %v", err)
					return
				}
			}
		}()
		return func() { close(done); <-ended }
	}
	paths := []string{"/api/leaderboard", "/api/trades"}
	if *short {
		paths = paths[:1]
	}
	for _, path := range paths {
		for _, form := range []string{"identity", "gzip"} {
			ours := load{url: url + path, headers: []string{"Accept-Encoding: " + form}, clients: 32, beside: write}
			alone := ours
			alone.beside = nil
			rows = append(rows, compare(t, "GET "+path+" "+form+", a fill every 100 ms", ours, alone.at(t, "without the fills", alone.url))...)
		}
	}
	return rows
}

// fill writes the nth fill of a model.
func fill(ctx context.Context, url, model string, n int) error {
	at := time.Now().Unix() - 1000
	body := fmt.Sprintf(`{"trade":{"id":"%[1]s-%[2]d-%[3]d","model_id":"%[1]s","symbol":"BTC","side":"long","quantity":1,"entry_oid":%[2]d,"entry_time":%[3]d,"exit_time":%[4]d,`+
		`"entry_price":100,"exit_price":101,"realized_net_pnl":1},"remaining":null}`, model, n+1, at, at+1)
	return send(ctx, url+"/api/ingest/trades", body)
}

// send posts a body, which has to be taken.
func send(ctx context.Context, url, body string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	said, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %.300s", res.Status, said)
	}
	return err
}

func writes(t *testing.T, url, dsn string) (rows []row) {
	t.Helper()
	db, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer db.Close(context.WithoutCancel(t.Context()))
	for i := range 8 {
		post(t, url+"/api/ingest/models", fmt.Sprintf(`{"id":"bench-%d"}`, i))
	}
	_, err = db.Exec(t.Context(), `INSERT INTO accounts (model_id, provider) SELECT 'bench-' || n, 'hyperliquid' FROM generate_series(0, 7) n ON CONFLICT DO NOTHING;
		INSERT INTO model_stats (model_id) SELECT 'bench-' || n FROM generate_series(0, 7) n ON CONFLICT DO NOTHING`)
	require.NoError(t, err)
	// As autovacuum does within a minute. Until then the planner knows nothing of tables that
	// were empty, and keeps what it thinks of.
	analyze := func() {
		_, err := db.Exec(t.Context(), "ANALYZE")
		require.NoError(t, err)
	}
	headers := []string{"Authorization: Bearer " + token, "Content-Type: application/json"}
	for _, clients := range []int{1, 32} {
		analyze()
		ours := load{url: url, headers: headers, clients: clients, lua: fills(1)}
		rows = append(rows, compare(t, fmt.Sprintf("POST one fill, clients: %d", clients), ours, yardstick{"pgbench", func() result { return pgbench(t, dsn, clients) }})...)
	}
	analyze()
	batch := load{url: url, headers: headers, clients: 4, lua: fills(200)}
	return append(rows, compare(t, "POST 200 fills, clients: 4", batch, yardstick{"pgbench, one fill", func() result { return pgbench(t, dsn, 4) }})...)
}

// fills makes each request bring n fills of eight models in turn.
func fills(n int) string {
	return fmt.Sprintf(`
local n, at = 0, os.time() - 3600
request = function()
  local items = {}
  for i = 1, %[1]d do
    n = n + 1
    items[i] = string.format('{"trade":{"id":"b%%RUN%%_%%d","model_id":"bench-%%d","symbol":"BTC","side":"long","quantity":1,"entry_oid":%%RUN%%%%06d,"entry_time":%%d,"exit_time":%%d.%%06d,"entry_price":100,"exit_price":101,"realized_net_pnl":1},"remaining":null}', n, n %% 8, n, at, at + 1, n %% 1000000)
  end
  local body = items[1]
  if %[1]d > 1 then
    body = '{"items":[' .. table.concat(items, ",") .. ']}'
  end
  return wrk.format("POST", "/api/ingest/trades", nil, body)
end
`, n)
}

func post(t *testing.T, url, body string) {
	t.Helper()
	require.NoError(t, send(t.Context(), url, body))
}

// transaction does in one transaction what a fill needs.
const transaction = `\set m random(0, 7)
\set id random(1, 1000000000000)
BEGIN;
SELECT positions_as_of FROM accounts WHERE competition_id = 'season-1' AND model_id = 'bench-' || :m FOR UPDATE;
SELECT id, quantity FROM positions WHERE competition_id = 'season-1' AND model_id = 'bench-' || :m AND provider = 'hyperliquid' AND symbol = 'ETH' AND status = 'open';
INSERT INTO trades (model_id, id, provider, symbol, side, quantity, entry_time, entry_price, exit_time, exit_price, realized_net_pnl)
  VALUES ('bench-' || :m, 'p' || :id, 'hyperliquid', 'ETH', 'long', 1, now(), 100, now(), 101, 1);
INSERT INTO positions (model_id, id, provider, symbol, status, stated_at, entry_price, quantity)
  VALUES ('bench-' || :m, 'p' || :id, 'hyperliquid', 'ETH', 'closed', now(), 100, 0);
UPDATE model_stats SET num_trades = num_trades + 1, winners_count = winners_count + 1, winners_net_sum = winners_net_sum + 1 WHERE competition_id = 'season-1' AND model_id = 'bench-' || :m;
INSERT INTO outbox_events (aggregate, model_id, type, payload, relayed_at) VALUES
  ('yardstick', 'bench-' || :m, 'yardstick', '{}', now()), ('yardstick', 'bench-' || :m, 'yardstick', '{}', now());
COMMIT;
`

func pgbench(t *testing.T, dsn string, clients int) (r result) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "fill.sql")
	require.NoError(t, os.WriteFile(file, []byte(transaction), 0o600))
	// A machine that is busy enough commits nothing in a second, and pgbench then has no figures.
	var out []byte
	for seconds := int(max(*during, time.Second).Seconds()); ; seconds *= 2 {
		var err error
		out, err = exec.CommandContext(t.Context(), "pgbench", "-n", "-M", "prepared", "-c", strconv.Itoa(clients), "-j", "1",
			"-T", strconv.Itoa(seconds), "-f", file, dsn).CombinedOutput()
		require.NoError(t, err, "%s", out)
		if !bytes.Contains(out, []byte("actually processed: 0")) {
			break
		}
	}
	figure := func(pattern string) float64 {
		m := regexp.MustCompile(pattern).FindSubmatch(out)
		require.NotNil(t, m, "%s", out)
		v, err := strconv.ParseFloat(string(m[1]), 64)
		require.NoError(t, err)
		return v
	}
	return result{Rate: figure(`tps = ([\d.]+)`), P50: figure(`latency average = ([\d.]+) ms`)}
}

// table has a line for each request, and behind it one for each yardstick with what ours is
// to it.
func table(rows []row) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "request\ta second\tp50 ms\tp99 ms\tallocs\tratio\tof p99")
	for i, r := range rows {
		if i == 0 || r.What != rows[i-1].What || r.Ours != rows[i-1].Ours {
			fmt.Fprintf(w, "%s\t%.0f\t%.2f\t%.2f\t%.0f\t\t\n", r.What, r.Ours.Rate, r.Ours.P50, r.Ours.P99, r.Allocs)
		}
		fmt.Fprintf(w, "  %s\t%.0f\t%.2f\t%s\t\t%.2f\t%s\n", r.Yardstick, r.Theirs.Rate, r.Theirs.P50, known(r.Theirs.P99), r.Ratio, known(r.RatioP99))
	}
	_ = w.Flush()
	return b.String()
}

// known is a figure, "" where there is none.
func known(v float64) string {
	if v == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", v)
}
