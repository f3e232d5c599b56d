package handlers

import (
	"math"
	"time"

	"nof0/internal/arena"
	"nof0/internal/catalogue"
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
	parameters := map[arena.View][]parameter[arena.Request]{
		arena.ViewAccountTotals: {marker},
		arena.ViewAnalyticsOf:   {model()},
		arena.ViewPositions:     {limit},
		arena.ViewEquity:        {modelID(), from, until(), points},
		arena.ViewPrices:        {symbol(), from, until(), points},
	}
	views := catalogue.Views()
	all := make([]endpoint, len(views))
	for i, v := range views {
		all[i] = endpoint{path: v.Path, view: v.Name, parameters: parameters[v.Name]}
	}
	return all
}
