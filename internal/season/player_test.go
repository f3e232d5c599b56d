package season

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/internal/apiclient"
	"nof0/internal/season/seasontest"
	"nof0/internal/wire"
)

const testToken = "let me in"

// api is an ingest API that keeps a book.
type api struct {
	*httptest.Server
	// trouble, where given, may spoil a request before it is taken in (say
	// something else), or after (cut the answer).
	trouble func(request int, key string) trouble
	refuse  func(kind string, item jsontext.Value) bool

	mu       sync.Mutex
	book     *seasontest.Book
	answers  map[string][]byte   // by key
	stored   map[string]bool     // items, by kind and text
	arrived  map[string][]string // kinds and items in order, by model
	requests map[string]int      // by kind
	largest  map[string]int      // items, by kind
	keys     []string            // in order
}

type trouble struct {
	status int
	header http.Header
	cut    bool
}

func newAPI(t *testing.T) *api {
	t.Helper()
	a := &api{
		book: seasontest.NewBook(), answers: make(map[string][]byte), stored: make(map[string]bool), arrived: make(map[string][]string),
		requests: make(map[string]int), largest: make(map[string]int),
	}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.serve(t, w, r) }))
	t.Cleanup(a.Close)
	return a
}

func (a *api) serve(t *testing.T, w http.ResponseWriter, r *http.Request) {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client is gone
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	kind, ok := strings.CutPrefix(r.URL.Path, "/api/ingest/")
	key := r.Header.Get("Idempotency-Key")
	if !ok || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || key == "" {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+testToken {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"detail": "who are you?"}`)
		return
	}
	var spoilt trouble
	if a.trouble != nil {
		spoilt = a.trouble(len(a.keys), key)
	}
	a.keys = append(a.keys, key)
	if spoilt.status != 0 {
		for name := range spoilt.header {
			w.Header().Set(name, spoilt.header.Get(name))
		}
		w.WriteHeader(spoilt.status)
		return
	}
	answer, repeated := a.answers[key]
	if !repeated {
		answer = a.take(t, kind, body)
		a.answers[key] = answer
	}
	if spoilt.cut {
		w.Header().Set("Content-Length", "1000000")
		_, _ = w.Write(answer[:len(answer)/2])
		panic(http.ErrAbortHandler)
	}
	if strings.Contains(string(answer), "rejected") && !strings.HasPrefix(string(body), itemsPrefix) {
		w.WriteHeader(http.StatusConflict)
	}
	_, _ = w.Write(answer)
}

// take takes in a request and returns the answer.
func (a *api) take(t *testing.T, kind string, body []byte) []byte {
	t.Helper()
	items := []jsontext.Value{body}
	if strings.HasPrefix(string(body), itemsPrefix) {
		var l itemList[jsontext.Value]
		assert.NoError(t, wire.Unmarshal(body, &l))
		items = l.Items
	}
	a.requests[kind]++
	a.largest[kind] = max(a.largest[kind], len(items))
	var reply struct {
		Results []map[string]any `json:"results"`
	}
	for i, item := range items {
		result := map[string]any{"index": i, "id": "some id", "outcome": "inserted"}
		name := kind + " " + string(item)
		switch {
		case a.refuse != nil && a.refuse(kind, item):
			result["outcome"] = "rejected"
			result["error"] = map[string]any{"status": 409, "detail": "it differs"}
		case a.stored[name] && kind != KindPositions: // which are stated, also as they were before
			result["outcome"] = "unchanged"
		default:
			a.stored[name] = true
			if err := a.book.Apply(kind, 1, item); err != nil {
				t.Error(err)
			}
			model := modelOfItem(t, kind, item)
			a.arrived[model] = append(a.arrived[model], name)
		}
		reply.Results = append(reply.Results, result)
	}
	answer, err := wire.Marshal(reply)
	assert.NoError(t, err)
	return answer
}

func modelOfItem(t testing.TB, kind string, item jsontext.Value) string {
	t.Helper()
	var row struct {
		ModelID string `json:"model_id"`
		Trade   struct {
			ModelID string `json:"model_id"`
		} `json:"trade"`
	}
	assert.NoError(t, wire.Unmarshal(item, &row))
	switch {
	case row.Trade.ModelID != "":
		return row.Trade.ModelID
	case row.ModelID != "":
		return row.ModelID
	case kind == KindPrices:
		return "the prices"
	}
	return "everybody"
}

// fakeClock passes time only while somebody waits.
type fakeClock struct {
	mu    sync.Mutex
	now   time.Time
	waits []time.Duration
}

func newFakeClock() *fakeClock { return &fakeClock{now: time.Unix(1_800_000_000, 0)} }

func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) Wait(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	c.waits = append(c.waits, d)
	return ctx.Err()
}

func optionsFor(a *api, change ...func(*PlayOptions)) PlayOptions {
	o := PlayOptions{URL: a.URL, Token: testToken, Seed: 1, Client: a.Client(), Clock: newFakeClock()}
	for _, c := range change {
		c(&o)
	}
	return o
}

// assertInOrder compares what arrived of each model with the plan.
func assertInOrder(t *testing.T, a *api, events []Event) {
	t.Helper()
	want := make(map[string][]string)
	for _, e := range events {
		for _, item := range itemsOf(t, e) {
			model := modelOfItem(t, e.Kind, item)
			want[model] = append(want[model], e.Kind+" "+string(item))
		}
	}
	assert.Len(t, a.arrived, len(want))
	for model := range want {
		assert.True(t, slicesEqual(want[model], a.arrived[model]), "the events of %s came in another order", model)
	}
}

func slicesEqual(a, b []string) bool { return strings.Join(a, "\n") == strings.Join(b, "\n") }

func TestPlayedSeasonIsTheSeason(t *testing.T) {
	t.Parallel()
	s := generate(t, Options{Seed: 6, Models: 4, Hours: 12})
	plan := s.Plan(PlanOptions{Analytics: true})
	for name, change := range map[string]func(*PlayOptions){
		"one by one": func(o *PlayOptions) { o.Workers, o.Batch = 1, 1 },
		"by default": func(*PlayOptions) {},
		"in bulk":    func(o *PlayOptions) { o.Workers, o.Batch = 16, MaxPlayBatch },
		"sometimes cut": func(o *PlayOptions) {
			o.Batch = 50
			o.Run = "cut"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t)
			o := optionsFor(a, change)
			if o.Run == "cut" {
				a.trouble = sometimes(7)
			}
			settled := 0
			o.Progress = func(n int) { settled = n }
			played, err := Play(t.Context(), plan.Events(), o)
			require.NoError(t, err)
			assertIsSeason(t, a.book, s)
			assertInOrder(t, a, eventsOf(t, plan))
			assert.Equal(t, plan.Len(), played.Items)
			assert.Equal(t, plan.Len(), played.Acknowledged)
			assert.Equal(t, plan.Len(), settled)
			assert.Zero(t, played.Unchanged+played.Rejected)
			assert.GreaterOrEqual(t, len(a.keys), played.Requests+played.Retries, "net/http repeats some by itself")
			assert.Equal(t, o.Run == "cut", played.Retries > 0)
			for kind, n := range a.largest {
				if kind != KindPrices && kind != KindPositions { // whose events may have several items
					assert.LessOrEqual(t, n, max(o.Batch, DefaultPlayBatch), kind)
				}
			}
		})
	}
}

// sometimes makes trouble of every sort for about a third of the requests.
func sometimes(seed uint64) func(int, string) trouble {
	r := rand.New(rand.NewPCG(seed, seed))
	return func(int, string) trouble {
		switch r.IntN(15) {
		case 0:
			return trouble{status: http.StatusServiceUnavailable}
		case 1:
			return trouble{status: http.StatusTooManyRequests, header: http.Header{"Retry-After": {"3"}}}
		case 2:
			return trouble{status: http.StatusBadGateway}
		case 3, 4:
			return trouble{cut: true}
		}
		return trouble{}
	}
}

func TestFillsArePlayed(t *testing.T) {
	t.Parallel()
	plan := Fills(FillsOptions{Seed: 8, Models: 6, Count: 1000})
	a := newAPI(t)
	a.trouble = sometimes(8)
	acknowledged := seasontest.NewBook()
	played, err := Play(t.Context(), plan.Events(), optionsFor(a, func(o *PlayOptions) {
		o.Acknowledged = func(events []Event, results []apiclient.Result) {
			items := 0
			for _, e := range events {
				items += e.Items
				if err := acknowledged.Apply(e.Kind, e.Items, e.Body); err != nil {
					t.Error(err)
				}
			}
			assert.Len(t, results, items)
		}
	}))
	require.NoError(t, err)
	assert.Positive(t, played.Retries)
	assertInOrder(t, a, eventsOf(t, plan))
	want := bookOf(t, eventsOf(t, plan))
	for _, model := range want.Models() {
		for _, b := range []*seasontest.Book{a.book, acknowledged} {
			assert.Equal(t, want.Trades(model), b.Trades(model))
			assert.Equal(t, want.Open(model), b.Open(model))
			assert.Equal(t, want.Equity(model), b.Equity(model))
		}
	}
}

func TestAnotherRunFindsEverythingUnchanged(t *testing.T) {
	t.Parallel()
	plan := generate(t, Options{Seed: 2, Models: 2, Hours: 3}).Plan(PlanOptions{})
	a := newAPI(t)
	for i, run := range []string{"first", "first", "second"} {
		played, err := Play(t.Context(), plan.Events(), optionsFor(a, func(o *PlayOptions) { o.Run = run }))
		require.NoError(t, err)
		assert.Equal(t, plan.Len(), played.Items)
		if i < 2 { // the same keys get the same answers
			assert.Equal(t, plan.Len(), played.Acknowledged)
		} else {
			assert.Equal(t, plan.Len(), played.Unchanged+a.book.Count(KindPositions)/2)
		}
	}
	assert.Len(t, a.answers, len(a.keys)*2/3)
}

func TestRejectionsAreReported(t *testing.T) {
	t.Parallel()
	plan := generate(t, Options{Seed: 2, Models: 3, Hours: 6}).Plan(PlanOptions{})
	for _, size := range []int{1, 100} {
		a := newAPI(t)
		a.refuse = func(kind string, _ jsontext.Value) bool { return kind == KindDecisions }
		played, err := Play(t.Context(), plan.Events(), optionsFor(a, func(o *PlayOptions) { o.Batch = size }))
		require.NoError(t, err)
		assert.Greater(t, played.Rejected, 10)
		assert.Equal(t, played.Items, played.Acknowledged+played.Rejected)
		require.Len(t, played.Rejections, 10)
		for _, r := range played.Rejections {
			assert.Equal(t, Rejection{Kind: KindDecisions, Model: r.Model, ID: "some id", Status: 409, Reason: "it differs"}, r)
			assert.NotEmpty(t, r.Model)
		}
	}
}

func TestGivesUpInTheEnd(t *testing.T) {
	t.Parallel()
	plan := Fills(FillsOptions{Count: 10})
	a := newAPI(t)
	a.trouble = func(request int, _ string) trouble {
		if request < 2 {
			return trouble{}
		}
		return trouble{status: http.StatusServiceUnavailable}
	}
	clock := newFakeClock()
	played, err := Play(t.Context(), plan.Events(), optionsFor(a, func(o *PlayOptions) {
		o.KeepTrying, o.Clock, o.Workers = 20*time.Second, clock, 1
	}))
	require.ErrorIs(t, err, ErrGaveUp)
	require.ErrorContains(t, err, "503 Service Unavailable")
	assert.Equal(t, 2, played.Requests)
	assert.Greater(t, played.Retries, 8)
	var waited time.Duration
	for i, d := range clock.waits {
		waited += d
		assert.LessOrEqual(t, d, DefaultMaxPause)
		if i > 0 && i < 5 {
			assert.Greater(t, d, clock.waits[i-1])
		}
	}
	assert.LessOrEqual(t, waited, 20*time.Second)
	assert.Greater(t, waited, 20*time.Second-DefaultMaxPause)
	assert.InDelta(t, waited.Seconds(), played.Seconds, 1e-9)

	a.Close() // nobody there at all
	_, err = Play(t.Context(), plan.Events(), optionsFor(a))
	require.ErrorIs(t, err, ErrGaveUp)
	require.ErrorContains(t, err, "connection refused")
}

func TestRetryAfterIsHeeded(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.trouble = func(request int, _ string) trouble {
		if request == 0 {
			return trouble{status: http.StatusTooManyRequests, header: http.Header{"Retry-After": {"7"}}}
		}
		return trouble{}
	}
	clock := newFakeClock()
	_, err := Play(t.Context(), Fills(FillsOptions{Count: 1}).Events(), optionsFor(a, func(o *PlayOptions) { o.Clock = clock }))
	require.NoError(t, err)
	assert.Equal(t, []time.Duration{7 * time.Second}, clock.waits)
	assert.Equal(t, a.keys[0], a.keys[1], "a repetition has the key of the first attempt")
}

func TestWhatIsNoTroubleStopsAtOnce(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	play := func(change func(*PlayOptions)) error {
		_, err := Play(t.Context(), Fills(FillsOptions{Count: 1000}).Events(), optionsFor(a, change))
		return err
	}
	require.ErrorContains(t, play(func(o *PlayOptions) { o.Token = "" }), `answered 401 Unauthorized: {"detail": "who are you?"}`)
	require.ErrorContains(t, play(func(o *PlayOptions) { o.URL += "/elsewhere/" }), "404 Not Found")
	err := play(func(o *PlayOptions) { o.URL, o.Batch, o.Workers, o.Speed = "here", -1, 1000, -1 })
	for _, fault := range []string{"the URL has to be", "batch is -1", "workers is 1000", "speed is -1"} {
		require.ErrorContains(t, err, fault)
	}
	assert.Empty(t, a.arrived)
}

func TestPlayStopsWhenAsked(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	a := newAPI(t)
	a.trouble = func(request int, _ string) trouble {
		if request == 50 {
			cancel()
		}
		return trouble{}
	}
	played, err := Play(ctx, Fills(FillsOptions{Count: 1_000_000}).Events(), optionsFor(a, func(o *PlayOptions) { o.Batch = 1 }))
	require.ErrorIs(t, err, context.Canceled)
	assert.Positive(t, played.Items)
	assert.Less(t, played.Items, 100)
}

func TestBrokenEventsAreReported(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	played, err := Play(t.Context(), func(yield func(Event, error) bool) {
		_ = yield(Event{Kind: KindModels, Items: 1, Body: jsontext.Value(`{"id": "m"}`)}, nil) && yield(Event{}, assert.AnError)
	}, optionsFor(a))
	require.ErrorIs(t, err, assert.AnError)
	assert.Zero(t, played.Rejected)
}

func TestSpeed(t *testing.T) {
	t.Parallel()
	s := generate(t, Options{Seed: 3, Models: 2, Hours: 2})
	events := eventsOf(t, s.Plan(PlanOptions{}))
	for _, speed := range []float64{1, 60} {
		a, clock := newAPI(t), newFakeClock()
		played, err := Play(t.Context(), s.Plan(PlanOptions{}).Events(), optionsFor(a, func(o *PlayOptions) { o.Speed, o.Clock = speed, clock }))
		require.NoError(t, err)
		took := events[len(events)-1].At.Sub(s.options.Start).Seconds() / speed
		assert.InDelta(t, took, played.Seconds, 1e-6)
		assert.InDelta(t, float64(played.Items)/took, played.PerSecond, 1e-6)
		assert.Equal(t, s.Minutes(), a.requests[KindPrices], "what is due together goes together")
		assert.Equal(t, len(s.Symbols()), a.largest[KindPrices])
		assertIsSeason(t, a.book, s)
		assertInOrder(t, a, events)
	}
}
