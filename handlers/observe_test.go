package handlers

import "testing"

func TestRequestsAreObservedByTemplate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		method, path string
		want         observation
	}{
		{"GET", "/api/trades", observation{"/api/trades", "GET", 200, "store"}},
		{"GET", "/api/trades/", observation{"/api/trades", "GET", 200, "store"}},
		{"HEAD", "/api/analytics/gpt-5", observation{"/api/analytics/:model", "HEAD", 200, "store"}},
		{"GET", "/api/analytics/%00", observation{"/api/analytics/:model", "GET", 404, ""}},
		{"OPTIONS", "/api/trades", observation{"/api/trades", "OPTIONS", 204, ""}},
		{"GET", "/api/account-totals?lastHourlyMarker=x", observation{"/api/account-totals", "GET", 400, ""}},
		{"GET", "/wp-login.php", observation{"unmatched", "GET", 404, ""}},
		{"POST", "/api/trades", observation{"unmatched", "POST", 405, ""}},
		{"BREW", "/api/trades", observation{"unmatched", "OTHER", 405, ""}},
		{"get", "/api/trades", observation{"unmatched", "OTHER", 405, ""}},
		{"GET", "/healthz", observation{"/healthz", "GET", 200, ""}},
	} {
		b := setup(t)
		b.do(c.method, c.path)
		if got := b.metrics.last(t); got != c.want {
			t.Errorf("%s %s: %+v, want %+v", c.method, c.path, got, c.want)
		}
	}
}
