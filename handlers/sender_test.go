package handlers

import (
	"bytes"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

func TestBodiesAreCompressed(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]coding{
		"br": brotlied, "zstd": zstandard, "gzip": gzipped, "gzip, deflate, br, zstd": brotlied, "": identity,
	} {
		t.Run(accept, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			a := largeAnswer()
			b.answerWith(a)
			w := b.do("GET", "/api/trades", "Accept-Encoding", accept)
			if want == identity {
				wantHeader(t, w.Header(), "Content-Encoding", "")
			} else {
				wantHeader(t, w.Header(), "Content-Encoding", string(want))
			}
			wantHeader(t, w.Header(), "Content-Length", strconv.Itoa(w.Body.Len()))
			wantHeader(t, w.Header(), "Vary", "Accept-Encoding, Accept")
			wantHeader(t, w.Header(), "Etag", `W/"large"`)
			if !bytes.Equal(decode(t, want, w.Body.Bytes()), a.Body) {
				t.Error("the body differs")
			}
		})
	}
}

func TestSmallBodiesAreSentAsTheyAre(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w := b.do("GET", "/api/trades", "Accept-Encoding", "br, gzip")
	wantHeader(t, w.Header(), "Content-Encoding", "")
	wantHeader(t, w.Header(), "Vary", "Accept-Encoding, Accept")

	w = b.do("GET", "/api/trades", "Accept-Encoding", "gzip, identity;q=0")
	wantHeader(t, w.Header(), "Content-Encoding", "gzip")
	if !bytes.Equal(decode(t, gzipped, w.Body.Bytes()), smallAnswer().Body) {
		t.Error("the body differs")
	}
}

func TestNothingAcceptable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.answerWith(largeAnswer())
	// Also where a precondition would hold: it counts only for what would be sent.
	w := b.do("GET", "/api/trades", "Accept-Encoding", "deflate, *;q=0", "If-None-Match", `"large"`)
	if p := problemIn(t, w); p.Status != 406 || p.Type != problemNotAcceptable {
		t.Errorf("%+v", p)
	}
	wantHeader(t, w.Header(), "Etag", "")
	wantHeader(t, w.Header(), "Vary", "Accept-Encoding, Accept")
}

// counted replaces the compression of a sender's variants by one that counts.
func counted(t *testing.T, s *sender) *atomic.Int64 {
	t.Helper()
	var count atomic.Int64
	compress := s.variants.compress
	s.variants.compress = func(to coding, body []byte) ([]byte, error) {
		count.Add(1)
		return compress(to, body)
	}
	return &count
}

func TestAThousandRequestsCompressOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := largeAnswer()
	b.answerWith(a)
	var opts Options
	setup(t, func(o *Options) { opts = *o })
	if err := opts.complete(); err != nil {
		t.Fatal(err)
	}
	s, err := newSender(opts)
	if err != nil {
		t.Fatal(err)
	}
	count := counted(t, s)
	engine, err := bareEngine(nil)
	if err != nil {
		t.Fatal(err)
	}
	views, err := endpoints()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range views {
		register(engine, e.path, view(e, b.answers, s))
	}

	var wg sync.WaitGroup
	start := make(chan struct{})
	for range 1000 {
		wg.Go(func() {
			r := httptest.NewRequest("GET", "/trades", nil)
			r.Header.Set("Accept-Encoding", "br")
			w := httptest.NewRecorder()
			<-start
			engine.ServeHTTP(w, r)
			if w.Code != 200 || w.Header().Get("Content-Encoding") != "br" || w.Body.Len() >= len(a.Body) {
				t.Errorf("%d %s, %d bytes", w.Code, w.Header().Get("Content-Encoding"), w.Body.Len())
			}
		})
	}
	close(start)
	wg.Wait()
	if count.Load() != 1 {
		t.Errorf("compressed %d times", count.Load())
	}

	// Another view of the same content needs no other variant; neither a HEAD
	// nor a 304 makes one.
	for _, c := range [][4]string{
		{"GET", "/positions", "br", ""},
		{"HEAD", "/trades", "gzip", ""},
		{"GET", "/trades", "gzip", `W/"large"`},
	} {
		r := httptest.NewRequest(c[0], c[1], nil)
		r.Header.Set("Accept-Encoding", c[2])
		if c[3] != "" {
			r.Header.Set("If-None-Match", c[3])
		}
		engine.ServeHTTP(httptest.NewRecorder(), r)
	}
	if count.Load() != 1 {
		t.Errorf("compressed %d times", count.Load())
	}
}

func TestHead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := largeAnswer()
	b.answerWith(a)
	plain := strconv.Itoa(len(a.Body))

	w := b.do("HEAD", "/api/trades")
	wantHeader(t, w.Header(), "Content-Length", plain)
	wantHeader(t, w.Header(), "Content-Type", "application/json")
	wantHeader(t, w.Header(), "Etag", `W/"large"`)
	if w.Code != 200 || w.Body.Len() != 0 {
		t.Errorf("%d, %d bytes", w.Code, w.Body.Len())
	}

	w = b.do("HEAD", "/api/trades", "Accept-Encoding", "br")
	wantHeader(t, w.Header(), "Content-Encoding", "br")
	wantHeader(t, w.Header(), "Content-Length", "")

	get := b.do("GET", "/api/trades", "Accept-Encoding", "br")
	w = b.do("HEAD", "/api/trades", "Accept-Encoding", "br")
	wantHeader(t, w.Header(), "Content-Length", strconv.Itoa(get.Body.Len()))
	if w.Body.Len() != 0 {
		t.Errorf("%d bytes", w.Body.Len())
	}

	// A failure, too.
	b.failWith(errNotReady)
	w = b.do("HEAD", "/api/trades")
	if w.Code != 503 || w.Body.Len() != 0 || w.Header().Get("Content-Length") == "" {
		t.Errorf("%d, %d bytes, %v", w.Code, w.Body.Len(), w.Header())
	}
}

func BenchmarkCachedHit(b *testing.B) {
	s := setup(b, func(o *Options) { o.Logger = discard() })
	answer := largeAnswer()
	s.answerWith(answer)
	for name, headers := range map[string][]string{
		"br": {"Accept-Encoding", "br"}, "identity": nil, "304": {"If-None-Match", `W/"large"`},
	} {
		b.Run(name, func(b *testing.B) {
			s.do("GET", "/api/trades", headers...) // makes the variant
			r := httptest.NewRequest("GET", "/api/trades", nil)
			for i := 0; i < len(headers); i += 2 {
				r.Header.Set(headers[i], headers[i+1])
			}
			w := &nowhere{header: make(map[string][]string)}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				s.answers.requests = s.answers.requests[:0]
				s.metrics.seen = s.metrics.seen[:0]
				s.handler.ServeHTTP(w, r)
			}
		})
	}
}
