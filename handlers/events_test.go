package handlers

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/internal/arena"
)

func at(sequence int64) arena.Position { return arena.Position{Sequence: sequence} }

func event(sequence int64, kind, model string) arena.Event {
	return arena.Event{
		Position: at(sequence), ID: sequence, Type: kind, Model: model, At: testTime, Data: jsontext.Value("{}"),
	}
}

// withFeed makes every subscription the given one.
func (b *bundle) withFeed(feed arena.Subscription) {
	b.stream.subscribe = func(context.Context, arena.Position) (arena.Subscription, error) { return feed, nil }
}

// ids are the events of a stream and its marks, by id.
func ids(stream string) string {
	var all []string
	for line := range strings.Lines(stream) {
		if id, ok := strings.CutPrefix(line, "id: "); ok {
			all = append(all, strings.TrimSpace(id))
		}
	}
	return strings.Join(all, " ")
}

func TestEventStream(t *testing.T) {
	t.Parallel()
	b := setup(t)
	feed := fed(arena.ErrClosing, event(41, arena.EventTrade, "gpt-5"), event(42, arena.EventPrices, ""))
	b.withFeed(feed)
	w := b.do("GET", "/api/stream", "Accept-Encoding", "gzip, br")
	const want = "retry: 2000\n\n" +
		"id: 41\nevent: trade\n" +
		`data: {"id":41,"sequence":41,"type":"trade","model_id":"gpt-5","at":1761452335.744,"data":{}}` + "\n\n" +
		"id: 42\nevent: prices\n" +
		`data: {"id":42,"sequence":42,"type":"prices","at":1761452335.744,"data":{}}` + "\n\n" +
		"event: end\ndata: {\"reason\":\"closing\"}\n\n"
	if w.Code != 200 || w.Body.String() != want {
		t.Errorf("%d\n%s", w.Code, w.Body)
	}
	h := w.Header()
	wantHeader(t, h, "Content-Type", "text/event-stream")
	wantHeader(t, h, "Cache-Control", "no-store")
	wantHeader(t, h, "X-Accel-Buffering", "no")
	wantHeader(t, h, "Content-Encoding", "")
	wantHeader(t, h, "Content-Length", "")
	wantHeader(t, h, "Access-Control-Allow-Origin", "*")
	if !w.Flushed {
		t.Error("nothing was flushed")
	}
	if !feed.closed.Load() {
		t.Error("the subscription is still open")
	}
	if got := b.metrics.last(t); got != (observation{"/api/stream", "GET", 200, ""}) {
		t.Errorf("observed %+v", got)
	}
}

func TestEventsAreFiltered(t *testing.T) {
	t.Parallel()
	all := []arena.Event{
		event(1, arena.EventTrade, "gpt-5"), event(2, arena.EventTrade, "grok-4"), event(3, arena.EventPrices, ""),
		event(4, arena.EventPosition, "gpt-5"), event(5, arena.EventModel, "gpt-5"),
	}
	b := setup(t)
	// The last id is that of the newest event, sent or not.
	for query, want := range map[string]string{
		"":                                     "1 2 3 4 5",
		"?types=trade":                         "1 2 5",
		"?types=position,trade":                "1 2 4 5",
		"?types=model":                         "5",
		"?model_id=gpt-5":                      "1 4 5",
		"?model_id=gpt-5&types=trade%2Cprices": "1 5",
		"?model_id=nobody":                     "5",
		"?model_id=gpt-5&types=prices":         "5",
		"?types=import&path=stream":            "5",
	} {
		b.withFeed(fed(arena.ErrClosing, all...))
		w := b.do("GET", "/api/stream"+query)
		if got := ids(w.Body.String()); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}

// TestEventsAreFilteredByWhatTheySay holds the filters by symbol and competition, which
// pass by events that have none, and the ids that go on all the same.
func TestEventsAreFilteredByWhatTheySay(t *testing.T) {
	t.Parallel()
	with := func(sequence int64, kind, competition, data string) arena.Event {
		e := event(sequence, kind, "gpt-5")
		e.Competition, e.Data = competition, jsontext.Value(data)
		return e
	}
	all := []arena.Event{
		with(1, arena.EventTrade, "s1", `{"symbol":"BTC","price":[1]}`),
		with(2, arena.EventTrade, "s2", `{"symbol":"ETH"}`),
		with(3, arena.EventPosition, "s2", `{"model_id":"gpt-5","position":{"symbol":"BTC"}}`),
		with(4, arena.EventPrices, "", `{"prices":[{"symbol":"SOL"},{"symbol":"BTC"}]}`),
		with(5, arena.EventCorrection, "s1", `{"kind":"trade","fact":{"symbol":"BTC"}}`),
		with(6, arena.EventCorrection, "s1", `{"kind":"trade","fact":null}`),
		with(7, arena.EventDecision, "s2", `{"llm_response":{"BTC":{}},"symbol":7}`),
	}
	b := setup(t)
	b.competitions = []string{"s1", "s2", "s:3"}
	for query, want := range map[string]string{
		"?symbol=BTC":                          "1 3 4 5 7",
		"?symbol=DOGE":                         "7",
		"?competition=s2":                      "2 3 7",
		"?competition=s1":                      "1 5 6 7",
		"?competition=s%3A3":                   "7",
		"?competition=s2&symbol=BTC":           "3 7",
		"?competition=s2&types=trade,decision": "2 7",
		"?competition=s1&model_id=gpt-5&symbol=BTC&types=trade": "1 7",
	} {
		b.withFeed(fed(arena.ErrClosing, all...))
		w := b.do("GET", "/api/stream"+query)
		if got := ids(w.Body.String()); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	b.withFeed(fed(arena.ErrClosing, all[1]))
	if w := b.do("GET", "/api/stream?competition=s2"); !strings.Contains(w.Body.String(), `"competition_id":"s2"`) {
		t.Error(w.Body)
	}
	for query, want := range map[string]int{
		"?competition=s4": 404, "?competition=%20s1": 404, "?competition=": 400, "?competition=s1&competition=s2": 400, "?symbol=": 400,
		"?symbol=%20": 400, "?symbol=a&symbol=b": 400, "?types=trades": 400, "?model_id=": 400,
	} {
		p := problemIn(t, b.do("GET", "/api/stream"+query))
		name, _, _ := strings.Cut(query[1:], "=")
		if p.Status != want || want == 400 && p.Errors[0].Path != "/"+name {
			t.Errorf("%s: %+v", query, p)
		}
		if want == 404 && (p.Type != problemUnknownCompetition || !strings.Contains(p.Detail, `s`)) {
			t.Errorf("%s: %+v", query, p)
		}
	}
}

func TestStreamsResume(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, c := range []struct {
		query, header string
		want          arena.Position
	}{
		{"", "", at(-1)},
		{"?last_event_id=41", "", at(41)},
		{"?last_event_id=0", "", at(0)},
		{"", "42", at(42)},
		{"?last_event_id=41", "42", at(42)},
		{"?last_event_id=41-00ff", "", arena.Position{Sequence: 41, History: "00ff"}},
		{"?last_event_id=41", "0-9e107d9d", arena.Position{History: "9e107d9d"}},
	} {
		var headers []string
		if c.header != "" {
			headers = []string{"Last-Event-ID", c.header}
		}
		if w := b.do("GET", "/api/stream"+c.query, headers...); w.Code != 200 {
			t.Errorf("%+v: %d", c, w.Code)
		}
		if got := b.stream.afters[len(b.stream.afters)-1]; got != c.want {
			t.Errorf("%+v: after %v", c, got)
		}
	}
}

func TestParametersOfStreams(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, c := range []struct{ query, header, fault string }{
		{"types=", "", "/types"},
		{"types=trades", "", "/types"},
		{"types=trade,", "", "/types"},
		{"types=trade, prices", "", "/types"},
		{"types=trade&types=prices", "", "/types"},
		{"model_id=", "", "/model_id"},
		{"model_id=%00", "", "/model_id"},
		{"model_id=a&model_id=b", "", "/model_id"},
		{"last_event_id=-1", "", "/last_event_id"},
		{"last_event_id=x", "", "/last_event_id"},
		{"", "x", "/Last-Event-ID"},
		{"last_event_id=5-", "", "/last_event_id"},
		{"last_event_id=5-0g0", "", "/last_event_id"},
		{"", "5-00ff-1", "/Last-Event-ID"},
		{"", "-00ff", "/Last-Event-ID"},
		{"", "99999999999999999999", "/Last-Event-ID"},
	} {
		var headers []string
		if c.header != "" {
			headers = []string{"Last-Event-ID", c.header}
		}
		for _, method := range []string{"GET", "HEAD"} {
			w := b.do(method, "/api/stream?"+strings.ReplaceAll(c.query, " ", "%20"), headers...)
			if w.Code != 400 {
				t.Errorf("%s %+v: %d", method, c, w.Code)
			} else if method == "GET" {
				if p := problemIn(t, w); p.Type != problemInvalidParameter || p.Errors[0].Path != c.fault {
					t.Errorf("%+v: %+v", c, p)
				}
			}
		}
	}
	if len(b.stream.afters) != 0 {
		t.Error("the arena was asked")
	}
}

func TestStreamsThatCannotBegin(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for kind, c := range map[problemType]struct {
		err    error
		status int
		again  string
	}{
		problemGone:        {arena.ErrGone, 410, ""},
		problemUnavailable: {arena.ErrUnavailable, 503, "5"},
		problemNotReady:    {arena.ErrClosing, 503, "5"},
		problemInternal:    {errors.New("secret"), 500, ""},
	} {
		b.stream.subscribe = func(context.Context, arena.Position) (arena.Subscription, error) {
			return nil, errors.Join(errors.New("SELECT"), c.err)
		}
		w := b.do("GET", "/api/stream")
		if p := problemIn(t, w); p.Status != c.status || p.Type != kind || strings.Contains(w.Body.String(), "SELECT") {
			t.Errorf("%+v", p)
		}
		wantHeader(t, w.Header(), "Retry-After", c.again)
	}

	off := setup(t, func(o *Options) { o.Stream = nil })
	w := off.do("GET", "/api/stream")
	if p := problemIn(t, w); p.Status != 503 || p.Type != problemNotConfigured {
		t.Errorf("%+v", p)
	}
	wantHeader(t, w.Header(), "Retry-After", "")
}

func TestStreamsSayWhyTheyEnd(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for reason, c := range map[string]struct {
		end    error
		status int
	}{
		"slow_consumer": {arena.ErrSlowConsumer, 200},
		"closing":       {arena.ErrClosing, 200},
		"gone":          {arena.ErrGone, 200},
		"failure":       {errors.Join(arena.ErrUnavailable, errors.New("secret")), 503},
	} {
		b.withFeed(fed(c.end, event(1, arena.EventTrade, "")))
		body := b.do("GET", "/api/stream").Body.String()
		if !strings.HasSuffix(body, "event: end\ndata: {\"reason\":\""+reason+"\"}\n\n") || strings.Contains(body, "secret") {
			t.Errorf("%s: %s", reason, body)
		}
		if got := b.metrics.last(t); got.status != c.status {
			t.Errorf("%s: observed %+v", reason, got)
		}
		lines := b.logs.lines(t, "request")
		if lines[len(lines)-1]["error"] == nil {
			t.Errorf("%s: the log does not say why", reason)
		}
	}
	for name, feed := range map[string]*fakeSubscription{
		"without a reason": fed(nil),
		"no JSON":          fed(arena.ErrClosing, arena.Event{Position: at(2), Data: jsontext.Value("{")}),
	} {
		b.withFeed(feed)
		w := b.do("GET", "/api/stream")
		if !strings.Contains(w.Body.String(), `{"reason":"failure"}`) {
			t.Errorf("%s: %s", name, w.Body)
		}
		if got := b.metrics.last(t); got.status != 500 {
			t.Errorf("%s: observed %+v", name, got)
		}
	}
}

func TestHeadOfAStreamOpensNone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w := b.do("HEAD", "/api/stream")
	if w.Code != 200 || w.Body.Len() != 0 || len(b.stream.afters) != 0 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	wantHeader(t, w.Header(), "Content-Type", "text/event-stream")
}

// opened is a stream as its client has it.
type opened struct {
	status int
	header http.Header
	lines  *bufio.Reader
	close  func() error
}

// open opens a stream in a bubble and reads its first frame.
func open(t *testing.T, ctx context.Context, client *http.Client, query string) opened {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, "GET", "http://nof0/api/stream"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	lines := bufio.NewReader(response.Body)
	if response.StatusCode == 200 {
		wantFrame(t, lines, "retry: 2000\n\n")
	}
	return opened{response.StatusCode, response.Header, lines, response.Body.Close}
}

// wantFrame reads up to the next empty line.
func wantFrame(t *testing.T, lines *bufio.Reader, want string) {
	t.Helper()
	var frame strings.Builder
	for !strings.HasSuffix(frame.String(), "\n\n") {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("%q, then %v", frame.String(), err)
		}
		frame.WriteString(line)
	}
	if !strings.HasPrefix(frame.String(), want) {
		t.Errorf("%q, want %q", frame.String(), want)
	}
}

// The server has all of its timeouts, and the stream outlives them.
func TestStreamsStayOpenAndAlive(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) {
		o.Now, o.Config.ReadTimeout, o.Config.RequestTimeout = time.Now, 15*time.Second, 30*time.Second
	})
	synctest.Test(t, func(t *testing.T) {
		client := b.serve(t, &http.Server{ReadTimeout: 15 * time.Second, WriteTimeout: time.Minute})
		feed := &fakeSubscription{events: make(chan arena.Event), err: arena.ErrClosing}
		b.withFeed(feed)
		start := time.Now()
		stream := open(t, t.Context(), client, "?types=trade")
		lines := stream.lines

		feed.events <- event(7, arena.EventTrade, "gpt-5")
		wantFrame(t, lines, "id: 7\n") // at once
		if elapsed := time.Since(start); elapsed != 0 {
			t.Errorf("the event took %s", elapsed)
		}
		for range 20 {
			wantFrame(t, lines, ": alive\n\n")
		}
		if elapsed := time.Since(start); elapsed != 20*heartbeat {
			t.Errorf("20 heartbeats took %s", elapsed)
		}
		// What the client does not want moves its id along.
		feed.events <- event(8, arena.EventPrices, "")
		wantFrame(t, lines, ": alive\nid: 8\n\n")
		wantFrame(t, lines, ": alive\n\n")

		close(feed.events)
		wantFrame(t, lines, "event: end\ndata: {\"reason\":\"closing\"}\n\n")
		if rest, err := io.ReadAll(lines); err != nil || len(rest) != 0 {
			t.Errorf("%q, %v", rest, err)
		}
		// The connection is as good as before.
		if err := stream.close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute) // of the bubble
		again, err := client.Get("http://nof0/healthz")
		if err != nil || again.StatusCode != 200 {
			t.Fatalf("%v, %v", again, err)
		}
		if err := again.Body.Close(); err != nil {
			t.Fatal(err)
		}
	})
	if got := b.metrics.seen[0]; got != (observation{"/api/stream", "GET", 200, ""}) {
		t.Errorf("observed %+v", got)
	}
}

func TestTheLatencyOfAStreamIsThatOfItsFirstByte(t *testing.T) {
	t.Parallel()
	now := testTime
	b := setup(t, func(o *Options) { o.Now = func() time.Time { return now } })
	feed := fed(arena.ErrClosing)
	b.stream.subscribe = func(context.Context, arena.Position) (arena.Subscription, error) {
		now = now.Add(time.Second)
		return feed, nil
	}
	w := httptest.NewRecorder()
	later := &advancing{ResponseRecorder: w, by: func() { now = now.Add(time.Hour) }}
	b.handler.ServeHTTP(later, httptest.NewRequest("GET", "/api/stream", nil))
	if b.metrics.elapsed != time.Second {
		t.Errorf("observed %s", b.metrics.elapsed)
	}
	if got := b.logs.lines(t, "request")[0]["duration"].(float64); time.Duration(got) < time.Hour {
		t.Errorf("the log has %s", time.Duration(got))
	}
}

// advancing is a response that takes its time.
type advancing struct {
	*httptest.ResponseRecorder
	by func()
}

func (a *advancing) Write(p []byte) (int, error) {
	a.by()
	return a.ResponseRecorder.Write(p)
}

func TestAClientThatLeavesEndsItsStream(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.Now = time.Now })
	synctest.Test(t, func(t *testing.T) {
		client := b.serve(t, &http.Server{})
		feed := &fakeSubscription{events: make(chan arena.Event)}
		var subscribed func() error
		b.stream.subscribe = func(ctx context.Context, _ arena.Position) (arena.Subscription, error) {
			subscribed = ctx.Err
			return feed, nil
		}
		ctx, leave := context.WithCancel(t.Context())
		open(t, ctx, client, "")
		leave()
		synctest.Wait()
		if !feed.closed.Load() || subscribed() == nil {
			t.Error("the subscription is still open")
		}
		if got := b.metrics.last(t); got.status != 200 {
			t.Errorf("observed %+v", got)
		}
		if line := b.logs.lines(t, "request")[0]; line["error"] != nil {
			t.Errorf("the log says %v", line)
		}
	})
}

func TestAStuckClientIsDropped(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.Now = time.Now })
	synctest.Test(t, func(t *testing.T) {
		client := b.serve(t, &http.Server{})
		feed := &fakeSubscription{events: make(chan arena.Event)}
		b.withFeed(feed)
		open(t, t.Context(), client, "")
		start := time.Now()
		large := event(1, arena.EventTrade, "")
		large.Data = jsontext.Value(`"` + strings.Repeat("x", 1<<20) + `"`)
		feed.events <- large
		for !feed.closed.Load() {
			time.Sleep(time.Second) // of the bubble
		}
		if elapsed := time.Since(start); elapsed < eventStall || elapsed > eventStall+time.Second {
			t.Errorf("dropped after %s", elapsed)
		}
		synctest.Wait()
		if got := b.metrics.last(t); got.status != 499 {
			t.Errorf("observed %+v", got)
		}
		if line := b.logs.lines(t, "request")[0]; !strings.Contains(line["error"].(string), "stuck") {
			t.Errorf("the log says %v", line)
		}
	})
}

func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.Now, o.MaxStreams = time.Now, 2 })
	synctest.Test(t, func(t *testing.T) {
		client := b.serve(t, &http.Server{})
		b.stream.subscribe = func(context.Context, arena.Position) (arena.Subscription, error) {
			return &fakeSubscription{events: make(chan arena.Event)}, nil
		}
		ctx, leave := context.WithCancel(t.Context())
		open(t, ctx, client, "")
		open(t, t.Context(), client, "")
		refused := open(t, t.Context(), client, "")
		if refused.status != 503 || refused.header.Get("Retry-After") != "5" {
			t.Errorf("%d", refused.status)
		}
		leave()
		synctest.Wait()
		if again := open(t, t.Context(), client, ""); again.status != 200 {
			t.Errorf("after one has left: %d", again.status)
		}
	})
}
