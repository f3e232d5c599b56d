package handlers

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"nof0/internal/arena"
	"nof0/internal/wire"
)

func TestWritesAreHandedOn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, kind := range []string{
		"prices", "positions", "trades", "equity", "conversations", "decisions", "analytics", "trader-state",
		"market-assets", "models", "symbols",
	} {
		for _, path := range []string{"/api/ingest/" + kind, "/api/ingest/" + kind + "/"} {
			w := b.post(path+"?atomic=true&register=false&path=x", `{"items":[{"a": 1.0},{}]}`)
			if w.Code != 200 || w.Body.String() != takenBody {
				t.Fatalf("%s: %d %s", path, w.Code, w.Body)
			}
			wantHeader(t, w.Header(), "Content-Type", "application/json")
			wantHeader(t, w.Header(), "Cache-Control", "no-store")
			wantHeader(t, w.Header(), "Content-Length", "57")
			wantHeader(t, w.Header(), "Etag", "")
			got := b.ingest.last(t)
			if got.Kind != arena.IngestKind(kind) || got.Single || !got.Atomic || got.Register || got.Key != nil ||
				len(got.Items) != 2 || string(got.Items[0]) != `{"a": 1.0}` {
				t.Errorf("handed on %+v", got)
			}
			if got := b.metrics.last(t); got != (observation{"/api/ingest/" + kind, "POST", 200, ""}) {
				t.Errorf("observed %+v", got)
			}
		}
	}
}

func TestTheReplyIsTheArenas(t *testing.T) {
	t.Parallel()
	rejected := func(why arena.Rejection, faults ...wire.Fault) arena.Result {
		return arena.Result{ID: "x", Outcome: "rejected", Rejected: &arena.Rejected{Why: why, Detail: "is so", Faults: faults}}
	}
	for name, c := range map[string]struct {
		reply  arena.Reply
		status int
		body   string
	}{
		"taken": {
			arena.Reply{Results: []arena.Result{{ID: "x", Outcome: "inserted", Equity: "unchanged", Detail: "late"}}},
			200, `{"results":[{"index":0,"id":"x","outcome":"inserted","equity":"unchanged","detail":"late"}]}`,
		},
		"some not taken": {
			arena.Reply{Results: []arena.Result{{ID: "y", Outcome: "updated"}, rejected(arena.RejectedUnknown)}},
			200, `{"results":[{"index":0,"id":"y","outcome":"updated"},` +
				`{"index":1,"id":"x","outcome":"rejected","error":{"status":422,"detail":"is so"}}]}`,
		},
		"invalid": {
			arena.Reply{
				Results:   []arena.Result{rejected(arena.RejectedInvalid, wire.Fault{Path: "/id", Reason: "is empty"})},
				Rejection: arena.RejectedInvalid,
			},
			422, `{"results":[{"index":0,"id":"x","outcome":"rejected",` +
				`"error":{"status":422,"detail":"is so","errors":[{"path":"/id","reason":"is empty"}]}}]}`,
		},
		"unknown": {
			arena.Reply{Results: []arena.Result{rejected(arena.RejectedUnknown)}, Rejection: arena.RejectedUnknown},
			422, `{"results":[{"index":0,"id":"x","outcome":"rejected","error":{"status":422,"detail":"is so"}}]}`,
		},
		"in conflict": {
			arena.Reply{
				Results:   []arena.Result{rejected(arena.RejectedSibling), rejected(arena.RejectedConflict)},
				Rejection: arena.RejectedConflict,
			},
			409, `{"results":[{"index":0,"id":"x","outcome":"rejected","error":{"status":424,"detail":"is so"}},` +
				`{"index":1,"id":"x","outcome":"rejected","error":{"status":409,"detail":"is so"}}]}`,
		},
		"answered before": {
			arena.Reply{Response: &arena.Response{Status: 409, Body: []byte(`{"results":[1]}`)}}, 409, `{"results":[1]}`,
		},
	} {
		b := setup(t)
		b.ingest.ingest = func(context.Context, arena.Batch) (*arena.Reply, error) { return &c.reply, nil }
		w := b.post("/api/ingest/trades", `{"id":"x"}`)
		if w.Code != c.status || w.Body.String() != c.body {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if !b.ingest.last(t).Single {
			t.Error("one item is not handed on as one")
		}
	}
}

func TestWritesThatFail(t *testing.T) {
	t.Parallel()
	for kind, c := range map[problemType]struct {
		err    error
		status int
		again  string
	}{
		problemKeyReused:   {arena.ErrKeyReused, 422, ""},
		problemBusy:        {arena.ErrBusy, 503, "5"},
		problemUnavailable: {arena.ErrUnavailable, 503, "5"},
		problemUncertain:   {errors.Join(arena.ErrUnavailable, arena.ErrUncertain), 503, "5"},
		problemInternal:    {errors.New("secret"), 500, ""},
	} {
		b := setup(t)
		b.ingest.ingest = func(context.Context, arena.Batch) (*arena.Reply, error) {
			return nil, errors.Join(errors.New("INSERT INTO"), c.err)
		}
		w := b.post("/api/ingest/trades", "{}")
		if p := problemIn(t, w); p.Status != c.status || p.Type != kind {
			t.Errorf("%+v", p)
		}
		wantHeader(t, w.Header(), "Retry-After", c.again)
		if strings.Contains(w.Body.String(), "INSERT") || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s leaks", w.Body)
		}
	}
}

func TestContentOfWrites(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		headers []string
		kind    problemType // "" is taken
	}{
		"charset":             {[]string{"Content-Type", "application/json; charset=UTF-8"}, ""},
		"in capitals":         {[]string{"Content-Type", "Application/JSON"}, ""},
		"not compressed":      {[]string{"Content-Encoding", "identity"}, ""},
		"empty coding":        {[]string{"Content-Encoding", ""}, ""},
		"no type":             {[]string{"Content-Type", ""}, problemMediaType},
		"text":                {[]string{"Content-Type", "text/plain"}, problemMediaType},
		"form":                {[]string{"Content-Type", "application/x-www-form-urlencoded"}, problemMediaType},
		"like JSON":           {[]string{"Content-Type", "application/json-patch+json"}, problemMediaType},
		"broken type":         {[]string{"Content-Type", "application/json; ="}, problemMediaType},
		"another charset":     {[]string{"Content-Type", "application/json; charset=utf-16"}, problemMediaType},
		"gzip":                {[]string{"Content-Encoding", "gzip"}, problemContentCoding},
		"two codings":         {[]string{"Content-Encoding", "identity", "Content-Encoding", "br"}, problemContentCoding},
		"two codings at once": {[]string{"Content-Encoding", "identity, gzip"}, problemContentCoding},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			w := b.post("/api/ingest/prices", "{}", c.headers...)
			if c.kind == "" {
				if w.Code != 200 {
					t.Errorf("%d %s", w.Code, w.Body)
				}
				return
			}
			if p := problemIn(t, w); p.Status != 415 || p.Type != c.kind {
				t.Errorf("%+v", p)
			}
			want := map[problemType][2]string{
				problemMediaType: {"Accept", "application/json"}, problemContentCoding: {"Accept-Encoding", "identity"},
			}[c.kind]
			wantHeader(t, w.Header(), want[0], want[1])
		})
	}
}

func TestParametersOfWrites(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("k", 255)
	for name, c := range map[string]struct {
		query   string
		headers []string
		fault   string // "" is taken
	}{
		"same twice":       {"atomic=true&atomic=true", nil, ""},
		"false":            {"atomic=false&register=false", nil, ""},
		"unknown":          {"Atomic=x&path=y", nil, ""},
		"longest key":      {"", []string{headerKey, long}, ""},
		"same key twice":   {"", []string{headerKey, "k", headerKey, "k"}, ""},
		"empty":            {"atomic=", nil, "/atomic"},
		"no value":         {"atomic", nil, "/atomic"},
		"number":           {"register=1", nil, "/register"},
		"capital":          {"register=True", nil, "/register"},
		"contradiction":    {"atomic=true&atomic=false", nil, "/atomic"},
		"empty key":        {"", []string{headerKey, ""}, "/Idempotency-Key"},
		"key with a blank": {"", []string{headerKey, "a b"}, "/Idempotency-Key"},
		"key of no ASCII":  {"", []string{headerKey, "é"}, "/Idempotency-Key"},
		"key too long":     {"", []string{headerKey, long + "k"}, "/Idempotency-Key"},
		"two keys":         {"", []string{headerKey, "a", headerKey, "b"}, "/Idempotency-Key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			w := b.post("/api/ingest/prices?"+c.query, "{}", c.headers...)
			if c.fault == "" {
				if w.Code != 200 {
					t.Errorf("%d %s", w.Code, w.Body)
				}
				return
			}
			p := problemIn(t, w)
			if p.Status != 400 || p.Type != problemInvalidParameter || len(p.Errors) != 1 || p.Errors[0].Path != c.fault {
				t.Errorf("%+v", p)
			}
			if len(b.ingest.batches) != 0 {
				t.Error("the write was handed on")
			}
		})
	}
}

func TestRequestKeys(t *testing.T) {
	t.Parallel()
	b := setup(t)
	key := func(target, body string) arena.RequestKey {
		t.Helper()
		if w := b.post(target, body, headerKey, "k-1"); w.Code != 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		return *b.ingest.last(t).Key
	}
	first := key("/api/ingest/trades", `{"a":1}`)
	if first.Key != "k-1" || first.TokenID != newTokens(Options{IngestToken: testToken}, nil).all[0].id || len(first.Digest) != 64 {
		t.Errorf("%+v", first)
	}
	for _, same := range []string{"/api/ingest/trades/", "/api/ingest/trades?atomic=false&register=false&path=x"} {
		if got := key(same, `{"a":1}`); got != first {
			t.Errorf("%s: %+v", same, got)
		}
	}
	digests := map[string]string{first.Digest: "the first"}
	for _, other := range [][2]string{
		{"/api/ingest/positions", `{"a":1}`},
		{"/api/ingest/trades?atomic=true", `{"a":1}`},
		{"/api/ingest/trades?register=true", `{"a":1}`},
		{"/api/ingest/trades", `{"a":1} `},
		{"/api/ingest/trades", `{"items":[{"a":1}]}`},
	} {
		digest := key(other[0], other[1]).Digest
		if before, taken := digests[digest]; taken {
			t.Errorf("%v has the digest of %s", other, before)
		}
		digests[digest] = other[0] + other[1]
	}
}

// counting is a body that has no end and counts what is taken of it.
type counting struct{ n int64 }

func (c *counting) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	c.n += int64(len(p))
	return len(p), nil
}

func TestBodiesAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	full := `{"a":"` + strings.Repeat("x", maxBody-len(`{"a":""}`)) + `"}`
	if w := b.post("/api/ingest/prices", full); w.Code != 200 || string(b.ingest.last(t).Items[0]) != full {
		t.Errorf("a full body: %d", w.Code)
	}
	for _, announced := range []int64{-1, maxBody + 1, 1 << 40} {
		endless := &counting{}
		r := httptest.NewRequest("POST", "/api/ingest/prices", endless)
		r.ContentLength = announced
		r.Header.Set("Authorization", "Bearer "+testToken)
		r.Header.Set("Content-Type", "application/json")
		if p := problemIn(t, b.send(r)); p.Status != 413 || p.Type != problemTooLarge {
			t.Errorf("%+v", p)
		}
		if endless.n > maxBody+1 || announced > 0 && endless.n > 0 {
			t.Errorf("%d announced: %d bytes were read", announced, endless.n)
		}
	}
}

func TestABodyTooLargeClosesItsConnection(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.Now = time.Now })
	for name, body := range map[string]io.Reader{
		"announced": bytes.NewReader(make([]byte, maxBody+1)), "endless": &counting{},
	} {
		synctest.Test(t, func(t *testing.T) {
			client := b.serve(t, &http.Server{})
			response, err := client.Do(write(t, t.Context(), body))
			if err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != 413 || !response.Close {
				t.Errorf("%s: %d, closes: %t", name, response.StatusCode, response.Close)
			}
			if err := response.Body.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestABodyThatBreaksOff(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := httptest.NewRequest("POST", "/api/ingest/prices", io.MultiReader(strings.NewReader(`{"a":`), iotest.ErrReader(io.ErrUnexpectedEOF)))
	r.Header.Set("Authorization", "Bearer "+testToken)
	r.Header.Set("Content-Type", "application/json")
	p := problemIn(t, b.send(r))
	if p.Status != 400 || p.Type != problemMalformed || !strings.Contains(p.Errors[0].Reason, "byte 5") {
		t.Errorf("%+v", p)
	}
}

// write returns a write for a server in a bubble.
func write(t *testing.T, ctx context.Context, body io.Reader) *http.Request {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, "POST", "http://nof0/api/ingest/prices", body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+testToken)
	request.Header.Set("Content-Type", "application/json")
	return request
}

func TestASlowBodyIsNotWaitedForEver(t *testing.T) {
	t.Parallel()
	for limit, want := range map[time.Duration]time.Duration{0: bodyTimeout, 7 * time.Second: 7 * time.Second} {
		b := setup(t, func(o *Options) { o.Now, o.Config.ReadTimeout = time.Now, limit })
		synctest.Test(t, func(t *testing.T) {
			client := b.serve(t, &http.Server{})
			slow, never := io.Pipe()
			defer never.Close()
			start := time.Now()
			response, err := client.Do(write(t, t.Context(), slow))
			if err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != 408 || !response.Close || time.Since(start) != want {
				t.Errorf("%d after %s, closes: %t", response.StatusCode, time.Since(start), response.Close)
			}
			if err := response.Body.Close(); err != nil {
				t.Fatal(err)
			}
		})
		if len(b.ingest.batches) != 0 {
			t.Error("the write was handed on")
		}
		if got := b.metrics.last(t); got.status != 408 {
			t.Errorf("observed %+v", got)
		}
	}
}

func TestAWriteOutlivesItsClient(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.Now = time.Now })
	synctest.Test(t, func(t *testing.T) {
		client := b.serve(t, &http.Server{})
		ctx, leave := context.WithCancel(t.Context())
		finished := make(chan struct{})
		b.ingest.ingest = func(ctx context.Context, _ arena.Batch) (*arena.Reply, error) {
			defer close(finished)
			leave()
			time.Sleep(time.Second) // of the bubble: long enough for the server to notice
			if err := ctx.Err(); err != nil {
				t.Errorf("the write was cancelled: %v", err)
			}
			if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) != time.Minute-time.Second {
				t.Errorf("the deadline is %s away", time.Until(deadline))
			}
			if RequestID(ctx) == "" {
				t.Error("the context is not the request's")
			}
			return smallReply(), nil
		}
		if response, err := client.Do(write(t, ctx, strings.NewReader("{}"))); err == nil {
			_ = response.Body.Close()
			t.Error("the client stayed")
		}
		<-finished
	})
}

func TestAWriteLongerThanTheReadTimeoutIsAnswered(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.Now, o.Config.ReadTimeout = time.Now, 15*time.Second })
	synctest.Test(t, func(t *testing.T) {
		client := b.serve(t, &http.Server{ReadTimeout: 15 * time.Second})
		b.ingest.ingest = func(context.Context, arena.Batch) (*arena.Reply, error) {
			time.Sleep(20 * time.Second) // of the bubble
			return nil, arena.ErrBusy
		}
		response, err := client.Do(write(t, t.Context(), strings.NewReader("{}")))
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != 503 {
			t.Errorf("%d", response.StatusCode)
		}
		if err := response.Body.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestAWritePastItsDeadline(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.Config.RequestTimeout = time.Nanosecond })
	b.ingest.ingest = func(ctx context.Context, _ arena.Batch) (*arena.Reply, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if p := problemIn(t, b.post("/api/ingest/prices", "{}")); p.Status != 503 || p.Type != problemTimeout {
		t.Errorf("%+v", p)
	}
}
