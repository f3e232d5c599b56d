package handlers

import (
	"testing"
	"time"

	"nof0/internal/arena"
	"nof0/internal/catalogue"
)

func TestViewsAskTheArena(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]arena.Request{
		"/api/crypto-prices":                     {View: catalogue.ViewCryptoPrices},
		"/api/account-totals":                    {View: catalogue.ViewAccountTotals},
		"/api/trades":                            {View: catalogue.ViewTrades},
		"/api/trades?limit=x&lastHourlyMarker=x": {View: catalogue.ViewTrades},
		"/api/since-inception-values":            {View: catalogue.ViewSinceInception},
		"/api/leaderboard":                       {View: catalogue.ViewLeaderboard},
		"/api/analytics":                         {View: catalogue.ViewAnalytics},
		"/api/analytics/deepseek-chat-v3.1":      {View: catalogue.ViewAnalyticsOf, Model: "deepseek-chat-v3.1"},
		"/api/positions":                         {View: catalogue.ViewPositions},
		"/api/positions?limit=1000":              {View: catalogue.ViewPositions, Limit: 1000},
		"/api/conversations":                     {View: catalogue.ViewConversations},
		"/api/equity":                            {View: catalogue.ViewEquity},
		"/api/prices/BTC?points=2&to=2.5": {View: catalogue.ViewPrices, Symbol: "BTC", Series: arena.Series{
			Points: 2, To: time.UnixMicro(2_500_000).UTC(),
		}},
		"/api/equity?model_id=gpt-5&from=1.000001&points=5000&path=equity": {View: catalogue.ViewEquity, Model: "gpt-5", Series: arena.Series{
			Points: 5000, From: time.UnixMicro(1_000_001).UTC(),
		}},

		"/api/decisions/gpt-5/gpt-5_1.5":                           {View: catalogue.ViewDecision, Model: "gpt-5", Decision: "gpt-5_1.5"},
		"/api/decisions/gpt-5/a%2Fdiff/diff?x=1":                   {View: catalogue.ViewDecisionDiff, Model: "gpt-5", Decision: "a/diff"},
		"/api/account-totals?lastHourlyMarker=197":                 {View: catalogue.ViewAccountTotals, FromMarker: 197},
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
			wantHeader(t, h, "Vary", "Accept-Encoding")
			wantHeader(t, h, "X-Data-Source", "store")
		})
	}
}
