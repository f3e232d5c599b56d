package handlers

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"nof0/config"
)

// untouched is a body that must not be read.
type untouched struct{ t *testing.T }

func (u untouched) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, http.ErrBodyReadAfterClose
}

func (untouched) Close() error { return nil }

func TestWritesNeedTheToken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		authorization string
		status        int
	}{
		"right":             {"Bearer " + testToken, 200},
		"scheme in capital": {"BEARER " + testToken, 200},
		"two blanks":        {"Bearer  " + testToken, 200},
		"none":              {"", 401},
		"no scheme":         {testToken, 401},
		"another scheme":    {"Basic " + testToken, 401},
		"no token":          {"Bearer", 401},
		"empty token":       {"Bearer ", 401},
		"another token":     {"Bearer other", 401},
		"part of it":        {"Bearer " + testToken[:5], 401},
		"more than it":      {"Bearer " + testToken + "x", 401},
		"in other case":     {"Bearer " + strings.ToUpper(testToken), 401},
		"two tokens":        {"Bearer " + testToken + " " + testToken, 401},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			w := b.post("/api/ingest/prices", `{"symbol":"BTC"}`, "Authorization", c.authorization)
			if w.Code != c.status {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if c.status == 200 {
				return
			}
			if p := problemIn(t, w); p.Type != problemUnauthorized {
				t.Errorf("%+v", p)
			}
			wantHeader(t, w.Header(), "WWW-Authenticate", `Bearer realm="nof0"`)
			if len(b.ingest.batches) != 0 {
				t.Error("the write was handed on")
			}
			if strings.Contains(b.logs.String()+w.Body.String(), testToken) {
				t.Error("the token is told")
			}
		})
	}
}

func TestSurfacesThatAreOff(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Options)
		kind   problemType
		says   string
	}{
		"no token":    {func(o *Options) { o.IngestToken = "" }, problemNoToken, "NOF0_INGEST_TOKEN"},
		"no ingester": {func(o *Options) { o.Ingest = nil }, problemNotConfigured, "started without"},
		"neither":     {func(o *Options) { o.Ingest, o.IngestToken = nil, "" }, problemNotConfigured, "started without"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, c.change)
			for _, authorization := range []string{"", "Bearer ", "Bearer " + testToken} {
				w := b.post("/api/ingest/prices", "{}", "Authorization", authorization)
				p := problemIn(t, w)
				if p.Status != 503 || p.Type != c.kind || !strings.Contains(p.Detail, c.says) {
					t.Errorf("%+v", p)
				}
				wantHeader(t, w.Header(), "Retry-After", "")
				wantHeader(t, w.Header(), "WWW-Authenticate", "")
			}
		})
	}
}

func TestWhoMayNotWriteHasNoBodyRead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, header := range []string{"Authorization", "Content-Type"} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", "/api/ingest/prices", untouched{t})
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+testToken)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Del(header)
		if w := b.send(r); w.Code != 401 && w.Code != 415 {
			t.Errorf("without %s: %d", header, w.Code)
		}
	}
}

func TestTokenIDs(t *testing.T) {
	t.Parallel()
	id := func(secret string) string { return newTokens(Options{IngestToken: secret}, nil).all[0].id }
	one, again, other := id("one"), id("one"), id("other")
	if one == other || len(one) != 16 || one != again {
		t.Errorf("ids are %s, %s and %s", one, again, other)
	}
}

// TestTokensOpenTheirScopes holds what each token opens, beside the two that were there
// before there were scopes.
func TestTokensOpenTheirScopes(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) {
		o.Tokens = []config.Token{
			{Name: "feed", Secret: "a-token-of-a-feed", Scopes: []string{"ingest/prices", "ingest/equity"}},
			{Name: "next", Secret: "the-next-ingest-token", Scopes: []string{"ingest"}},
			{Name: "viewer", Secret: "a-token-that-looks", Scopes: []string{"admin/read"}},
			{Name: "ops", Secret: "a-token-of-ops-too", Scopes: []string{"admin"}},
		}
	})
	const flip = `{"read":"json","reason":"why"}`
	for _, c := range []struct {
		secret               string
		prices, trades       int
		list, set, runParity int
	}{
		{testToken, 200, 200, 401, 401, 401},
		{testAdminToken, 401, 401, 200, 200, 200},
		{"a-token-of-a-feed", 200, 403, 401, 401, 401},
		{"the-next-ingest-token", 200, 200, 401, 401, 401},
		{"a-token-that-looks", 401, 401, 200, 403, 403},
		{"a-token-of-ops-too", 401, 401, 200, 200, 200},
		{"nobody's-token-at-all", 401, 401, 401, 401, 401},
	} {
		bearer := []string{"Authorization", "Bearer " + c.secret, "Content-Type", "application/json"}
		set := httptest.NewRequest("PUT", "/admin/rollout/trades", strings.NewReader(flip))
		got := []int{
			b.post("/api/ingest/prices", `{"symbol":"BTC"}`, bearer...).Code, b.post("/api/ingest/trades", `{}`, bearer...).Code,
			b.do("GET", "/admin/rollout", bearer...).Code, b.send(set, bearer...).Code, b.do("POST", "/admin/parity", bearer...).Code,
		}
		want := []int{c.prices, c.trades, c.list, c.set, c.runParity}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", c.secret, got, want)
		}
	}
	var acts []string
	for _, line := range b.logs.lines(t, "admin act") {
		acts = append(acts, fmt.Sprint(line["token"], " ", line["method"], " ", line["path"], " ", line["status"]))
	}
	want := []string{
		"admin PUT /admin/rollout/trades 200", "admin POST /admin/parity 200", "ops PUT /admin/rollout/trades 200", "ops POST /admin/parity 200",
	}
	if !slices.Equal(acts, want) {
		t.Errorf("the log tells of %q, want %q", acts, want)
	}
	if by := b.rollout.flips[len(b.rollout.flips)-1].By; by != "admin API, ops, 192.0.2.1" {
		t.Errorf("the history says %q", by)
	}
}

func TestTokensThatCannotBe(t *testing.T) {
	t.Parallel()
	for _, c := range []config.Token{
		{Name: "a", Secret: "with a blank in it", Scopes: []string{"admin"}},
		{Name: "b", Secret: "", Scopes: []string{"admin"}},
		{Name: "c", Secret: "long-enough-for-all", Scopes: []string{"ingest/weather"}},
	} {
		if _, err := New(Options{Tokens: []config.Token{c}}); err == nil || !strings.Contains(err.Error(), "the token "+c.Name) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
