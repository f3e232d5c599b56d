package app_test

import (
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"nof0/config"
	"nof0/internal/app"
	"nof0/internal/await"
	"nof0/internal/season"
	"nof0/internal/telemetry"
)

// spans are those that a collector was sent.
type spans struct {
	mu  sync.Mutex
	all []*tracepb.Span
	of  []*common.KeyValue // what they are of
}

// collect starts what takes spans as a collector does, and refuses those without a header.
func collect(t *testing.T) (url string, got *spans) {
	t.Helper()
	got = &spans{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/traces" || r.Header.Get("Authorization") != "Bearer of the collector" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		var body io.Reader = r.Body
		if r.Header.Get("Content-Encoding") == "gzip" {
			var err error
			if body, err = gzip.NewReader(r.Body); err != nil {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
		}
		raw, err := io.ReadAll(body)
		var sent collector.ExportTraceServiceRequest
		if err != nil || proto.Unmarshal(raw, &sent) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		got.mu.Lock()
		defer got.mu.Unlock()
		for _, resource := range sent.GetResourceSpans() {
			got.of = resource.GetResource().GetAttributes()
			for _, scope := range resource.GetScopeSpans() {
				got.all = append(got.all, scope.GetSpans()...)
			}
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, got
}

// tree prints the spans below a parent, a line each, with the values of some attributes.
func (s *spans) tree(parent []byte, indent string) string {
	var out strings.Builder
	below := slices.DeleteFunc(slices.Clone(s.all), func(c *tracepb.Span) bool { return string(c.GetParentSpanId()) != string(parent) })
	slices.SortFunc(below, func(a, b *tracepb.Span) int {
		return int(int64(a.GetStartTimeUnixNano()) - int64(b.GetStartTimeUnixNano()))
	})
	for _, span := range below {
		out.WriteString(indent + span.GetName())
		for _, a := range span.GetAttributes() {
			switch a.GetKey() {
			case "nof0.cache.level", "nof0.view", "nof0.kind", "nof0.source":
				out.WriteString(" " + a.GetValue().GetStringValue())
			}
		}
		out.WriteString("\n" + s.tree(span.GetSpanId(), indent+"  "))
	}
	return out.String()
}

// TestARequestIsOneTrace holds that the spans of a request are one tree below the span that
// its client names, from the route to the statements, and hold no values.
func TestARequestIsOneTrace(t *testing.T) {
	t.Parallel()
	url, got, flush := collectThrough(t)
	b := setup(t, withIngest)
	b.load(t, madeUp(t, season.Options{Seed: 3, Models: 2, Hours: 5}))
	await.True(t, func() bool {
		waiting, _, err := b.app.Store.Outbox.Lag(t.Context())
		return err == nil && waiting == 0
	}, "nothing is invalidated any more")
	cfg := b.cfg
	cfg.Cache.LocalTTL, cfg.Cache.Short, cfg.Cache.Medium, cfg.Cache.Long = time.Hour, time.Hour, time.Hour, time.Hour
	cfg.Tracing = config.Tracing{Endpoint: url, Headers: []string{"authorization=Bearer%20of%20the%20collector"}, ServiceName: "arena"}
	var log strings.Builder
	logger, err := telemetry.NewLogger(&log, config.Log{Level: "info", Format: "text"})
	require.NoError(t, err)
	a, err := app.New(t.Context(), cfg, logger, telemetry.Build{Version: "v1"})
	require.NoError(t, err)
	const trace = "0af7651916cd43dd8448eb211c80319c"
	ask := func(method, path, parent, flags, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Traceparent", "00-"+trace+"-"+parent+"-"+flags)
		r.Header.Set("Authorization", "Bearer "+ingestToken)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		a.Handler().ServeHTTP(w, r)
		return w
	}
	const cold, fill, unsampled, refused = "00f067aa0ba902b1", "00f067aa0ba902b3", "00f067aa0ba902b4", "00f067aa0ba902b5"
	const path = "/api/trades?limit=7"
	require.Equal(t, http.StatusOK, ask(http.MethodGet, path, cold, "01", "").Code)
	var warm []string
	for i := range 50 { // on a busy machine what is in memory may be too old for one of them
		warm = append(warm, fmt.Sprintf("00f067aa0ba903%02x", i))
		require.Equal(t, http.StatusOK, ask(http.MethodGet, path, warm[i], "01", "").Code)
	}
	require.Equal(t, http.StatusOK, ask(http.MethodGet, "/api/trades?limit=3", unsampled, "00", "").Code)
	require.Equal(t, http.StatusNotFound, ask(http.MethodGet, "/api/analytics/nobody", refused, "01", "").Code)
	require.Equal(t, http.StatusOK, ask(http.MethodPost, "/api/ingest/prices?register=true", fill, "01", `{"symbol":"SECRET","price":31337,"timestamp":1761450000000}`).Code)
	require.NoError(t, a.Close())
	flush()

	got.mu.Lock()
	defer got.mu.Unlock()
	below := func(parent string) string {
		id, err := hex.DecodeString(parent)
		require.NoError(t, err)
		return got.tree(id, "")
	}
	require.Equal(t, `GET /api/trades store
  cache.get miss
    cache.load
      competitions.All
      competitions.Default
  view trades
    cache.get miss
      cache.load
        trades.Page
`, below(cold))
	require.True(t, slices.ContainsFunc(warm, func(id string) bool { return below(id) == "GET /api/trades store\n" }), "what is in memory has nothing below it")
	require.Empty(t, below(unsampled), "its client records nothing of it")
	require.Contains(t, below(refused), "GET /api/analytics/:model \n")
	write := strings.Split(strings.TrimSpace(below(fill)), "\n")
	require.Equal(t, []string{"POST /api/ingest/prices ", "  ingest prices"}, write[:2])
	require.Subset(t, write[2:], []string{"    locks.Hold", "    outbox.Append", "    store.Commit"})
	for _, span := range got.all {
		require.Equal(t, trace, hex.EncodeToString(span.GetTraceId()))
		require.NotContains(t, span.String(), "SECRET")
		require.NotContains(t, span.String(), "31337")
		require.NotEqual(t, tracepb.Status_STATUS_CODE_ERROR, span.GetStatus().GetCode(), "%s", span.GetName())
	}
	require.Equal(t, "arena", valueOf(got.of, "service.name"))
	require.Equal(t, "v1", valueOf(got.of, "service.version"))
	require.Contains(t, log.String(), "trace_id="+trace)
}

func valueOf(attrs []*common.KeyValue, key string) string {
	for _, a := range attrs {
		if a.GetKey() == key {
			return a.GetValue().GetStringValue()
		}
	}
	return ""
}

// TestTheRelayIsTraced holds that what the relay does is a trace of its own.
func TestTheRelayIsTraced(t *testing.T) {
	t.Parallel()
	url, got := collect(t)
	b := setup(t, withIngest, func(c *config.Config) {
		c.Tracing = config.Tracing{Endpoint: url, Headers: []string{"authorization=Bearer%20of%20the%20collector"}, SampleRatio: 1, ServiceName: "arena"}
	})
	post(t, b.url, "models", `{"id":"traced"}`)
	await.True(t, func() bool {
		got.mu.Lock()
		defer got.mu.Unlock()
		return strings.Contains(got.tree(nil, ""), "relay\n  outbox.Claim\n")
	})
}

// TestACollectorThatHangsHoldsNobody holds that requests and a stop go on while nothing
// takes the spans.
func TestACollectorThatHangsHoldsNobody(t *testing.T) {
	t.Parallel()
	hangs := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hangs }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(hangs) })
	b := setup(t)
	cfg := b.cfg
	cfg.HTTP.RequestsPerClient = 0
	cfg.Tracing = config.Tracing{Endpoint: server.URL, SampleRatio: 1, ServiceName: "nof0"}
	a, err := app.New(t.Context(), cfg, slog.New(slog.DiscardHandler), telemetry.Build{})
	require.NoError(t, err)
	for range 5000 { // more than the queue holds
		w := httptest.NewRecorder()
		a.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/trades", nil))
		require.Equal(t, http.StatusOK, w.Code)
	}
	require.NoError(t, a.Close())
}
