package handlers

import (
	"strings"
	"testing"
)

func TestWrongParameters(t *testing.T) {
	t.Parallel()
	const marker, limit = "/api/account-totals?lastHourlyMarker=", "/api/positions?limit="
	for _, target := range []string{
		marker + "abc", marker + "-2", marker + "--1", marker + "-", marker + "1.5", marker + "1e3", marker, marker + "''",
		marker + "99999999999999999999", marker + "9223372036854775808", marker + "+5", marker + "%2B5",
		marker + "0x10", marker + "1_000", marker + "%20", marker + "5%20", marker + "%zz", marker + "5;6",
		marker + "%D9%A3", marker + "1&lastHourlyMarker=2", marker + "1&lastHourlyMarker=",
		marker + "1&last%48ourlyMarker=2", "/api/account-totals?lastHourlyMarker",
		limit + "0", limit + "-1", limit + "x", limit, limit + "1&limit=2", limit + "99999999999999999999",
	} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			p := problemIn(t, b.do("GET", target))
			if p.Status != 400 || p.Type != problemInvalidParameter || len(p.Errors) != 1 {
				t.Fatalf("%+v", p)
			}
			name := "/lastHourlyMarker"
			if strings.HasPrefix(target, limit) {
				name = "/limit"
			}
			if p.Errors[0].Path != name || p.Errors[0].Reason == "" {
				t.Errorf("errors are %+v", p.Errors)
			}
			if strings.Contains(p.Instance, "?") {
				t.Errorf("instance %q repeats the query", p.Instance)
			}
			if len(b.answers.requests) != 0 {
				t.Error("the arena was asked")
			}
		})
	}
}

func TestRightIntegers(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]int64{
		"lastHourlyMarker=0":                                   0,
		"lastHourlyMarker=007":                                 7,
		"lastHourlyMarker=-1":                                  0, // what an empty season answers
		"lastHourlyMarker=9223372036854775807":                 9223372036854775807,
		"lastHourlyMarker=5&lastHourlyMarker=5":                5,
		"lastHourlyMarker=%35":                                 5,
		"lasthourlymarker=x":                                   0,
		"lastHourlyMarker%5B%5D=x&%zz=1&lastHourlyMarker%00=1": 0,
	} {
		b := setup(t)
		if w := b.do("GET", "/api/account-totals?"+query); w.Code != 200 {
			t.Errorf("%s: %d", query, w.Code)
		} else if got := b.answers.requests[0].FromMarker; got != want {
			t.Errorf("%s: marker %d, want %d", query, got, want)
		}
	}
}

func TestModelNames(t *testing.T) {
	t.Parallel()
	for escaped, want := range map[string]string{
		"gpt-5":                  "gpt-5",
		"openai%2Fgpt-5":         "openai/gpt-5",
		"a+b":                    "a+b",
		"a%2Bb%2Fc+d":            "a+b/c+d",
		"100%25":                 "100%",
		"%2525":                  "%25",
		"%C3%A9":                 "é",
		"...":                    "...",
		strings.Repeat("x", 256): strings.Repeat("x", 256),
	} {
		b := setup(t)
		if w := b.do("GET", "/api/analytics/"+escaped); w.Code != 200 {
			t.Errorf("%s: %d %s", escaped, w.Code, w.Body)
		} else if got := b.answers.requests[0].Model; got != want {
			t.Errorf("%s: model %q, want %q", escaped, got, want)
		}
	}
	for _, bad := range []string{".", "..", "%2E%2e", "a%7Bb", "a%7Db", "a%00b", "%0A", "%FF", strings.Repeat("x", 257)} {
		b := setup(t)
		if p := problemIn(t, b.do("GET", "/api/analytics/"+bad)); p.Type != problemUnknownModel || p.Status != 404 {
			t.Errorf("%s: %+v", bad, p)
		}
		if len(b.answers.requests) != 0 {
			t.Errorf("%s: the arena was asked", bad)
		}
	}
}

func FuzzQueryValues(f *testing.F) {
	for _, seed := range []string{"", "a=1", "a=1&b=2&a=%zz", "a", "%61=1", "a=b=c", ";a=1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		for value := range queryValues(query, "a") {
			if len(value) > len(query) {
				t.Errorf("%q yields %q", query, value)
			}
		}
	})
}

func TestWrongSeries(t *testing.T) {
	t.Parallel()
	for query, fault := range map[string]string{
		"points=1": "/points", "points=5001": "/points", "points=x": "/points", "points=": "/points",
		"from=-1": "/from", "from=1e9": "/from", "from=1.": "/from", "from=.5": "/from", "from=1.0000001": "/from",
		"from=1.5.5": "/from", "from=": "/from", "from=1&from=2": "/from", "from=99999999999999": "/from", "from=1.-5": "/from",
		"to=NaN": "/to", "from=2&to=1": "/to", "from=2&to=1.999999": "/to", "model_id=": "/model_id",
	} {
		paths := []string{"/api/equity?", "/api/prices/BTC?"}
		if fault == "/model_id" {
			paths = paths[:1]
		}
		for _, path := range paths {
			b := setup(t)
			p := problemIn(t, b.do("GET", path+query))
			if p.Status != 400 || len(p.Errors) != 1 || p.Errors[0].Path != fault {
				t.Errorf("%s%s: %+v", path, query, p)
			}
		}
	}
	b := setup(t)
	for _, target := range []string{"/api/equity?model_id=a%00b", "/api/prices/a%00b"} {
		if p := problemIn(t, b.do("GET", target)); p.Status != 404 {
			t.Errorf("%s: %+v", target, p)
		}
	}
	if len(b.answers.requests) != 0 {
		t.Error("the arena was asked")
	}
}
