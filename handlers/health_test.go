package handlers

import (
	"errors"
	"testing"
)

func TestHealthLooksAtNothing(t *testing.T) {
	t.Parallel()
	b := setup(t, withReady(errors.New("no database")))
	b.failWith(errors.New("no database"))
	w := b.do("GET", "/healthz")
	if w.Code != 200 || w.Body.String() != `{"status":"ok"}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	wantHeader(t, w.Header(), "Cache-Control", "no-store")
	wantHeader(t, w.Header(), "Content-Type", "application/json")
}
