package app_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/config"
	"nof0/internal/app"
	"nof0/internal/await"
	"nof0/internal/telemetry"
)

// metric is the value of a series as a scrape shows it; ok is false where there is none.
func metric(t *testing.T, url, series string) (value float64, ok bool) {
	t.Helper()
	for line := range strings.Lines(string(get(t, url+"/metrics").body)) {
		if rest, found := strings.CutPrefix(line, series+" "); found {
			value, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			require.NoError(t, err)
			return value, true
		}
	}
	return 0, false
}

func TestMetricsShowTheWholeSystem(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *config.Config) {
		c.IngestToken = ingestToken
		c.Retention.ArchiveDir = t.TempDir()
	})
	post(t, b.url, "prices", `{"symbol":"SOL","price":190.5,"timestamp":1761452335744}`)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url+"/api/ingest/trades",
		strings.NewReader(`{"items":[{"trade":{"id":"x"}},{}]}`))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+ingestToken)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	res.Body.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err = http.NewRequestWithContext(ctx, http.MethodGet, b.url+"/api/stream", nil)
	require.NoError(t, err)
	stream, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer stream.Body.Close()

	above := func(least float64) func(float64) bool { return func(v float64) bool { return v >= least } }
	for series, right := range map[string]func(float64) bool{
		`go_sql_max_open_connections{db_name="reads"}`:                                 above(2),
		`go_sql_max_open_connections{db_name="writes"}`:                                above(2),
		`go_sql_in_use_connections{db_name="jobs"}`:                                    above(0),
		`go_sql_wait_count_total{db_name="writes"}`:                                    above(0),
		`go_sql_wait_duration_seconds_total{db_name="reads"}`:                          above(0),
		`nof0_http_in_flight`:                                                          above(2), // the stream and the scrape
		`nof0_stream_subscribers`:                                                      func(v float64) bool { return v == 1 },
		`nof0_stream_slow_consumers_total`:                                             above(0),
		`nof0_work_last_success_timestamp_seconds{work="relay events"}`:                above(1e9),
		`nof0_work_last_success_timestamp_seconds{work="make partitions ahead"}`:       above(1e9),
		`nof0_work_last_success_timestamp_seconds{work="compute metrics"}`:             above(1e9),
		`nof0_work_failures_total{work="prune the outbox"}`:                            func(v float64) bool { return v == 0 },
		`nof0_work_interval_seconds{work="prune the outbox"}`:                          func(v float64) bool { return v == 3600 },
		`nof0_work_last_round_seconds{work="read the switches of the rollout"}`:        above(0),
		`nof0_partitions_ahead{table="price_ticks"}`:                                   above(2),
		`nof0_table_bytes{table="trades"}`:                                             above(8192),
		`nof0_table_rows{table="price_ticks"}`:                                         above(0),
		`nof0_disk_free_bytes{directory="retention.archive_dir"}`:                      above(1),
		`nof0_redis_seconds_count`:                                                     above(1),
		`nof0_ingest_items_total{kind="prices",outcome="inserted"}`:                    func(v float64) bool { return v == 1 },
		`nof0_ingest_items_total{kind="trades",outcome="invalid"}`:                     func(v float64) bool { return v == 2 },
		`nof0_repository_seconds_count{method="EnsurePartitions",repository="prices"}`: above(1),
	} {
		await.True(t, func() bool {
			v, ok := metric(t, b.url, series)
			return ok && right(v)
		}, "%s", series)
	}
}

// lines is a log that is written to and read at once.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestOperatorsHaveAnAddressOfTheirOwn holds that pprof and the level of the log are there
// and nowhere else, and that a slow statement is logged by its name alone.
func TestOperatorsHaveAnAddressOfTheirOwn(t *testing.T) {
	t.Parallel()
	cfg := setup(t).cfg
	cfg.HTTP.AdminAddr = "127.0.0.1:0"
	cfg.Log.SlowStatement = time.Nanosecond
	var log lines
	logger, err := telemetry.NewLogger(&log, cfg.Log)
	require.NoError(t, err)
	a, err := app.New(t.Context(), cfg, logger, telemetry.Build{})
	require.NoError(t, err)
	defer func() { require.NoError(t, a.Close()) }()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	served, ready := make(chan error, 1), make(chan string, 1)
	go func() { served <- a.Serve(ctx, listener, func(url string) { ready <- url }) }()
	defer func() { cancel(); require.NoError(t, <-served) }()
	api := <-ready
	said := regexp.MustCompile(`operators are answered.* addr=(\S+)`).FindStringSubmatch(log.String())
	require.NotNil(t, said, "%s", &log)
	operators := "http://" + said[1]

	require.Contains(t, string(get(t, operators+"/metrics").body), "nof0_build_info")
	require.Contains(t, string(get(t, operators+"/debug/pprof/goroutine?debug=1").body), "nof0/internal/app")
	for _, profile := range []string{"block", "mutex"} {
		require.Equal(t, http.StatusBadRequest, get(t, operators+"/debug/pprof/"+profile).StatusCode)
	}
	await.True(t, func() bool {
		recorded := get(t, operators+"/debug/pprof/block?seconds=1")
		unpacked, err := gzip.NewReader(bytes.NewReader(recorded.body))
		if err != nil {
			return false
		}
		profile, err := io.ReadAll(unpacked)
		return err == nil && bytes.Contains(profile, []byte("nof0/internal"))
	}, "the jobs wait for their next round all the time, of which one has to end meanwhile")
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/log/level"} {
		require.Equal(t, http.StatusNotFound, get(t, api+path).StatusCode, path)
	}

	put := func(level string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, operators+"/log/level", strings.NewReader(level))
		require.NoError(t, err)
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		return res.StatusCode, string(body)
	}
	require.Equal(t, "INFO\n", string(get(t, operators+"/log/level").body))
	require.False(t, logger.Enabled(t.Context(), slog.LevelDebug))
	status, body := put("debug")
	require.Equal(t, http.StatusOK, status, body)
	require.True(t, logger.Enabled(t.Context(), slog.LevelDebug))
	status, _ = put("loud and clear, and longer than any level")
	require.Equal(t, http.StatusUnprocessableEntity, status)
	status, _ = put("loud")
	require.Equal(t, http.StatusUnprocessableEntity, status)
	require.Equal(t, "DEBUG\n", string(get(t, operators+"/log/level").body))

	require.Equal(t, http.StatusNotFound, get(t, api+"/api/analytics/nobody-we-know").StatusCode)
	require.Contains(t, log.String(), `msg="slow statement"`)
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, "slow statement") {
			require.Regexp(t, `name=\w+\.\w+ took=\S+ left_out=\d+`, line)
			require.NotContains(t, line, "nobody-we-know")
		}
	}
}
