package relay

import (
	"context"
	"math"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/cachelayer"
	"nof0/entities"
	"nof0/internal/analytics"
	"nof0/internal/arena"
	"nof0/internal/catalogue"
	"nof0/internal/mapping"
	"nof0/internal/wire"
	"nof0/repository"
)

// loader reads what a projection holds. Its weight stands for what that takes in memory.
type loader struct {
	weight int
	load   func(ctx context.Context, r *reading, s subject) (cachelayer.Value, error)
}

// loaders are those of every projection that the relay writes.
func loaders() map[catalogue.ProjectionName]loader {
	return map[catalogue.ProjectionName]loader{
		catalogue.ProjectionPrice:          {1, latestPrice},
		catalogue.ProjectionProviderPrice:  {1, latestPrice},
		catalogue.ProjectionContext:        {1, marketContext},
		catalogue.ProjectionAsset:          {1, marketAsset},
		catalogue.ProjectionTrader:         {1, traderState},
		catalogue.ProjectionPositions:      {1, openPositions},
		catalogue.ProjectionLeaderboard:    {1, leaderboard},
		catalogue.ProjectionSinceInception: {16, sinceInception},
		catalogue.ProjectionTrades:         {16, recentTrades},
		catalogue.ProjectionDecision:       {1, lastDecision},
		catalogue.ProjectionConversations:  {128, conversations},
	}
}

// latestPrice is the newest price at a venue, that of the primary provider where the
// subject names none.
func latestPrice(ctx context.Context, r *reading, s subject) (cachelayer.Value, error) {
	prices, err := r.latestPrices(ctx)
	if err != nil {
		return cachelayer.Value{}, err
	}
	provider := s.provider
	if provider == "" {
		provider = r.provider
	}
	row, known := prices[venue{provider, s.id}]
	return document(row, known, mapping.PricePayload)
}

func marketContext(ctx context.Context, r *reading, s subject) (cachelayer.Value, error) {
	contexts, err := r.marketContexts(ctx)
	if err != nil {
		return cachelayer.Value{}, err
	}
	row, known := contexts[venue{s.provider, s.id}]
	return document(row, known, contextPayload)
}

func marketAsset(ctx context.Context, r *reading, s subject) (cachelayer.Value, error) {
	assets, err := r.marketAssets(ctx)
	if err != nil {
		return cachelayer.Value{}, err
	}
	row, known := assets[venue{s.provider, s.id}]
	return document(row, known, assetPayload)
}

// document is the one document of a row; where the row is not known there is none.
func document[R, P any](row R, known bool, payload func(R) (P, error)) (cachelayer.Value, error) {
	if !known {
		return cachelayer.Value{}, nil
	}
	raw, err := render(row, payload)
	return cachelayer.String(raw), err
}

func traderState(ctx context.Context, r *reading, s subject) (cachelayer.Value, error) {
	states, err := r.repos.Traders.Of(ctx, s.id)
	if err != nil || len(states) == 0 {
		return cachelayer.Value{}, err
	}
	fields, err := traderFields(states[0])
	return cachelayer.Hash(fields), err
}

// leaderboard ranks the competitors as the view does, by the same formula.
func leaderboard(ctx context.Context, r *reading, _ subject) (cachelayer.Value, error) {
	competitors, err := arena.NewStore(r.repos, r.provider, time.Now).Competitors(ctx)
	if err != nil {
		return cachelayer.Value{}, err
	}
	returns := map[string]float64{}
	for _, row := range analytics.Leaderboard(competitors) {
		if percent, ok := row.ReturnPct.Get(); ok && !math.IsNaN(percent) && !math.IsInf(percent, 0) {
			returns[row.ID] = percent
		}
	}
	return cachelayer.SortedSet(returns), nil
}

func openPositions(ctx context.Context, r *reading, s subject) (cachelayer.Value, error) {
	rows, err := r.openPositions(ctx, s.id)
	if err != nil || len(rows) == 0 {
		return cachelayer.Value{}, err
	}
	prices, err := r.latestPrices(ctx)
	if err != nil {
		return cachelayer.Value{}, err
	}
	docs := make(map[string]jsontext.Value, len(rows))
	for _, row := range rows {
		var price *entities.PriceLatest
		if newest, ok := prices[venue{row.Provider, row.Symbol}]; ok {
			price = &newest
		}
		if docs[row.Symbol], err = positionDocument(row, price); err != nil {
			return cachelayer.Value{}, err
		}
	}
	return cachelayer.Hash(docs), nil
}

// sinceInception puts the newest hours in the place of those stored after the one before
// them, where the rows of the events are of these; any other changes what lies before.
// The newest may be an hour that has begun since.
func sinceInception(ctx context.Context, r *reading, s subject) (cachelayer.Value, error) {
	if changed := r.markers[s]; len(changed) > 0 && !r.whole {
		hours, err := r.repos.Equity.NewestHoursOf(ctx, s.id, len(changed)+2)
		if err != nil {
			return cachelayer.Value{}, err
		}
		if len(hours) < len(changed)+2 { // these are all
			return cachelayer.Points(pointsOf(hours)), nil
		}
		newest := map[int64]bool{}
		for _, h := range hours[1:] {
			newest[h.Marker] = true
		}
		if subset(changed, newest) {
			return cachelayer.Append(pointsOf(hours)), nil
		}
	}
	hours, err := r.repos.Equity.HoursOf(ctx, s.id)
	return cachelayer.Points(pointsOf(hours)), err
}

func pointsOf(hours []repository.HourEquity) []cachelayer.Point {
	points := make([]cachelayer.Point, len(hours))
	for i, h := range hours {
		points[i] = cachelayer.Point{Time: wire.Seconds(h.ObservedAt), Equity: h.DollarEquity}
	}
	return points
}

func subset(of, in map[int64]bool) bool {
	for k := range of {
		if !in[k] {
			return false
		}
	}
	return true
}

// recentTrades are the newest trades of a model. Those that were rendered before, and have
// not changed since, are not read again.
func recentTrades(ctx context.Context, r *reading, s subject) (cachelayer.Value, error) {
	trades, err := r.newestTrades(ctx, s)
	if err != nil {
		return cachelayer.Value{}, err
	}
	next := make(map[repository.TradeVersion]jsontext.Value, len(trades.versions))
	var docs []jsontext.Value
	for _, v := range trades.versions {
		doc := trades.known[v]
		if doc == nil {
			row := trades.fresh[v]
			if row == nil {
				continue // it is gone meanwhile, of which an event tells
			}
			if doc, err = render(*row, mapping.TradePayload); err != nil {
				return cachelayer.Value{}, err
			}
		}
		next[v], docs = doc, append(docs, doc)
	}
	r.rendered.keep(s, next)
	return cachelayer.List(docs), nil
}

func lastDecision(ctx context.Context, r *reading, s subject) (cachelayer.Value, error) {
	rows, err := r.repos.Decisions.NewestOf(ctx, s.id, 1)
	if err != nil || len(rows) == 0 {
		return cachelayer.Value{}, err
	}
	return document(rows[0], true, mapping.DecisionPayload)
}

// conversations are the documents of a model in the order of the view.
func conversations(ctx context.Context, r *reading, s subject) (cachelayer.Value, error) {
	decisions, err := r.repos.Decisions.NewestOf(ctx, s.id, arena.RecentConversations)
	if err != nil {
		return cachelayer.Value{}, err
	}
	threads, err := r.repos.Conversations.NewestThreadsOf(ctx, s.id, arena.RecentConversations)
	if err != nil {
		return cachelayer.Value{}, err
	}
	var docs []wire.Document
	for _, row := range decisions {
		d, err := mapping.DecisionPayload(row)
		if err != nil {
			return cachelayer.Value{}, err
		}
		docs = append(docs, wire.Document{Decision: &d})
	}
	for _, row := range threads {
		t, err := mapping.ThreadPayload(row.Conversation, row.Messages)
		if err != nil {
			return cachelayer.Value{}, err
		}
		docs = append(docs, wire.Document{Thread: &t})
	}
	var rendered []jsontext.Value
	for _, doc := range arena.NewestDocuments(docs) {
		raw, err := wire.Marshal(doc)
		if err != nil {
			return cachelayer.Value{}, err
		}
		rendered = append(rendered, raw)
	}
	return cachelayer.List(rendered), nil
}
