package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"nof0/internal/arena"
	"nof0/internal/wire"
)

type fakeParity struct {
	err   error
	asked []string
}

func (f *fakeParity) answer(what string) (*wire.ParityRuns, error) {
	f.asked = append(f.asked, what)
	if f.err != nil {
		return nil, f.err
	}
	return &wire.ParityRuns{Runs: []wire.ParityRun{}}, nil
}

func (f *fakeParity) Compare(_ context.Context, domains ...arena.Domain) (*wire.ParityRuns, error) {
	return f.answer(fmt.Sprint("compare ", domains))
}

func (f *fakeParity) List(_ context.Context, d arena.Domain, limit int) (*wire.ParityRuns, error) {
	return f.answer(fmt.Sprintf("list %q %d", d, limit))
}

func (b *bundle) parityRoute(method, query string, headers ...string) *httptest.ResponseRecorder {
	return b.do(method, pathParity+query, append([]string{"Authorization", "Bearer " + testAdminToken}, headers...)...)
}

func TestParityIsListedAndRun(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ method, query, asks string }{
		{"GET", "", `list "" 20`},
		{"HEAD", "?limit=3&domain=trades&path=x", `list "trades" 3`},
		{"GET", "?limit=1000000", `list "" 1000`},
		{"POST", "", "compare []"},
		{"POST", "?domain=prices", "compare [prices]"},
	} {
		b := setup(t)
		w := b.parityRoute(c.method, c.query)
		if want := `{"runs":[]}`; w.Code != 200 || c.method != "HEAD" && w.Body.String() != want {
			t.Errorf("%s %s: %d %s", c.method, c.query, w.Code, w.Body)
		}
		wantHeader(t, w.Header(), "Cache-Control", "no-store")
		if !slices.Equal(b.parity.asked, []string{c.asks}) {
			t.Errorf("%s %s asks %v", c.method, c.query, b.parity.asked)
		}
	}
}

func TestParityRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		method, query string
		change        func(*Options)
		token         string
		kind          problemType
	}{
		"no token":       {method: "POST", token: "", kind: problemUnauthorized},
		"another token":  {method: "GET", token: "Bearer " + testToken, kind: problemUnauthorized},
		"off":            {method: "GET", token: "Bearer ", change: func(o *Options) { o.AdminToken = "" }, kind: problemNoAdminToken},
		"not configured": {method: "GET", token: "Bearer " + testAdminToken, change: func(o *Options) { o.Parity = nil }, kind: problemNotConfigured},
		"domain":         {method: "POST", token: "Bearer " + testAdminToken, query: "?domain=Trades", kind: problemInvalidParameter},
		"limit":          {method: "GET", token: "Bearer " + testAdminToken, query: "?limit=0", kind: problemInvalidParameter},
		"method":         {method: "DELETE", token: "Bearer " + testAdminToken, kind: problemMethod},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var change []func(*Options)
			if c.change != nil {
				change = append(change, c.change)
			}
			b := setup(t, change...)
			w := b.do(c.method, pathParity+c.query, "Authorization", c.token)
			if p := problemIn(t, w); p.Type != c.kind {
				t.Errorf("%+v", p)
			}
			if len(b.parity.asked) > 0 {
				t.Error("it is asked")
			}
		})
	}
}

func TestParityFails(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.parity.err = fmt.Errorf("%w: secret", arena.ErrUnavailable)
	w := b.parityRoute("POST", "")
	if p := problemIn(t, w); p.Type != problemUnavailable || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("%+v", p)
	}
	b.parity.err = errors.New("secret")
	if p := problemIn(t, b.parityRoute("GET", "")); p.Type != problemInternal {
		t.Errorf("%+v", p)
	}
	wantHeader(t, b.do("OPTIONS", pathParity).Header(), "Allow", runMethods)
}

func TestParityParametersAreDocumented(t *testing.T) {
	t.Parallel()
	operations := dig(t, openAPI(t), "paths", pathParity)
	for method, want := range map[string][]string{"get": {"domain", "limit"}, "post": {"domain"}} {
		var names []string
		for _, p := range dig(t, operations, method)["parameters"].([]any) {
			names = append(names, dig(t, p)["name"].(string))
		}
		if !slices.Equal(names, want) {
			t.Errorf("%s has the parameters %v", method, names)
		}
	}
}
