package handlers

import (
	"context"
	"io"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"

	"nof0/internal/arena"
)

// TestBodiesTakeMemoryAsTheyArrive announces much and sends little.
func TestBodiesTakeMemoryAsTheyArrive(t *testing.T) {
	b := setup(t)
	const clients = 200
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	var all sync.WaitGroup
	bodies := make([]*io.PipeWriter, clients)
	for i := range bodies {
		var body *io.PipeReader
		body, bodies[i] = io.Pipe()
		r := httptest.NewRequest("POST", "/api/ingest/prices", body)
		r.ContentLength = maxBody
		r.Header.Set("Content-Type", contentJSON)
		r.Header.Set("Authorization", "Bearer "+testToken)
		all.Go(func() { b.handler.ServeHTTP(httptest.NewRecorder(), r) })
		if _, err := bodies[i].Write([]byte("{")); err != nil { // once it is read, more is waited for
			t.Fatal(err)
		}
	}
	if grown := heap() - before; grown > clients*(64<<10) {
		t.Errorf("%d bodies of one byte hold %d bytes", clients, grown)
	}
	for _, body := range bodies {
		_ = body.CloseWithError(io.ErrUnexpectedEOF)
	}
	all.Wait()
}

// TestBodiesOfAllRequestsAreBounded holds that what arrives beyond the bound is refused as
// long as the requests before are under way.
func TestBodiesOfAllRequestsAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.Config.BodiesInFlight = 100 })
	begun, goOn := make(chan struct{}), make(chan struct{})
	b.ingest.ingest = func(context.Context, arena.Batch) (*arena.Reply, error) {
		begun <- struct{}{}
		<-goOn
		return smallReply(), nil
	}
	body := `{"a":"` + strings.Repeat("x", 60) + `"}`
	ended := make(chan int, 1)
	go func() { ended <- b.post("/api/ingest/prices", body).Code }()
	<-begun
	w := b.post("/api/ingest/prices", body)
	if w.Code != 503 || w.Header().Get("Retry-After") == "" || w.Header().Get("Connection") != "close" || !strings.Contains(w.Body.String(), "/problems/busy") {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	close(goOn)
	if code := <-ended; code != 200 {
		t.Error(code)
	}
	go func() { ended <- b.post("/api/ingest/prices", body).Code }()
	<-begun
	if code := <-ended; code != 200 {
		t.Error(code)
	}
}
