//go:build alerts

package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/internal/apiclient"
)

// hasten is how many times faster than in production the rules are asked here.
const hasten = 60

var (
	durations  = regexp.MustCompile(`(for: |\[|:|offset )(\d+)([smh])\b`)
	usedLabels = regexp.MustCompile(`\$labels\.(\w+)`)
	alertNames = regexp.MustCompile(`alert: (\w+)`)
)

// hastened returns rules or a query with every duration divided. Bounds stay as they are.
func hastened(t *testing.T, text string) string {
	t.Helper()
	return durations.ReplaceAllStringFunc(text, func(found string) string {
		parts := durations.FindStringSubmatch(found)
		d, err := time.ParseDuration(parts[2] + parts[3])
		require.NoError(t, err)
		return fmt.Sprintf("%s%dms", parts[1], (d / hasten).Milliseconds())
	})
}

// prometheus is a Prometheus that watches a system by the rules of deploy, hastened.
type prometheus struct {
	t       *testing.T
	url     string
	targets string // the file that says whom it scrapes
	rules   string
	seen    map[string]bool
}

type alert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	State       string            `json:"state"`
}

func deployed(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "deploy", filepath.FromSlash(name)))
	require.NoError(t, err)
	return string(content)
}

// startPrometheus starts Debian's Prometheus. No disk can be filled here, so that a disk
// of which not three times its size is free counts as full; rules_test.yml holds the rule
// to its real bound. It sends what fires to those Alertmanagers that there are.
func startPrometheus(t *testing.T, alertmanagers ...string) *prometheus {
	t.Helper()
	dir := t.TempDir()
	p := &prometheus{t: t, targets: filepath.Join(dir, "targets.json"), rules: deployed(t, "prometheus/rules.yml"), seen: map[string]bool{}}
	const disk = "nof0_disk_bytes < 0.1"
	require.Contains(t, p.rules, disk)
	p.scrape()
	for name, content := range map[string]string{
		"rules.yml": strings.ReplaceAll(hastened(t, p.rules), disk, "nof0_disk_bytes < 3"),
		"prometheus.yml": "global: {scrape_interval: 250ms, scrape_timeout: 250ms, evaluation_interval: 250ms}\nrule_files: [rules.yml]\n" +
			"alerting: {alertmanagers: [{static_configs: [{targets: [" + strings.Join(alertmanagers, ", ") + "]}]}]}\n" +
			"scrape_configs:\n  - job_name: nof0\n    file_sd_configs: [{files: [targets.json], refresh_interval: 1s}]\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	addr := freeAddr(t)
	p.url = "http://" + addr
	daemon(t, p.url, "prometheus", "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+addr, "--query.lookback-delta=5s")
	return p
}

// daemon starts a program that is ready once it says so.
func daemon(t *testing.T, url, name string, args ...string) {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, cmd.Start(), "make alerts-test installs it")
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			said, _ := os.ReadFile(log.Name())
			t.Logf("%s said:\n%s", name, said[max(0, len(said)-2000):])
		}
	})
	until(t, name+" is ready", func() bool {
		res, err := http.Get(url + "/-/ready")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

// until waits for a condition, which may end the test.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !condition(); time.Sleep(100 * time.Millisecond) {
		require.True(t, time.Now().Before(end), "never: %s", what)
	}
}

func (p *prometheus) until(what string, condition func() bool) {
	p.t.Helper()
	until(p.t, what, condition)
}

// scrape makes servers the targets.
func (p *prometheus) scrape(servers ...string) {
	p.t.Helper()
	hosts := []string{}
	for _, server := range servers {
		hosts = append(hosts, strings.TrimPrefix(server, "http://"))
	}
	content, err := json.Marshal([]map[string]any{{"targets": hosts}})
	require.NoError(p.t, err)
	// In one step, so that no half of it is read.
	require.NoError(p.t, os.WriteFile(p.targets+".new", content, 0o600))
	require.NoError(p.t, os.Rename(p.targets+".new", p.targets))
}

// ask reads an endpoint of its API.
func (p *prometheus) ask(path string, data any) {
	p.t.Helper()
	res, err := http.Get(p.url + "/api/v1/" + path)
	require.NoError(p.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(p.t, err)
	require.Equal(p.t, http.StatusOK, res.StatusCode, "%s: %s", path, body)
	require.NoError(p.t, json.Unmarshal(body, &struct {
		Data any `json:"data"`
	}{data}))
}

// hasData reports whether a query returns anything.
func (p *prometheus) hasData(query string) bool {
	p.t.Helper()
	var found struct{ Result []any }
	p.ask("query?query="+url.QueryEscape(query), &found)
	return len(found.Result) > 0
}

func (p *prometheus) firing() map[string]alert {
	p.t.Helper()
	var found struct{ Alerts []alert }
	p.ask("alerts", &found)
	firing := map[string]alert{}
	for _, a := range found.Alerts {
		if a.State == "firing" {
			firing[a.Labels["alertname"]] = a
		}
	}
	return firing
}

// fires waits until alerts fire, all of them at one time or another, and holds that
// their summaries say what they are about.
func (p *prometheus) fires(names ...string) {
	p.t.Helper()
	began := time.Now()
	waiting := slices.Clone(names)
	var firing map[string]alert
	defer func() {
		if len(waiting) > 0 {
			p.t.Logf("firing: %v", slices.Sorted(maps.Keys(firing)))
		}
	}()
	p.until(fmt.Sprintf("%v fire", names), func() bool {
		firing = p.firing()
		waiting = slices.DeleteFunc(waiting, func(name string) bool {
			a, is := firing[name]
			if is {
				p.seen[name] = true
				fmt.Fprintf(os.Stderr, "%s fires after %.1f s: %s\n", name, time.Since(began).Seconds(), a.Annotations["summary"])
				p.says(name, a)
			}
			return is
		})
		return len(waiting) == 0
	})
}

// says holds that every label of which the summary speaks is there.
func (p *prometheus) says(name string, a alert) {
	_, rule, _ := strings.Cut(p.rules, "alert: "+name+"\n")
	rule, _, _ = strings.Cut(rule, "alert: ")
	optional := name == "Nof0Down" // where nothing is known there is no instance
	for _, used := range usedLabels.FindAllStringSubmatch(rule, -1) {
		if !optional && a.Labels[used[1]] == "" {
			p.t.Errorf("%s speaks of the %s, which it does not know: %v", name, used[1], a.Labels)
		}
	}
	if a.Labels["severity"] == "" || a.Annotations["summary"] == "" {
		p.t.Errorf("%s has no severity or no summary", name)
	}
}

// calm waits until an alert does not even begin to fire.
func (p *prometheus) calm(name string) {
	p.t.Helper()
	p.until(name+" is over", func() bool { return !p.hasData(fmt.Sprintf(`ALERTS{alertname=%q}`, name)) })
}

// quiet holds that alerts do not fire now.
func (p *prometheus) quiet(names ...string) {
	p.t.Helper()
	firing := p.firing()
	for _, name := range names {
		require.NotContains(p.t, firing, name)
	}
}

// clients send requests again and again, each by itself, whatever is answered.
func (s *system) clients(server string, paths ...string) (stop func()) {
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan struct{}, len(paths))
	for i, path := range paths {
		go func() {
			defer func() { done <- struct{}{} }()
			api := apiclient.Client{URL: server, Token: token}
			for n := 0; ctx.Err() == nil; n++ {
				method, body := http.MethodGet, []byte(nil)
				to, write, isWrite := strings.Cut(path, " ")
				if isWrite {
					method, body = http.MethodPost, []byte(strings.ReplaceAll(write, "N", strconv.FormatInt(1_761_450_000+writes.Add(1), 10)))
				}
				once, end := context.WithTimeout(ctx, 10*time.Second)
				_, _ = api.Do(once, method, strings.ReplaceAll(to, "N", strconv.Itoa((17*i+n)%700+2)), body)
				end()
				select {
				case <-ctx.Done():
				case <-time.After(50 * time.Millisecond):
				}
			}
		}()
	}
	stop = func() {
		cancel()
		for range paths {
			<-done
		}
		paths = nil
	}
	s.t.Cleanup(stop)
	return stop
}

// What clients write. N is a number that does not repeat.
const (
	aPrice    = `/api/ingest/prices?register=true {"symbol":"BTC","price":7,"timestamp":N000}`
	aTrade    = `/api/ingest/trades?register=true {"id":"alert_N","model_id":"alerted","symbol":"BTC","side":"long","quantity":1,"entry_oid":N,"entry_time":1761440000,"exit_time":N,"entry_price":1,"exit_price":2,"realized_net_pnl":1}`
	aDecision = `/api/ingest/decisions?register=true {"id":"alert_N","model_id":"alerted","timestamp":N,"user_prompt":"what now?","cot_trace_summary":"nothing"}`
)

// TestAlertsFire causes what each alert is for, on a live system that Prometheus watches,
// until it fires. Every query of the dashboard returns data meanwhile.
func TestAlertsFire(t *testing.T) {
	s := startSystem(t)
	s.stop() // the servers below read the JSON files
	files := filepath.Join(t.TempDir(), "season")
	s.mustRun(s.bin, "season", "generate", files, "--seed", "5", "--models", "3", "--hours", "12")
	s.env = append(s.env, "NOF0_JSON_DIR="+files, "NOF0_RETENTION_ARCHIVE_DIR="+t.TempDir(),
		"NOF0_ROLLOUT_SHADOW_SAMPLE=1", "NOF0_HTTP_STREAMS=2", "NOF0_HTTP_REQUEST_TIMEOUT=3s")
	for _, domain := range []string{"prices", "positions", "accounts", "analytics", "conversations"} {
		s.mustRun(s.bin, "rollout", domain, "write=both")
		s.mustRun(s.bin, "rollout", domain, "read=store", "--force", "--reason", "alerts")
	}
	s.mustRun(s.bin, "rollout", "trades", "write=both", "read=shadow")

	db := s.database()
	exec := func(sql string, args ...any) {
		t.Helper()
		_, err := db.Exec(t.Context(), sql, args...)
		require.NoError(t, err)
	}
	p := startPrometheus(t)
	p.fires("Nof0Down") // it knows of none yet
	one, _ := s.serve(s.bin)
	env := s.env
	s.env = append(slices.Clone(env), "NOF0_ARENA_PRIMARY_PROVIDER=another")
	foreign, _ := s.serve(s.bin)
	// Partitions are made when a server starts, and here cannot be.
	for month := 1; month <= 2; month++ {
		name := "price_ticks_" + time.Date(time.Now().UTC().Year(), time.Now().UTC().Month()+time.Month(month), 1, 0, 0, 0, 0, time.UTC).Format("2006_01")
		exec("DROP TABLE IF EXISTS " + name)
		exec("CREATE VIEW " + name + " AS SELECT 1 AS in_the_way")
	}
	s.env = append(slices.Clone(env), "GOMEMLIMIT=50MiB")
	small, _ := s.serve(s.bin)
	p.scrape(one, foreign, small)

	// While Postgres is silent, nothing that needs it is named as the cause.
	known := []string{"/api/positions", "/api/leaderboard", "/api/crypto-prices"}
	s.clients(one, append(known, aPrice, aDecision)...)
	fills := s.clients(one, aTrade)
	p.until("answers are known", func() bool {
		return p.hasData(`nof0_http_seconds_count{route="/api/leaderboard",code="200",source="store"} > 3`)
	})
	resume := s.hangPostgres()
	p.fires("Nof0WritesRefused", "Nof0PostgresAway", "Nof0Stale", "Nof0Unavailable")
	p.quiet("Nof0MetricsNotComputed", "Nof0SwitchesUnread", "Nof0EventsWait")
	resume()
	relayed := func() { // what was frozen before its commit is as old as the outage
		p.until("events are relayed", func() bool {
			return s.count(db, "SELECT count(*) FROM outbox_events WHERE relayed_at IS NULL AND created_at < now() - interval '5 seconds'") == 0
		})
	}
	relayed()

	raw := s.redisClient()
	require.NoError(t, raw.ReplicaOf(t.Context(), "127.0.0.1", "1").Err())
	p.fires("Nof0RedisRefusing")
	require.NoError(t, raw.ReplicaOf(t.Context(), "NO", "ONE").Err())

	relayed()
	p.calm("Nof0EventsWait")
	s.redis.Pause()
	p.fires("Nof0RedisAway", "Nof0EventsWait")
	s.redis.Resume()

	// A fact that cannot be read, figures that no double holds, metrics that cannot be
	// stored, a file that cannot be replaced, rows that the files have otherwise.
	exec(`ALTER TABLE model_analytics ADD CHECK (false) NOT VALID`)
	exec(`UPDATE account_equity_snapshots SET dollar_equity = CASE WHEN since_inception_hourly_marker % 2 = 0 THEN 1.7e308 ELSE -1.7e308 END`)
	exec(`UPDATE decision_cycles SET extra = '"no object"', decisions = '"no object"'`)
	prices := filepath.Join(files, "crypto-prices.json")
	require.NoError(t, os.Remove(prices))
	require.NoError(t, os.MkdirAll(filepath.Join(prices, "in the way"), 0o700))
	for range 2 {
		stream, err := http.Get(one + "/api/stream")
		require.NoError(t, err)
		defer stream.Body.Close()
	}
	s.clients(one, "/api/trades", "/api/conversations", "/api/equity?points=N", "/api/stream")
	fills() // which the files would follow
	p.until("the two sources differ", func() bool {
		exec(`UPDATE trades SET quantity = quantity + 1 WHERE model_id <> 'alerted'`)
		_, _, code := s.run(s.bin, "parity", "--domain", "trades")
		return code == 1
	})
	fills() // what was left out before may be too long ago for its alert
	p.fires("Nof0MetricsNotComputed", "Nof0FigureNotFinite", "Nof0ProjectionsLeftOut", "Nof0Failing", "Nof0JSONFilesLag",
		"Nof0SourcesDiffer", "Nof0ShadowDiffers", "Nof0StreamsFull", "Nof0PartitionsRunOut", "Nof0WorkFails",
		"Nof0RedisForeign", "Nof0MemoryShort", "Nof0DiskFull")
	p.dashboard()

	exec(`ALTER TABLE rollout_switches RENAME TO gone`)
	tx, err := db.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `LOCK TABLE account_equity_snapshots`)
	require.NoError(t, err)
	stop := s.clients(one, slices.Repeat([]string{"/api/equity?points=N&model_id=claude-sonnet-4-5"}, 40)...)
	p.fires("Nof0PoolFull", "Nof0SwitchesUnread")
	stop()
	require.NoError(t, tx.Rollback(t.Context()))

	p.scrape(one, small)
	p.fires("Nof0InstanceMissing")
	require.NoError(t, s.servers[small].Process.Kill())
	p.fires("Nof0Down")

	for _, rule := range alertNames.FindAllStringSubmatch(p.rules, -1) {
		require.True(t, p.seen[rule[1]], "nothing made %s fire", rule[1])
	}
}

// dashboard waits until every query of the dashboard returns data.
func (p *prometheus) dashboard() {
	p.t.Helper()
	var board struct {
		Panels []struct {
			Title   string `json:"title"`
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	require.NoError(p.t, json.Unmarshal([]byte(deployed(p.t, "grafana/dashboards/nof0.json")), &board))
	require.NotEmpty(p.t, board.Panels)
	for _, panel := range board.Panels {
		for _, target := range panel.Targets {
			query := hastened(p.t, target.Expr)
			p.until(panel.Title+": "+query+" returns data", func() bool { return p.hasData(query) })
		}
	}
}

// TestRules holds every rule to made-up series, and the configurations to what reads them.
func TestRules(t *testing.T) {
	dir := filepath.Join("..", "..", "deploy", "prometheus")
	for _, args := range [][]string{
		{"promtool", "check", "config", "prometheus.yml"},
		{"promtool", "test", "rules", "rules_test.yml"},
	} {
		cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", strings.Join(args, " "), out)
	}
	tests := deployed(t, "prometheus/rules_test.yml")
	for _, rule := range alertNames.FindAllStringSubmatch(deployed(t, "prometheus/rules.yml"), -1) {
		asked := regexp.MustCompile(`alertname: `+rule[1]+`\n(\s+exp_alerts: \[\])?`).FindAllStringSubmatch(tests, -1)
		fires, silent := 0, 0
		for _, found := range asked {
			if found[1] == "" {
				fires++
			} else {
				silent++
			}
		}
		require.Positive(t, fires, "no test makes %s fire", rule[1])
		require.Positive(t, silent, "no test leaves %s silent", rule[1])
	}
}
