package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"nof0/config"
	"nof0/internal/telemetry"
)

func TestTheLoggerAddsWhatTheContextCarries(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	logger, err := telemetry.NewLogger(&out, config.Log{Level: "info", Format: "text"})
	if err != nil {
		t.Fatal(err)
	}
	outer := carrying(t.Context(), slog.String(telemetry.KeyRequestID, "r1"), slog.String("model", "a"))
	inner := carrying(outer, slog.String("symbol", "BTC"))
	logger.With("component", "x").InfoContext(inner, "one")
	logger.InfoContext(outer, "two")
	logger.InfoContext(t.Context(), "three")
	logger.DebugContext(outer, "never")

	want := []string{
		`msg=one component=x symbol=BTC`,
		`msg=two request_id=r1 model=a`,
		`msg=three`,
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != len(want) {
		t.Fatalf("got %q", lines)
	}
	for i, line := range lines {
		if !strings.HasSuffix(line, want[i]) {
			t.Errorf("got %s, want %s", line, want[i])
		}
	}
}

func carrying(ctx context.Context, attrs ...slog.Attr) context.Context {
	return context.WithValue(ctx, telemetry.AttrsKey{}, attrs)
}

func TestTheLoggerWritesJSON(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	logger, err := telemetry.NewLogger(&out, config.Log{Level: "debug", Format: "json"})
	if err != nil {
		t.Fatal(err)
	}
	logger.WithGroup("g").DebugContext(carrying(t.Context(), slog.Int("n", 1)), "m")
	if !strings.Contains(out.String(), `"level":"DEBUG","msg":"m","g":{"n":1}}`) {
		t.Errorf("got %s", out.String())
	}
}

func TestTheLoggerRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	for _, c := range []config.Log{{Level: "loud", Format: "text"}, {Level: "info", Format: "xml"}} {
		if _, err := telemetry.NewLogger(&bytes.Buffer{}, c); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}

func TestTheRegistryKnowsTheBuild(t *testing.T) {
	t.Parallel()
	reg := telemetry.NewRegistry(telemetry.Build{Version: "v1", Revision: "abc"})
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, family := range families {
		names = append(names, family.GetName())
	}
	all := strings.Join(names, " ")
	for _, name := range []string{"nof0_build_info", "go_goroutines"} {
		if !strings.Contains(all, name) {
			t.Errorf("%s is missing in %s", name, all)
		}
	}
}

var errNoRow = errors.New("no such row")

func TestRepositoryMetrics(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	m := telemetry.NewRepositoryMetrics(reg, telemetry.SlowCalls{}, errNoRow)
	call := func(result error) (err error) {
		defer m.Observe(t.Context(), "trades", "Newest")(&err)
		return result
	}
	for _, result := range []error{nil, errors.New("down"), fmt.Errorf("wrapped: %w", errNoRow), context.Canceled, context.DeadlineExceeded} {
		if err := call(result); !errors.Is(err, result) {
			t.Errorf("got %v", err)
		}
	}
	want := `
# HELP nof0_repository_errors_total Calls of repositories that failed; neither cancelled calls nor missing rows.
# TYPE nof0_repository_errors_total counter
nof0_repository_errors_total{method="Newest",repository="trades"} 2
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "nof0_repository_errors_total"); err != nil {
		t.Error(err)
	}
	if n := count(t, reg, "nof0_repository_seconds"); n != 5 {
		t.Errorf("%d calls were timed", n)
	}
}

func TestHTTPMetrics(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	m := telemetry.NewHTTPMetrics(reg)
	m.ObserveRequest("/api/trades", "GET", 200, "store", time.Millisecond)
	m.ObserveRequest("", "INVENTED", 404, "", time.Millisecond)
	m.ObserveRequest("", "OTHERWISE", 404, "", time.Millisecond)
	if n := testutil.CollectAndCount(reg, "nof0_http_seconds"); n != 2 {
		t.Errorf("%d series", n)
	}
	m.ObserveRequest("/api/trades", "GET", 200, "store", time.Millisecond)
	if n := count(t, reg, "nof0_http_seconds"); n != 4 {
		t.Errorf("%d requests were timed", n)
	}
}

func TestNilMetricsDoNothing(t *testing.T) {
	t.Parallel()
	var repository *telemetry.RepositoryMetrics
	err := errors.New("x")
	repository.Observe(t.Context(), "a", "b")(&err)
	var http *telemetry.HTTPMetrics
	http.ObserveRequest("a", "GET", 200, "store", time.Second)
}

// count sums the observations of a histogram.
func count(t *testing.T, reg *prometheus.Registry, name string) (n uint64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, metric := range family.GetMetric() {
			n += metric.GetHistogram().GetSampleCount()
		}
	}
	return n
}
