package handlers

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"nof0/internal/arena"
	"nof0/internal/wire"
)

type fakeRollout struct {
	list func(context.Context) (*arena.RolloutState, error)
	set  func(context.Context, arena.Flip) (*arena.DomainState, error)

	mu    sync.Mutex
	flips []arena.Flip
}

func (f *fakeRollout) List(ctx context.Context) (*arena.RolloutState, error) {
	if f.list != nil {
		return f.list(ctx)
	}
	return &arena.RolloutState{
		Domains: []arena.DomainState{{Domain: arena.DomainPrices, Read: arena.ReadShadow, Write: arena.WriteBoth}},
		Changes: []arena.RolloutChange{},
	}, nil
}

func (f *fakeRollout) Set(ctx context.Context, flip arena.Flip) (*arena.DomainState, error) {
	f.mu.Lock()
	f.flips = append(f.flips, flip)
	f.mu.Unlock()
	if f.set != nil {
		return f.set(ctx, flip)
	}
	return &arena.DomainState{Domain: flip.Domain, Read: arena.ReadStore, Write: arena.WriteBoth}, nil
}

// put sends a flip with the token of the admin surface.
func (b *bundle) put(domain, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("PUT", "/admin/rollout/"+domain, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+testAdminToken)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Del(headers[i])
	}
	return b.send(r, headers...)
}

func TestRolloutIsListed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w := b.do("GET", "/admin/rollout", "Authorization", "Bearer "+testAdminToken)
	if want := `{"domains":[{"domain":"prices","read":"shadow","write":"both"}],"changes":[]}`; w.Code != 200 || w.Body.String() != want {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	wantHeader(t, w.Header(), "Cache-Control", "no-store")
	wantHeader(t, w.Header(), "Content-Type", "application/json")
	head := b.do("HEAD", "/admin/rollout", "Authorization", "Bearer "+testAdminToken)
	if head.Code != 200 || head.Body.Len() != 0 {
		t.Errorf("HEAD: %d %s", head.Code, head.Body)
	}
	wantHeader(t, head.Header(), "Content-Length", w.Header().Get("Content-Length"))
}

func TestFlipsAreHandedOn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w := b.put("trades", `{"read":"store","write":"both","reason":"why","force":true}`)
	if w.Code != 200 || w.Body.String() != `{"domain":"trades","read":"store","write":"both"}` {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	want := arena.Flip{
		Domain: arena.DomainTrades, Read: arena.ReadStore, Write: arena.WriteBoth,
		By: "admin API, 192.0.2.1", Reason: "why", Force: true,
	}
	if got := b.rollout.flips; len(got) != 1 || got[0] != want {
		t.Errorf("handed on %+v", got)
	}
	// The body that is shown is taken.
	operation := dig(t, openAPI(t), "paths", "/admin/rollout/{domain}", "put")
	body, err := wire.Marshal(dig(t, operation, "requestBody", "content", contentJSON)["example"])
	if err != nil {
		t.Fatal(err)
	}
	if w := b.put("trades", string(body)); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestWrongFlipsGoNoFurther(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		domain, body string
		headers      []string
		kind         problemType
		status       int
	}{
		"no token":       {"trades", `{}`, []string{"Authorization", ""}, problemUnauthorized, 401},
		"other token":    {"trades", `{}`, []string{"Authorization", "Bearer " + testToken}, problemUnauthorized, 401},
		"no such domain": {"nothing", `{}`, nil, problemUnknownRoute, 404},
		"no JSON":        {"trades", `{"read"`, nil, problemMalformed, 400},
		"not an object":  {"trades", `[]`, nil, problemInvalidContent, 422},
		"unknown member": {"trades", `{"reads":"json"}`, nil, problemInvalidContent, 422},
		"wrong type":     {"trades", `{"read":7}`, nil, problemInvalidContent, 422},
		"twice":          {"trades", `{"read":"json","read":"store"}`, nil, problemMalformed, 400},
		"other content":  {"trades", `read=store`, []string{"Content-Type", "text/plain"}, problemMediaType, 415},
		"too large":      {"trades", `{"reason":"` + strings.Repeat("x", maxBody) + `"}`, nil, problemTooLarge, 413},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			w := b.put(c.domain, c.body, c.headers...)
			if p := problemIn(t, w); p.Type != c.kind || p.Status != c.status {
				t.Errorf("%+v", p)
			}
			if len(b.rollout.flips) > 0 {
				t.Error("it is handed on")
			}
		})
	}
}

func TestRefusalsSayWhy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err    error
		kind   problemType
		status int
		says   string
	}{
		"invalid": {&arena.RefusedError{Invalid: true, Reason: "no such mode"}, problemInvalidContent, 422, "no such mode"},
		"refused": {&arena.RefusedError{Reason: "the last parity run is unequal"}, problemRefused, 409, "the last parity run is unequal"},
		"busy":    {arena.ErrBusy, problemBusy, 503, "nothing was done"},
		"outage":  {arena.ErrUnavailable, problemUnavailable, 503, "cannot be reached"},
		"other":   {errors.New("secret"), problemInternal, 500, "request_id"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.rollout.set = func(context.Context, arena.Flip) (*arena.DomainState, error) { return nil, c.err }
			b.rollout.list = func(context.Context) (*arena.RolloutState, error) { return nil, c.err }
			w := b.put("trades", `{"read":"store"}`)
			if p := problemIn(t, w); p.Type != c.kind || p.Status != c.status || !strings.Contains(w.Body.String(), c.says) {
				t.Errorf("%s", w.Body)
			}
			w = b.do("GET", "/admin/rollout", "Authorization", "Bearer "+testAdminToken)
			if p := problemIn(t, w); p.Status != c.status {
				t.Errorf("%+v", p)
			}
			if strings.Contains(w.Body.String(), "secret") {
				t.Errorf("%s", w.Body)
			}
		})
	}
}

func TestAdminSurfaceThatIsOff(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Options)
		kind   problemType
		says   string
	}{
		"no token":   {func(o *Options) { o.AdminToken = "" }, problemNoAdminToken, "NOF0_ADMIN_TOKEN"},
		"no rollout": {func(o *Options) { o.Rollout = nil }, problemNotConfigured, "started without"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, c.change)
			for _, authorization := range []string{"", "Bearer ", "Bearer " + testAdminToken} {
				for _, w := range []*httptest.ResponseRecorder{
					b.put("trades", "{}", "Authorization", authorization),
					b.do("GET", "/admin/rollout", "Authorization", authorization),
				} {
					p := problemIn(t, w)
					if p.Status != 503 || p.Type != c.kind || !strings.Contains(p.Detail, c.says) {
						t.Errorf("%+v", p)
					}
					wantHeader(t, w.Header(), "Retry-After", "")
				}
			}
		})
	}
}

func TestAdminRoutesTakeNothingElse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for path, allowed := range map[string]string{"/admin/rollout": "GET, HEAD, OPTIONS", "/admin/rollout/trades": "PUT, OPTIONS"} {
		wantHeader(t, b.do("OPTIONS", path).Header(), "Allow", allowed)
		for _, method := range []string{"POST", "DELETE", "BREW"} {
			w := b.do(method, path)
			if p := problemIn(t, w); p.Type != problemMethod {
				t.Errorf("%s %s: %+v", method, path, p)
			}
			wantHeader(t, w.Header(), "Allow", allowed)
		}
	}
}

func TestTheAdminSurfaceShowsNoDomainBeforeTheToken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if w := b.put("nothing", "{}", "Authorization", ""); w.Code != 401 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
