package handlers

import (
	"net/http/httptest"
	"testing"
)

func TestOneTrailingSlashIsTolerated(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, path := range allPaths() {
		if w := b.do("GET", path+"/?x=1"); w.Code != 200 {
			t.Errorf("%s/: %d", path, w.Code)
		}
	}
	if w := b.do("GET", "/api/analytics/a%2Fb/"); w.Code != 200 {
		t.Errorf("escaped: %d", w.Code)
	} else if got := b.answers.requests[len(b.answers.requests)-1].Model; got != "a/b" {
		t.Errorf("model is %q", got)
	}
	if w := b.do("GET", "/api/analytics/a%2F"); w.Code != 200 {
		t.Errorf("escaped at the end: %d", w.Code)
	} else if got := b.answers.requests[len(b.answers.requests)-1].Model; got != "a/" {
		t.Errorf("model is %q", got)
	}
}

func TestTheCallersRequestIsLeftAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := httptest.NewRequest("GET", "/api/trades/", nil)
	b.handler.ServeHTTP(httptest.NewRecorder(), r)
	if r.URL.Path != "/api/trades/" {
		t.Errorf("path became %q", r.URL.Path)
	}
}

func TestTwoTrailingSlashesAreTooMany(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if p := problemIn(t, b.do("GET", "/api/trades//")); p.Type != problemUnknownRoute {
		t.Errorf("%+v", p)
	}
}
