package handlers

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"nof0/internal/arena"
	"nof0/internal/catalogue"
)

func TestViewsAskTheArena(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]arena.Request{
		"/api/crypto-prices":                    {View: catalogue.ViewCryptoPrices},
		"/api/account-totals":                   {View: catalogue.ViewAccountTotals},
		"/api/trades":                           {View: catalogue.ViewTrades},
		"/api/trades?lastHourlyMarker=x&path=x": {View: catalogue.ViewTrades},
		"/api/trades?model_id=gpt-5&symbol=BTC&side=short&from=1.5&to=2&sort=asc&limit=1000&cursor=abc": {
			View: catalogue.ViewTrades, Model: "gpt-5", Symbol: "BTC", Side: "short", Sort: "asc", Limit: 1000, Cursor: "abc",
			Series: arena.Series{From: time.UnixMicro(1_500_000).UTC(), To: time.UnixMicro(2_000_000).UTC()},
		},
		"/api/positions/gpt-5?status=open&symbol=BTC&limit=1": {
			View: catalogue.ViewPositionsOf, Model: "gpt-5", Status: "open", Symbol: "BTC", Limit: 1,
		},
		"/api/since-inception-values":       {View: catalogue.ViewSinceInception},
		"/api/leaderboard":                  {View: catalogue.ViewLeaderboard},
		"/api/analytics":                    {View: catalogue.ViewAnalytics},
		"/api/analytics/deepseek-chat-v3.1": {View: catalogue.ViewAnalyticsOf, Model: "deepseek-chat-v3.1"},
		"/api/positions":                    {View: catalogue.ViewPositions},
		"/api/positions?limit=1000":         {View: catalogue.ViewPositions, Limit: 1000},
		"/api/conversations":                {View: catalogue.ViewConversations},
		"/api/equity":                       {View: catalogue.ViewEquity},
		"/api/equity?resolution=15m":        {View: catalogue.ViewEquity, Series: arena.Series{Resolution: 15 * time.Minute}},
		"/api/prices/BTC?points=2&to=2.5": {View: catalogue.ViewPrices, Symbol: "BTC", Series: arena.Series{
			Points: 2, To: time.UnixMicro(2_500_000).UTC(),
		}},
		"/api/equity?model_id=gpt-5&from=1.000001&points=5000&path=equity": {View: catalogue.ViewEquity, Model: "gpt-5", Series: arena.Series{
			Points: 5000, From: time.UnixMicro(1_000_001).UTC(),
		}},

		"/api/decisions/gpt-5/gpt-5_1.5":                           {View: catalogue.ViewDecision, Model: "gpt-5", Decision: "gpt-5_1.5"},
		"/api/decisions/gpt-5/a%2Fdiff/diff?x=1":                   {View: catalogue.ViewDecisionDiff, Model: "gpt-5", Decision: "a/diff"},
		"/api/search?q=a+%22b%22":                                  {View: catalogue.ViewSearch, Query: `a "b"`},
		"/api/decisions/gpt-5?limit=7&cursor=x":                    {View: catalogue.ViewDecisions, Model: "gpt-5", Limit: 7, Cursor: "x"},
		"/api/conversations?model_id=gpt-5&to=2":                   {View: catalogue.ViewConversations, Model: "gpt-5", Series: arena.Series{To: time.Unix(2, 0).UTC()}},
		"/api/account-totals?lastHourlyMarker=197":                 {View: catalogue.ViewAccountTotals, FromMarker: 197},
		"/api/trades?competition=s2-calm&path=trades":              {View: catalogue.ViewTrades, Competition: "s2-calm"},
		"/api/analytics/gpt-5?competition=s%3A2":                   {View: catalogue.ViewAnalyticsOf, Model: "gpt-5", Competition: "s:2"},
		"/api/crypto-prices?competition=s2-calm":                   {View: catalogue.ViewCryptoPrices},
		"/api/competitions?competition=s2-calm":                    {View: catalogue.ViewCompetitions},
		"/api/account-totals?path=account-totals":                  {View: catalogue.ViewAccountTotals},
		"/api/account-totals?lastHourlyMarker=3&path=a&path=b&x=;": {View: catalogue.ViewAccountTotals, FromMarker: 3},
	} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			w := b.do("GET", target)
			if w.Code != 200 || w.Body.String() != string(smallAnswer().Body) {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if got := b.answers.requests; len(got) != 1 || got[0] != want {
				t.Errorf("asked %+v, want %+v", got, want)
			}
			h := w.Header()
			wantHeader(t, h, "Content-Type", "application/json")
			wantHeader(t, h, "Content-Length", "28")
			wantHeader(t, h, "Etag", `W/"abc"`)
			wantHeader(t, h, "Last-Modified", "Sun, 26 Oct 2025 04:18:55 GMT")
			wantHeader(t, h, "Cache-Control", "public, max-age=5")
			vary := "Accept-Encoding"
			if slices.ContainsFunc(catalogue.ViewOf(want.View).Parameters, func(p catalogue.Parameter) bool { return p.Name == "format" }) {
				vary += ", Accept"
			}
			wantHeader(t, h, "Vary", vary)
			wantHeader(t, h, "X-Data-Source", "store")
		})
	}
}

// TestPagesAreLinked holds that a page links to the next one with the same parameters,
// whatever stands in them, and the last one to nothing.
func TestPagesAreLinked(t *testing.T) {
	t.Parallel()
	b := setup(t)
	page := smallAnswer()
	page.Next = "a_b-c"
	b.answerWith(page)
	for target, want := range map[string]string{
		"/api/trades?limit=2":                          `</api/trades?cursor=a_b-c&limit=2>; rel="next"`,
		"/api/trades?cursor=old&model_id=gpt-5":        `</api/trades?cursor=a_b-c&model_id=gpt-5>; rel="next"`,
		"/api/trades?side=long&path=%3E%22%0Ax,<http:": `</api/trades?cursor=a_b-c&path=%3E%22%0Ax%2C%3Chttp%3A&side=long>; rel="next"`,
	} {
		wantHeader(t, b.do("GET", target).Header(), "Link", want)
		wantHeader(t, b.do("GET", target, "If-None-Match", `W/"abc"`).Header(), "Link", want)
	}
	b.answerWith(smallAnswer())
	wantHeader(t, b.do("GET", "/api/trades?limit=2").Header(), "Link", "")
}

// TestPageParametersAreChecked holds that a wrong value of a page's parameter is
// refused and named, also the one that only the list itself can refuse.
func TestPageParametersAreChecked(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for target, name := range map[string]string{
		"/api/trades?limit=1001": "limit", "/api/trades?limit=0": "limit", "/api/trades?limit=-1": "limit", "/api/trades?limit=1e2": "limit",
		"/api/trades?side=both": "side", "/api/trades?side=": "side", "/api/trades?sort=up": "sort", "/api/trades?from=yesterday": "from",
		"/api/trades?from=2&to=1": "to", "/api/trades?cursor=": "cursor", "/api/trades?sort=asc&sort=desc": "sort",
	} {
		w := b.do("GET", target)
		if w.Code != 400 || !strings.Contains(w.Body.String(), `"path":"/`+name+`"`) {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
	b.failWith(fmt.Errorf("wrapped: %w", &arena.ParameterError{Name: "cursor", Reason: "is of another list"}))
	w := b.do("GET", "/api/trades?cursor=x")
	if w.Code != 400 || !strings.Contains(w.Body.String(), `"errors":[{"path":"/cursor","reason":"is of another list"}]`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestFormatsAreChosen holds that the parameter chooses the format, and without it what
// Accept prefers, JSON where that prefers none.
func TestFormatsAreChosen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.answerWith(&arena.Answer{Origin: "store", Stream: textStream("a,b\r\n")})
	for _, c := range []struct{ target, accept, format, media string }{
		{"/api/trades", "", "", "application/json"},
		{"/api/trades?format=json", "text/csv", "", "application/json"},
		{"/api/trades?format=csv", "application/json", "csv", "text/csv"},
		{"/api/trades?format=ndjson", "", "ndjson", "application/x-ndjson"},
		{"/api/equity", "text/csv", "csv", "text/csv"},
		{"/api/prices/BTC", "text/html, text/csv;q=0.9, */*;q=0.8", "csv", "text/csv"},
		{"/api/positions", "text/csv, application/json", "", "application/json"},
		{"/api/positions/gpt-5", "application/x-ndjson;q=0.5, text/csv;q=0.4", "ndjson", "application/x-ndjson"},
		{"/api/trades", "text/csv;q=0, */*", "", "application/json"},
		{"/api/trades", "text/html, nonsense;;q=x", "", "application/json"},
		{"/api/leaderboard", "text/csv", "", "application/json"},
	} {
		headers := []string{}
		if c.accept != "" {
			headers = append(headers, "Accept", c.accept)
		}
		b.answers.requests = nil
		w := b.do("GET", c.target, headers...)
		if w.Code != 200 || len(b.answers.requests) != 1 || b.answers.requests[0].Format != c.format {
			t.Errorf("%s, %s: %d, asked %+v", c.target, c.accept, w.Code, b.answers.requests)
		}
		wantHeader(t, w.Header(), "Content-Type", c.media)
		if varies := slices.Contains(w.Header().Values("Vary"), "Accept"); varies == (c.target == "/api/leaderboard") {
			t.Errorf("%s varies by Accept: %v", c.target, varies)
		}
	}
	if w := b.do("GET", "/api/trades?format=xml"); w.Code != 400 || !strings.Contains(w.Body.String(), `"path":"/format"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// textStream is a document that is sent as it is.
type textStream string

func (s textStream) Identity(_ context.Context, w io.Writer) error {
	_, err := io.WriteString(w, string(s))
	return err
}

func (s textStream) Gzip(ctx context.Context, w io.Writer) error { return s.Identity(ctx, w) }
