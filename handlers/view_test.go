package handlers

import (
	"testing"
	"time"

	"nof0/internal/arena"
)

func TestViewsAskTheArena(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]arena.Request{
		"/api/crypto-prices":                     {View: arena.ViewCryptoPrices},
		"/api/account-totals":                    {View: arena.ViewAccountTotals},
		"/api/trades":                            {View: arena.ViewTrades},
		"/api/trades?limit=x&lastHourlyMarker=x": {View: arena.ViewTrades},
		"/api/since-inception-values":            {View: arena.ViewSinceInception},
		"/api/leaderboard":                       {View: arena.ViewLeaderboard},
		"/api/analytics":                         {View: arena.ViewAnalytics},
		"/api/analytics/deepseek-chat-v3.1":      {View: arena.ViewAnalyticsOf, Model: "deepseek-chat-v3.1"},
		"/api/positions":                         {View: arena.ViewPositions},
		"/api/positions?limit=1000":              {View: arena.ViewPositions, Limit: 1000},
		"/api/conversations":                     {View: arena.ViewConversations},
		"/api/equity":                            {View: arena.ViewEquity},
		"/api/prices/BTC?points=2&to=2.5": {View: arena.ViewPrices, Symbol: "BTC", Series: arena.Series{
			Points: 2, To: time.UnixMicro(2_500_000).UTC(),
		}},
		"/api/equity?model_id=gpt-5&from=1.000001&points=5000&path=equity": {View: arena.ViewEquity, Model: "gpt-5", Series: arena.Series{
			Points: 5000, From: time.UnixMicro(1_000_001).UTC(),
		}},

		"/api/account-totals?lastHourlyMarker=197":                 {View: arena.ViewAccountTotals, FromMarker: 197},
		"/api/account-totals?path=account-totals":                  {View: arena.ViewAccountTotals},
		"/api/account-totals?lastHourlyMarker=3&path=a&path=b&x=;": {View: arena.ViewAccountTotals, FromMarker: 3},
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
