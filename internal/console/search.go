package console

import (
	"errors"
	"html/template"

	"nof0/internal/arena"
	"nof0/internal/catalogue"
	"nof0/internal/wire"
)

// shownResults is how many results a page of a search has.
const shownResults = 20

// searchData is what a search shows.
type searchData struct {
	Results []found
	Next    string
	Fault   string
}

// found is a decision that was found.
type found struct {
	wire.SearchResult

	Excerpts []template.HTML
}

func (searchData) title() string { return "Search" }

// searchPage searches what models thought; without a query it asks for one.
func searchPage(r *reading) (any, error) {
	var d searchData
	if _, err := r.readModels(); err != nil {
		return nil, err
	}
	if r.ask.Request.Query == "" {
		return d, nil
	}
	req := r.ask.Request
	req.View, req.Limit = catalogue.ViewSearch, shownResults
	var results wire.SearchResults
	fault, err := r.part(req, &results)
	if refused, ok := errors.AsType[*arena.ParameterError](err); ok {
		d.Fault = "The query " + refused.Reason + "."
		return d, nil
	}
	d.Fault, d.Next = fault, results.NextCursor
	for _, result := range results.Results {
		one := found{SearchResult: result}
		for _, text := range []string{result.Summary, result.Trace} {
			if text != "" {
				one.Excerpts = append(one.Excerpts, template.HTML(text)) //nolint:gosec // the API escapes all but its marks
			}
		}
		d.Results = append(d.Results, one)
	}
	return d, err
}
