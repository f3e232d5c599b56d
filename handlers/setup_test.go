package handlers

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/prometheus/client_golang/prometheus"

	"nof0/config"
	"nof0/internal/arena"
	"nof0/internal/telemetry"
)

var testTime = time.Date(2025, 10, 26, 4, 18, 55, 744e6, time.UTC)

// bundle is the surface under test with everything around it observable.
type bundle struct {
	handler http.Handler
	answers *fakeAnswerer
	ingest  *fakeIngester
	stream  *fakeStreamer
	rollout *fakeRollout
	parity  *fakeParity
	facts   *fakeCorrector
	metrics *fakeMetrics
	logs    *logBuffer

	competitions []string
}

// Competition implements arena.Competitions.
func (b *bundle) Competition(_ context.Context, named string) (string, error) {
	if !slices.Contains(b.competitions, named) {
		return "", &arena.UnknownCompetitionError{ID: named}
	}
	return named, nil
}

const (
	testToken      = "a-token_for.tests~1/2+3="
	testAdminToken = "another-token"
)

// setup builds the surface over an arena that answers every view with a small
// document, takes every write and streams nothing; change edits the options
// first.
func setup(t testing.TB, change ...func(*Options)) *bundle {
	t.Helper()
	b := &bundle{
		answers: &fakeAnswerer{}, ingest: &fakeIngester{}, stream: &fakeStreamer{},
		rollout: &fakeRollout{}, parity: &fakeParity{}, facts: &fakeCorrector{}, metrics: &fakeMetrics{}, logs: &logBuffer{},
	}
	b.ingest.ingest = func(context.Context, arena.Batch) (*arena.Reply, error) { return smallReply(), nil }
	b.stream.subscribe = func(context.Context, arena.Position) (arena.Subscription, error) { return fed(arena.ErrClosing), nil }
	b.answers.answer = func(context.Context, arena.Request) (*arena.Answer, error) { return smallAnswer(), nil }
	logger, err := telemetry.NewLogger(b.logs, config.Log{Level: "debug", Format: "json"})
	if err != nil {
		t.Fatal(err)
	}
	opts := Options{
		Answers: b.answers,
		Ingest:  b.ingest,
		Stream:  b.stream,

		Competitions: b,

		IngestToken: testToken,
		Rollout:     b.rollout,
		Parity:      b.parity,
		Corrections: b.facts,
		AdminToken:  testAdminToken,
		Config: config.HTTP{
			RequestTimeout: time.Minute, WriteTimeout: time.Minute, AllowedOrigins: []string{"*"},
		},
		Logger:   logger,
		Metrics:  b.metrics,
		Gatherer: prometheus.NewRegistry(),
		Now:      func() time.Time { return testTime },
		Rand:     func() uint64 { return 0 },
	}
	for _, f := range change {
		f(&opts)
	}
	if b.handler, err = New(opts); err != nil {
		t.Fatalf("New: %v", err)
	}
	return b
}

// do sends a request with headers given as name, value pairs.
func (b *bundle) do(method, target string, headers ...string) *httptest.ResponseRecorder {
	return b.send(httptest.NewRequest(method, target, nil), headers...)
}

// post sends a write with the token; headers replace what it has.
func (b *bundle) post(target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+testToken)
	r.Header.Set("Content-Type", "application/json")
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Del(pair[0])
	}
	return b.send(r, headers...)
}

func (b *bundle) send(r *http.Request, headers ...string) *httptest.ResponseRecorder {
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Add(pair[0], pair[1])
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	return w
}

// doContext sends a GET whose client is there as long as ctx.
func (b *bundle) doContext(ctx context.Context, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", target, nil))
	return w
}

// failWith makes every view fail.
func (b *bundle) failWith(err error) {
	b.answers.answer = func(context.Context, arena.Request) (*arena.Answer, error) { return nil, err }
}

func (b *bundle) answerWith(a *arena.Answer) {
	b.answers.answer = func(context.Context, arena.Request) (*arena.Answer, error) { return a, nil }
}

func smallAnswer() *arena.Answer {
	return &arena.Answer{
		Origin: "store", ETag: "abc", Modified: testTime, MaxAge: 5 * time.Second,
		Body: []byte(`{"trades":[],"serverTime":1}`),
	}
}

// largeAnswer is worth compressing.
func largeAnswer() *arena.Answer {
	a := smallAnswer()
	a.ETag = "large"
	a.Body = []byte(`{"trades":[` + strings.Repeat(`{"symbol":"BTC","price":111317.5},`, 2000) + `{}]}`)
	return a
}

type fakeAnswerer struct {
	answer func(context.Context, arena.Request) (*arena.Answer, error)

	mu       sync.Mutex
	requests []arena.Request
}

func (f *fakeAnswerer) Answer(ctx context.Context, req arena.Request) (*arena.Answer, error) {
	f.mu.Lock()
	f.requests = append(f.requests, req)
	f.mu.Unlock()
	return f.answer(ctx, req)
}

// takenBody is smallReply as it is sent.
const takenBody = `{"results":[{"index":0,"id":"BTC","outcome":"inserted"}]}`

func smallReply() *arena.Reply {
	return &arena.Reply{Results: []arena.Result{{ID: "BTC", Outcome: "inserted"}}}
}

type fakeIngester struct {
	ingest func(context.Context, arena.Batch) (*arena.Reply, error)

	mu      sync.Mutex
	batches []arena.Batch
}

func (f *fakeIngester) Ingest(ctx context.Context, b arena.Batch) (*arena.Reply, error) {
	f.mu.Lock()
	f.batches = append(f.batches, b)
	f.mu.Unlock()
	return f.ingest(ctx, b)
}

// last returns the last batch.
func (f *fakeIngester) last(t *testing.T) arena.Batch {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.batches) == 0 {
		t.Fatal("nothing was handed on")
	}
	return f.batches[len(f.batches)-1]
}

type fakeStreamer struct {
	subscribe func(context.Context, arena.Position) (arena.Subscription, error)

	mu     sync.Mutex
	afters []arena.Position
}

func (f *fakeStreamer) Subscribe(ctx context.Context, after arena.Position) (arena.Subscription, error) {
	f.mu.Lock()
	f.afters = append(f.afters, after)
	f.mu.Unlock()
	return f.subscribe(ctx, after)
}

// fakeSubscription is a feed that its test fills.
type fakeSubscription struct {
	events chan arena.Event
	err    error
	closed atomic.Bool
}

func (f *fakeSubscription) Events() <-chan arena.Event { return f.events }
func (f *fakeSubscription) Err() error                 { return f.err }
func (f *fakeSubscription) Close()                     { f.closed.Store(true) }

// fed is a feed of some events that has then ended.
func fed(end error, all ...arena.Event) *fakeSubscription {
	f := &fakeSubscription{events: make(chan arena.Event, len(all)), err: end}
	for _, e := range all {
		f.events <- e
	}
	close(f.events)
	return f
}

type observation struct {
	route, method string
	status        int
	source        string
}

type fakeMetrics struct {
	mu   sync.Mutex
	seen []observation
	// elapsed is that of the last one.
	elapsed time.Duration
	items   []string // their kinds and outcomes
}

func (f *fakeMetrics) ObserveItem(kind, outcome string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.items = append(f.items, kind+" "+outcome)
}

func (f *fakeMetrics) ObserveRequest(route, method string, status int, source string, elapsed time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = append(f.seen, observation{route, method, status, source})
	f.elapsed = elapsed
}

func (f *fakeMetrics) last(t *testing.T) observation {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.seen) == 0 {
		t.Fatal("nothing was observed")
	}
	return f.seen[len(f.seen)-1]
}

type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// lines returns the log lines with a message.
func (l *logBuffer) lines(t *testing.T, message string) []map[string]any {
	t.Helper()
	var found []map[string]any
	for line := range strings.Lines(l.String()) {
		var one map[string]any
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("log line %q: %v", line, err)
		}
		if one["msg"] == message {
			found = append(found, one)
		}
	}
	return found
}

// problemIn reads a response that has to be a problem document.
func problemIn(t *testing.T, w *httptest.ResponseRecorder) problem {
	t.Helper()
	if got := w.Header().Get("Content-Type"); got != contentProblem {
		t.Fatalf("content type is %q, body %s", got, w.Body)
	}
	if got := w.Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control is %q", got)
	}
	var p problem
	if err := json.Unmarshal(w.Body.Bytes(), &p, json.RejectUnknownMembers(true)); err != nil {
		t.Fatalf("problem %s: %v", w.Body, err)
	}
	if p.Status != w.Code {
		t.Errorf("problem says %d, response %d", p.Status, w.Code)
	}
	if p.RequestID != w.Header().Get(headerRequestID) || p.RequestID == "" {
		t.Errorf("problem has request id %q, response %q", p.RequestID, w.Header().Get(headerRequestID))
	}
	if p.Title == "" || p.Detail == "" {
		t.Errorf("problem without words: %+v", p)
	}
	return p
}

func wantHeader(t *testing.T, h http.Header, name, want string) {
	t.Helper()
	if got := strings.Join(h.Values(name), ", "); got != want {
		t.Errorf("%s is %q, want %q", name, got, want)
	}
}

// nowhere is a response that costs nothing.
type nowhere struct{ header http.Header }

func (n *nowhere) Header() http.Header         { return n.header }
func (n *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n *nowhere) WriteHeader(int)             {}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
