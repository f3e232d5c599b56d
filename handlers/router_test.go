package handlers

import (
	"net/http"
	"testing"

	"nof0/internal/catalogue"
)

// allPaths are the routes that are read, each with a name where a template has
// one.
func allPaths() []string {
	return []string{
		"/api/crypto-prices", "/api/account-totals", "/api/trades", "/api/since-inception-values",
		"/api/leaderboard", "/api/analytics", "/api/analytics/gpt-5", "/api/positions", "/api/conversations",
		"/api/equity", "/api/prices/BTC",
		"/api/stream",
		"/healthz", "/readyz", "/metrics", "/openapi.json", "/docs",
	}
}

func TestEveryRouteAnswersGetHeadOptions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, path := range allPaths() {
		for method, status := range map[string]int{"GET": 200, "HEAD": 200, "OPTIONS": 204} {
			w := b.do(method, path)
			if w.Code != status {
				t.Errorf("%s %s: %d", method, path, w.Code)
			}
			wantHeader(t, w.Header(), "X-Content-Type-Options", "nosniff")
			if method == "OPTIONS" {
				wantHeader(t, w.Header(), "Allow", "GET, HEAD, OPTIONS")
				if w.Body.Len() != 0 {
					t.Errorf("OPTIONS %s has a body: %s", path, w.Body)
				}
			}
		}
	}
}

func TestMethodNotAllowed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, path := range allPaths() {
		for _, method := range []string{http.MethodPost, http.MethodDelete, "BREW"} {
			w := b.do(method, path)
			if p := problemIn(t, w); p.Status != 405 || p.Type != problemMethod {
				t.Errorf("%s %s: %+v", method, path, p)
			}
			wantHeader(t, w.Header(), "Allow", "GET, HEAD, OPTIONS")
		}
	}
}

func TestRoutesOfWritesTakeNothingElse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, write := range catalogue.Writes() {
		kind := write.Kind
		path := pathIngest + string(kind)
		for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "BREW"} {
			w := b.do(method, path, "Authorization", "Bearer "+testToken)
			if w.Code != 405 {
				t.Errorf("%s %s: %d", method, path, w.Code)
			}
			if method != "HEAD" {
				problemIn(t, w)
			}
			wantHeader(t, w.Header(), "Allow", "POST, OPTIONS")
		}
		w := b.do("OPTIONS", path)
		if w.Code != 204 {
			t.Errorf("OPTIONS %s: %d", path, w.Code)
		}
		wantHeader(t, w.Header(), "Allow", "POST, OPTIONS")
	}
}

func TestUnknownRoutes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, path := range []string{
		"/api", "/api/nothing", "/api/Trades", "/api//trades", "/api/trades/1",
		"/api/analytics/a/b", "/api/equity/gpt-5", "/api/prices", "/api/prices/a/b",
		"/api/decisions", "/api/ingest", "/api/ingest/nothing", "/api/ingest/trades/1", "/api/admin/rollout", "/problems/internal", "/debug/pprof",
		"/api/../healthz",
	} {
		for _, method := range []string{"GET", "OPTIONS", "POST"} {
			w := b.do(method, path)
			if p := problemIn(t, w); p.Status != 404 || p.Type != problemUnknownRoute || p.Instance != path {
				t.Errorf("%s %s: %+v", method, path, p)
			}
			wantHeader(t, w.Header(), "Access-Control-Allow-Origin", "*")
		}
	}
}

func TestTrustedProxies(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		trusted []string
		want    string
	}{
		"none by default": {nil, "192.0.2.1"},
		"the proxy":       {[]string{"192.0.2.0/24"}, "203.0.113.9"},
		"another":         {[]string{"198.51.100.0/24"}, "192.0.2.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(o *Options) { o.Config.TrustedProxies = c.trusted })
			b.do("GET", "/api/trades", "X-Forwarded-For", "203.0.113.9")
			if got := b.logs.lines(t, "request")[0]["client"]; got != c.want {
				t.Errorf("client is %v, want %s", got, c.want)
			}
		})
	}
}
