package handlers

import (
	"math"
	"time"

	"nof0/internal/arena"
)

// endpoint is one read endpoint below /api.
type endpoint struct {
	path       string
	view       arena.View
	parameters []parameter[arena.Request]
}

// endpoints is the read surface, in the order of the API document. Parameters
// that are not named here are ignored: proxies in front of clients add some.
func endpoints() []endpoint {
	marker := query("lastHourlyMarker", integer(0), func(r *arena.Request, n int64) { r.FromMarker = n })
	limit := query("limit", integer(1), func(r *arena.Request, n int64) { r.Limit = int(min(n, math.MaxInt)) })
	from := query("from", seconds(), func(r *arena.Request, at time.Time) { r.Series.From = at })
	points := query("points", integerIn(arena.MinPoints, arena.MaxPoints), func(r *arena.Request, n int64) { r.Series.Points = int(n) })
	return []endpoint{
		{path: "/crypto-prices", view: arena.ViewCryptoPrices},
		{path: "/account-totals", view: arena.ViewAccountTotals, parameters: []parameter[arena.Request]{marker}},
		{path: "/trades", view: arena.ViewTrades},
		{path: "/since-inception-values", view: arena.ViewSinceInception},
		{path: "/leaderboard", view: arena.ViewLeaderboard},
		{path: "/analytics", view: arena.ViewAnalytics},
		{path: "/analytics/:model", view: arena.ViewAnalyticsOf, parameters: []parameter[arena.Request]{model()}},
		{path: "/positions", view: arena.ViewPositions, parameters: []parameter[arena.Request]{limit}},
		{path: "/conversations", view: arena.ViewConversations},
		{path: "/equity", view: arena.ViewEquity, parameters: []parameter[arena.Request]{modelID(), from, until(), points}},
		{path: "/prices/:symbol", view: arena.ViewPrices, parameters: []parameter[arena.Request]{symbol(), from, until(), points}},
	}
}
