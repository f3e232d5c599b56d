package handlers

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"nof0/internal/arena"
)

// streamFunc is a document by its identity form.
type streamFunc func(ctx context.Context, w io.Writer) error

func (f streamFunc) Identity(ctx context.Context, w io.Writer) error { return f(ctx, w) }

func (f streamFunc) Gzip(ctx context.Context, w io.Writer) error {
	z := gzip.NewWriter(w)
	if err := f(ctx, z); err != nil {
		return err
	}
	return z.Close()
}

func streamed(f streamFunc) *arena.Answer {
	a := smallAnswer()
	a.Body, a.Stream = nil, f
	return a
}

func parts(n int) streamFunc {
	return func(_ context.Context, w io.Writer) error {
		for range n {
			if _, err := w.Write(bytes.Repeat([]byte("x"), 64<<10)); err != nil {
				return err
			}
		}
		return nil
	}
}

func TestStreams(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.Now = time.Now })
	b.answerWith(streamed(parts(50)))
	server := httptest.NewServer(b.handler)
	defer server.Close()
	for accept, want := range map[string]coding{
		"identity": identity, "gzip": gzipped, "br, zstd": identity, "br, gzip;q=0.1": gzipped,
	} {
		request, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/api/trades", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Accept-Encoding", accept)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil {
			t.Fatal(err)
		}
		if got := response.Header.Get("Content-Encoding"); (got == "gzip") != (want == gzipped) {
			t.Errorf("%s: coding %q", accept, got)
		}
		if len(response.TransferEncoding) != 1 || response.TransferEncoding[0] != "chunked" {
			t.Errorf("%s: transfer coding %v", accept, response.TransferEncoding)
		}
		wantHeader(t, response.Header, "Etag", `W/"abc"`)
		if got := decode(t, want, body); len(got) != 50*64<<10 {
			t.Errorf("%s: %d bytes", accept, len(got))
		}
	}
}

func TestStreamsWithoutBody(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.answerWith(streamed(func(context.Context, io.Writer) error {
		t.Error("the document was rendered")
		return nil
	}))
	w := b.do("HEAD", "/api/trades", "Accept-Encoding", "gzip")
	if w.Code != 200 {
		t.Errorf("HEAD: %d", w.Code)
	}
	wantHeader(t, w.Header(), "Content-Encoding", "gzip")
	wantHeader(t, w.Header(), "Content-Length", "")
	if w := b.do("GET", "/api/trades", "If-None-Match", `"abc"`); w.Code != 304 {
		t.Errorf("conditional: %d", w.Code)
	}
	if p := problemIn(t, b.do("GET", "/api/trades", "Accept-Encoding", "br, identity;q=0")); p.Status != 406 {
		t.Errorf("%+v", p)
	}
}

func TestAStreamThatFailsBeforeItsFirstByte(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.answerWith(streamed(func(context.Context, io.Writer) error { return arena.ErrUnavailable }))
	w := b.do("GET", "/api/trades", "Accept-Encoding", "gzip")
	if p := problemIn(t, w); p.Status != 503 {
		t.Errorf("%+v", p)
	}
	wantHeader(t, w.Header(), "Content-Encoding", "")
}

func TestAStreamThatFailsLaterBreaksTheConnection(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.Now = time.Now })
	b.answerWith(streamed(func(ctx context.Context, w io.Writer) error {
		return errors.Join(parts(50)(ctx, w), arena.ErrUnavailable)
	}))
	server := httptest.NewServer(b.handler)
	response, err := http.Get(server.URL + "/api/trades")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.ReadAll(response.Body); err == nil {
		t.Error("the response ended well")
	}
	server.Close() // waits for the request to be over
	if got := b.metrics.last(t); got.status != 503 {
		t.Errorf("observed %+v", got)
	}
	if got := b.logs.lines(t, "request"); len(got) != 1 || got[0]["error"] == nil {
		t.Errorf("the log says %v", got)
	}
}

func TestAClientThatGoesAwayStopsTheStream(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.Now = time.Now })
	b.answerWith(streamed(func(_ context.Context, w io.Writer) error {
		for {
			if err := parts(1)(nil, w); err != nil {
				return err
			}
		}
	}))
	server := httptest.NewServer(b.handler)
	ctx, leave := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, "GET", server.URL+"/api/trades", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.CopyN(io.Discard, response.Body, 1<<20); err != nil {
		t.Fatal(err)
	}
	leave()
	server.Close() // waits for the request to be over: the stream has no other end
	if got := b.metrics.last(t); got.status != 499 {
		t.Errorf("observed %+v", got)
	}
	if got := b.logs.lines(t, "request"); len(got) != 1 || got[0]["level"] != "INFO" {
		t.Errorf("the log says %v", got)
	}
}

func TestAStreamOutlivesTheDeadlineAndNotTheClient(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.answerWith(streamed(func(ctx context.Context, w io.Writer) error {
		if _, bounded := ctx.Deadline(); bounded {
			t.Error("the transfer has the deadline of the work")
		}
		if RequestID(ctx) == "" {
			t.Error("the context is not the request's")
		}
		return parts(1)(ctx, w)
	}))
	if w := b.do("GET", "/api/trades"); w.Code != 200 || w.Body.Len() != 64<<10 {
		t.Errorf("%d, %d bytes", w.Code, w.Body.Len())
	}

	b.answerWith(streamed(parts(2)))
	ctx, leave := context.WithCancel(t.Context())
	b.answers.answer = func(context.Context, arena.Request) (*arena.Answer, error) {
		leave()
		return streamed(parts(2)), nil
	}
	defer func() {
		if cause := recover(); cause != http.ErrAbortHandler { //nolint:errorlint // the very value
			t.Errorf("panicked with %v", cause)
		}
		if got := b.metrics.last(t); got.status != 499 {
			t.Errorf("observed %+v", got)
		}
	}()
	b.doContext(ctx, "/api/trades")
}

// deadlines is a response that notes its write deadlines.
type deadlines struct {
	*httptest.ResponseRecorder
	set []time.Time
}

func (d *deadlines) SetWriteDeadline(at time.Time) error {
	d.set = append(d.set, at)
	return nil
}

func TestEveryPartOfAStreamHasItsOwnDeadline(t *testing.T) {
	t.Parallel()
	now := testTime
	b := setup(t, func(o *Options) { o.Now = func() time.Time { return now } })
	b.answerWith(streamed(func(ctx context.Context, w io.Writer) error {
		for range 3 {
			now = now.Add(time.Second)
			if err := parts(1)(ctx, w); err != nil {
				return err
			}
		}
		return nil
	}))
	w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	b.handler.ServeHTTP(w, httptest.NewRequest("GET", "/api/trades", nil))
	if len(w.set) != 3 {
		t.Fatalf("deadlines are %v", w.set)
	}
	for i, at := range w.set {
		if want := testTime.Add(time.Duration(i+1)*time.Second + time.Minute); !at.Equal(want) {
			t.Errorf("deadline %d is %s, want %s", i, at, want)
		}
	}
}
