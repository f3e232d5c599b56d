package handlers

import (
	"fmt"
	"math"
	"time"

	"nof0/internal/arena"
	"nof0/internal/catalogue"
)

// endpoint is one read endpoint below /api.
type endpoint struct {
	path       string
	view       catalogue.ViewName
	parameters []parameter[arena.Request]
	downloads  bool // in the formats of downloadTypes
}

// endpoints is the read surface: the views of the catalogue. Parameters that a
// view does not declare are ignored: proxies in front of clients add some. The
// error names a declared one that nothing here reads.
func endpoints() ([]endpoint, error) {
	views := catalogue.Views()
	all := make([]endpoint, len(views))
	for i, v := range views {
		all[i] = endpoint{path: v.Path, view: v.Name}
		for _, p := range v.Parameters {
			all[i].downloads = all[i].downloads || p.Name == "format"
			read := reader(p)
			if read == nil {
				return nil, fmt.Errorf("nothing reads the parameter %s of %s", p.Name, v.Path)
			}
			all[i].parameters = append(all[i].parameters, read)
		}
	}
	return all, nil
}

// reader reads a parameter of views into the request; nil where there is none of
// its name.
func reader(p catalogue.Parameter) parameter[arena.Request] {
	switch p.Name {
	case "model":
		return inPath(p.Name, arena.ErrUnknownModel, func(r *arena.Request, id string) { r.Model = id })
	case "model_id":
		return named(p.Name, arena.ErrUnknownModel, func(r *arena.Request, name string) { r.Model = name })
	case "symbol":
		if p.In == catalogue.InQuery {
			return named(p.Name, arena.ErrUnknownSymbol, func(r *arena.Request, name string) { r.Symbol = name })
		}
		return inPath(p.Name, arena.ErrUnknownSymbol, func(r *arena.Request, id string) { r.Symbol = id })
	case "decision":
		return inPath(p.Name, arena.ErrUnknownDecision, func(r *arena.Request, id string) { r.Decision = id })
	case "q":
		return query(p.Name, nonEmpty(), func(r *arena.Request, v string) { r.Query = v })
	case "side":
		return query(p.Name, choice(p), func(r *arena.Request, v string) { r.Side = v })
	case "status":
		return query(p.Name, choice(p), func(r *arena.Request, v string) { r.Status = v })
	case "sort":
		return query(p.Name, choice(p), func(r *arena.Request, v string) { r.Sort = v })
	case "format":
		return query(p.Name, choice(p), func(r *arena.Request, v string) { r.Format = v })
	case "cursor":
		return query(p.Name, nonEmpty(), func(r *arena.Request, v string) { r.Cursor = v })
	case "competition":
		return competition(func(r *arena.Request, id string) { r.Competition = id })
	case "lastHourlyMarker":
		return query(p.Name, integerOf(p), func(r *arena.Request, n int64) { r.FromMarker = max(n, 0) })
	case "limit":
		return query(p.Name, integerOf(p), func(r *arena.Request, n int64) { r.Limit = int(min(n, math.MaxInt)) })
	case "from":
		return query(p.Name, seconds(), func(r *arena.Request, at time.Time) { r.Series.From = at })
	case "to":
		return until()
	case "resolution":
		return query(p.Name, choice(p), func(r *arena.Request, v string) { r.Series.Resolution = arena.Resolutions()[v] })
	case "points":
		return query(p.Name, integerOf(p), func(r *arena.Request, n int64) { r.Series.Points = int(n) })
	}
	return nil
}

// integerOf is an integer within the bounds of a parameter.
func integerOf(p catalogue.Parameter) form[int64] {
	if p.Max == 0 {
		return integer(p.Min)
	}
	return integerIn(p.Min, p.Max)
}
