package handlers

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"nof0/internal/arena"
	"nof0/internal/wire"
)

// TestHeadersOfEveryResponse holds responses of every status to the headers that
// none may lack.
func TestHeadersOfEveryResponse(t *testing.T) {
	t.Parallel()
	seen := map[int]bool{}
	without := map[int][]string{
		http.StatusNoContent:   {"Cache-Control"},                                     // no method that caches
		http.StatusNotModified: {"X-Content-Type-Options", "Content-Security-Policy"}, // nothing that could be taken for something else
	}
	failing := func(err error) func(*bundle) {
		return func(b *bundle) {
			b.failWith(err)
			b.ingest.ingest = func(context.Context, arena.Batch) (*arena.Reply, error) { return nil, err }
		}
	}
	get := func(target string, headers ...string) func(*bundle) *httptest.ResponseRecorder {
		return func(b *bundle) *httptest.ResponseRecorder { return b.do("GET", target, headers...) }
	}
	post := func(body string, headers ...string) func(*bundle) *httptest.ResponseRecorder {
		return func(b *bundle) *httptest.ResponseRecorder { return b.post("/api/ingest/trades", body, headers...) }
	}
	for name, c := range map[string]struct {
		prepare func(*bundle)
		request func(*bundle) *httptest.ResponseRecorder
		status  int
	}{
		"a view":                    {nil, get("/api/trades"), 200},
		"a view that has not moved": {nil, get("/api/trades", "If-None-Match", `W/"abc"`), 304},
		"health":                    {nil, get("/healthz"), 200},
		"metrics":                   {nil, get("/metrics"), 200},
		"the documentation":         {nil, get("/docs"), 200},
		"the description":           {nil, get("/openapi.json"), 200},
		"options": {nil, func(b *bundle) *httptest.ResponseRecorder {
			return b.do("OPTIONS", "/api/trades")
		}, 204},
		"a preflight": {nil, func(b *bundle) *httptest.ResponseRecorder {
			return b.do("OPTIONS", "/api/trades", "Origin", "https://a.example", "Access-Control-Request-Method", "GET")
		}, 204},
		"a wrong parameter":     {nil, get("/api/account-totals?lastHourlyMarker=x"), 400},
		"a malformed body":      {nil, post(`{"a"`), 400},
		"no token":              {nil, post(`{}`, "Authorization", "Bearer other"), 401},
		"an unknown route":      {nil, get("/api/nothing"), 404},
		"an unknown model":      {failing(arena.ErrUnknownModel), get("/api/analytics/x"), 404},
		"a wrong method":        {nil, func(b *bundle) *httptest.ResponseRecorder { return b.do("DELETE", "/api/trades") }, 405},
		"no acceptable coding":  {nil, get("/api/trades", "Accept-Encoding", "identity;q=0, *;q=0"), 406},
		"a refusal":             {failing(&arena.RefusedError{Reason: "it is so"}), post(`{}`), 409},
		"events that are gone":  {failing(arena.ErrGone), post(`{}`), 410},
		"too large":             {nil, post(`{"x":"` + strings.Repeat("x", maxBody) + `"}`), 413},
		"another media type":    {nil, post(`{}`, "Content-Type", "text/plain"), 415},
		"invalid content":       {failing(wire.Faults{{Path: "/id", Reason: "is empty"}}), post(`{}`), 422},
		"a fault here":          {failing(errors.New("a bug")), get("/api/trades"), 500},
		"a panic":               {func(b *bundle) { b.answers.answer = nil }, get("/api/trades"), 500},
		"an outage":             {failing(arena.ErrUnavailable), get("/api/trades"), 503},
		"an outage of an entry": {failing(arena.ErrUnavailable), post(`{}`), 503},
		"busy":                  {failing(arena.ErrBusy), post(`{}`), 503},
	} {
		b := setup(t, func(o *Options) { o.Config.AllowedOrigins = []string{"https://a.example"} })
		if c.prepare != nil {
			c.prepare(b)
		}
		res := c.request(b).Result()
		seen[c.status] = true
		if res.StatusCode != c.status {
			t.Errorf("%s: status %d instead of %d", name, res.StatusCode, c.status)
		}
		for _, header := range []string{"X-Request-Id", "X-Content-Type-Options", "Content-Security-Policy", "Cache-Control"} {
			if res.Header.Get(header) == "" && !slices.Contains(without[c.status], header) {
				t.Errorf("%s (%d): no %s", name, c.status, header)
			}
		}
		if got := strings.Join(res.Header.Values("Vary"), ", "); !strings.HasPrefix(got, "Origin, Accept-Encoding") {
			t.Errorf("%s (%d): varies by %q", name, c.status, got)
		}
		if c.status >= http.StatusBadRequest {
			wantHeader(t, res.Header, "Cache-Control", "no-store")
			wantHeader(t, res.Header, "Content-Type", contentProblem)
		}
		_ = res.Body.Close()
	}
	for _, p := range []problemType{
		problemInvalidParameter, problemInvalidContent, problemUnknownRoute, problemUnknownModel, problemMethod,
		problemNotAcceptable, problemUnavailable, problemUnauthorized, problemMediaType, problemTooLarge, problemRefused,
		problemGone, problemInternal,
	} {
		if status := newProblem(p).Status; !seen[status] {
			t.Errorf("no response of status %d was looked at", status)
		}
	}
}
