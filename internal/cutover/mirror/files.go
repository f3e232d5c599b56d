package mirror

import (
	"context"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/catalogue"
	"nof0/internal/snapshot"
	"nof0/internal/wire"
	"nof0/repository"
)

// file is how a file is made, and which events change it: those that change a
// table that its view reads.
type file struct {
	domain arena.Domain
	kind   snapshot.Kind
	events []string
	render func(context.Context, *renderer) (any, error)
}

// renderer reads what files are made of.
type renderer struct {
	*arena.Store

	repos repository.Repositories
}

// files lists every file of a JSON directory.
func files() []file {
	list := []struct {
		view   catalogue.ViewName
		kind   snapshot.Kind
		render func(context.Context, *renderer) (any, error)
	}{
		{catalogue.ViewCryptoPrices, snapshot.CryptoPrices, func(ctx context.Context, r *renderer) (any, error) { return r.CryptoPrices(ctx) }},
		{catalogue.ViewTrades, snapshot.Trades, func(ctx context.Context, r *renderer) (any, error) { return r.Trades(ctx) }},
		{catalogue.ViewPositions, snapshot.Positions, func(ctx context.Context, r *renderer) (any, error) { return r.Positions(ctx, 0) }},
		{catalogue.ViewAccountTotals, snapshot.AccountTotals, func(ctx context.Context, r *renderer) (any, error) { return r.AccountTotals(ctx, 0) }},
		{catalogue.ViewSinceInception, snapshot.SinceInception, func(ctx context.Context, r *renderer) (any, error) { return r.inceptions(ctx) }},
		{catalogue.ViewAnalytics, snapshot.Analytics, func(ctx context.Context, r *renderer) (any, error) { return r.documents(ctx) }},
		{catalogue.ViewLeaderboard, snapshot.Leaderboard, func(ctx context.Context, r *renderer) (any, error) { return r.leaderboard(ctx) }},
		{catalogue.ViewConversations, snapshot.Conversations, func(ctx context.Context, r *renderer) (any, error) { return r.Conversations(ctx) }},
	}
	all := make([]file, len(list))
	for i, f := range list {
		view := catalogue.ViewOf(f.view)
		all[i] = file{view.Domain, f.kind, catalogue.EventsThatChange(view.Reads), f.render}
	}
	return all
}

// inceptionFile is since-inception-values.json: what the endpoint answers, and
// which numbers of it no source gave.
type inceptionFile struct {
	SinceInceptionValues []wire.SinceInception `json:"sinceInceptionValues"`
	Counted              []string              `json:"countedInvocations,omitempty"`
	ServerTime           int64                 `json:"serverTime"`
}

// leaderboardFile is leaderboard.json: what the endpoint answers, and which rows
// of it were imported.
type leaderboardFile struct {
	Leaderboard  []wire.LeaderboardRow `json:"leaderboard"`
	ImportedAsOf map[string]float64    `json:"importedAsOf"`
	ServerTime   int64                 `json:"serverTime"`
}

func (r *renderer) leaderboard(ctx context.Context) (leaderboardFile, error) {
	v, err := r.Leaderboard(ctx)
	return leaderboardFile(v), err
}

func (r *renderer) inceptions(ctx context.Context) (inceptionFile, error) {
	v, err := r.SinceInception(ctx)
	return inceptionFile(v), err
}

// documents are the metrics of every model. Those of a benchmark are listed
// nowhere, and are answered where they are asked for.
func (r *renderer) documents(ctx context.Context) (wire.Analytics, error) {
	listed, err := r.Analytics(ctx)
	if err != nil {
		return listed, err
	}
	docs, err := r.repos.Analytics.All(ctx, entities.AnalyticsImported)
	listed.Analytics = make([]jsontext.Value, len(docs))
	for i, doc := range docs {
		listed.Analytics[i] = jsontext.Value(doc.Payload)
	}
	return listed, err
}

// changed reports whether a file has to be rendered: newest are the events by
// type, of which the domain has those up to position.
func (f *file) changed(newest map[string]int64, position int64) bool {
	return slices.ContainsFunc(f.events, func(event string) bool { return newest[event] > position })
}

// among returns those of the waiting events that change the file.
func (f *file) among(all waiting) waiting {
	mine := waiting{}
	for event, w := range all {
		if slices.Contains(f.events, event) {
			mine[event] = w
		}
	}
	return mine
}
