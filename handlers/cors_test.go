package handlers

import (
	"strings"
	"testing"
)

func TestCORS(t *testing.T) {
	t.Parallel()
	const origin = "https://arena.example"
	for name, c := range map[string]struct {
		allowed      []string
		origin       string
		allow, vary  string
		exposesNames bool
	}{
		"everyone":             {[]string{"*"}, origin, "*", "Accept-Encoding", true},
		"everyone, no origin":  {[]string{"*"}, "", "*", "Accept-Encoding", true},
		"listed":               {[]string{"https://other.example", origin}, origin, origin, "Origin, Accept-Encoding", true},
		"listed in other case": {[]string{"https://Arena.example"}, origin, origin, "Origin, Accept-Encoding", true},
		"not listed":           {[]string{"https://other.example"}, origin, "", "Origin, Accept-Encoding", false},
		"list, no origin":      {[]string{origin}, "", "", "Origin, Accept-Encoding", false},
		"part of a listed one": {[]string{origin + ".net"}, origin, "", "Origin, Accept-Encoding", false},
		"off":                  {nil, origin, "", "Accept-Encoding", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(o *Options) { o.Config.AllowedOrigins = c.allowed })
			var headers []string
			if c.origin != "" {
				headers = []string{"Origin", c.origin}
			}
			for _, path := range []string{"/api/trades", "/api/account-totals?lastHourlyMarker=x"} {
				h := b.do("GET", path, headers...).Header()
				wantHeader(t, h, "Access-Control-Allow-Origin", c.allow)
				wantHeader(t, h, "Access-Control-Allow-Credentials", "")
				exposed := h.Get("Access-Control-Expose-Headers")
				for _, name := range []string{"ETag", "X-Data-Source", "X-Request-Id"} {
					if strings.Contains(exposed, name) != c.exposesNames {
						t.Errorf("exposed are %q", exposed)
					}
				}
			}
			wantHeader(t, b.do("GET", "/api/trades", headers...).Header(), "Vary", c.vary+", Accept")
		})
	}
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	const origin = "https://arena.example"
	b := setup(t, func(o *Options) { o.Config.AllowedOrigins = []string{origin} })
	w := b.do("OPTIONS", "/api/trades", "Origin", origin,
		"Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "if-none-match, x-request-id")
	if w.Code != 204 {
		t.Errorf("%d", w.Code)
	}
	h := w.Header()
	wantHeader(t, h, "Access-Control-Allow-Origin", origin)
	wantHeader(t, h, "Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
	wantHeader(t, h, "Access-Control-Allow-Headers", "if-none-match, x-request-id")
	wantHeader(t, h, "Access-Control-Max-Age", "600")
	wantHeader(t, h, "Allow", "GET, HEAD, OPTIONS")

	h = b.do("OPTIONS", "/api/ingest/trades", "Origin", origin, "Access-Control-Request-Method", "POST",
		"Access-Control-Request-Headers", "authorization, content-type, idempotency-key").Header()
	wantHeader(t, h, "Access-Control-Allow-Methods", "POST, OPTIONS")
	wantHeader(t, h, "Access-Control-Allow-Headers", "authorization, content-type, idempotency-key")

	h = b.do("OPTIONS", "/api/trades", "Origin", "https://other.example",
		"Access-Control-Request-Method", "GET").Header()
	wantHeader(t, h, "Access-Control-Allow-Origin", "")
	wantHeader(t, h, "Access-Control-Allow-Methods", "")

	h = b.do("OPTIONS", "/api/trades", "Origin", origin, "Access-Control-Request-Method", "GET",
		"Access-Control-Request-Headers", strings.Repeat("x", 2000)).Header()
	wantHeader(t, h, "Access-Control-Allow-Headers", "")

	if w := b.do("OPTIONS", "/nowhere", "Origin", origin, "Access-Control-Request-Method", "GET"); w.Code != 404 {
		t.Errorf("unknown route: %d", w.Code)
	}
}
