package relay

import (
	"context"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/catalogue"
	"nof0/repository"
)

// reading is what several projections are built from, read once for all of
// them. It begins after they were claimed, and is not used again.
type reading struct {
	repos    repository.Repositories
	provider string
	// ids are those whose projections are to be replaced.
	ids map[catalogue.ProjectionName][]string
	// whole says that a series has to be read whole, and markers which hours have changed.
	whole   bool
	markers map[subject]map[int64]bool
	// rendered are those of the rounds before.
	rendered *rendered

	open     map[string][]entities.Position // by model
	trades   map[string]*newestTrades       // by model
	prices   map[venue]entities.PriceLatest
	contexts map[venue]entities.MarketAssetCtx
	assets   map[venue]entities.MarketAsset
}

func (r *reading) openPositions(ctx context.Context, model string) ([]entities.Position, error) {
	if r.open == nil {
		rows, err := r.repos.Positions.OpenOf(ctx, r.ids[catalogue.ProjectionPositions], r.provider)
		if err != nil {
			return nil, err
		}
		r.open = map[string][]entities.Position{}
		for _, row := range rows {
			r.open[row.ModelID] = append(r.open[row.ModelID], row)
		}
	}
	return r.open[model], nil
}

// newestTrades are those of a model: in their order, as they were rendered before, and those
// that were not.
type newestTrades struct {
	versions []repository.TradeVersion
	known    map[repository.TradeVersion]jsontext.Value
	fresh    map[repository.TradeVersion]*entities.Trade
}

func (r *reading) newestTrades(ctx context.Context, s subject) (*newestTrades, error) {
	if r.trades == nil {
		versions, err := r.repos.Trades.NewestVersions(ctx, r.ids[catalogue.ProjectionTrades], arena.RecentTrades)
		if err != nil {
			return nil, err
		}
		trades := map[string]*newestTrades{}
		var missing []entities.Trade
		var as []repository.TradeVersion
		for _, v := range versions {
			t := trades[v.ModelID]
			if t == nil {
				of := subject{of: s.of, competition: s.competition, id: v.ModelID}
				t = &newestTrades{known: r.rendered.of(of), fresh: map[repository.TradeVersion]*entities.Trade{}}
				trades[v.ModelID] = t
			}
			t.versions = append(t.versions, v)
			if t.known[v] == nil {
				missing, as = append(missing, entities.Trade{ModelID: v.ModelID, ID: v.ID}), append(as, v)
			}
		}
		rows, err := r.repos.Trades.Find(ctx, missing)
		if err != nil {
			return nil, err
		}
		for i, row := range rows {
			trades[as[i].ModelID].fresh[as[i]] = row
		}
		r.trades = trades
	}
	if r.trades[s.id] == nil {
		return &newestTrades{}, nil
	}
	return r.trades[s.id], nil
}

func (r *reading) latestPrices(ctx context.Context) (map[venue]entities.PriceLatest, error) {
	if r.prices == nil {
		rows, err := r.repos.Prices.LatestOf(ctx)
		if err != nil {
			return nil, err
		}
		r.prices = make(map[venue]entities.PriceLatest, len(rows))
		for _, row := range rows {
			r.prices[venue{row.Provider, row.Symbol}] = row
		}
	}
	return r.prices, nil
}

func (r *reading) marketContexts(ctx context.Context) (map[venue]entities.MarketAssetCtx, error) {
	if r.contexts == nil {
		rows, err := r.repos.Markets.ContextsOf(ctx)
		if err != nil {
			return nil, err
		}
		r.contexts = make(map[venue]entities.MarketAssetCtx, len(rows))
		for _, row := range rows {
			r.contexts[venue{row.Provider, row.Symbol}] = row
		}
	}
	return r.contexts, nil
}

func (r *reading) marketAssets(ctx context.Context) (map[venue]entities.MarketAsset, error) {
	if r.assets == nil {
		rows, err := r.repos.Markets.AssetsOf(ctx)
		if err != nil {
			return nil, err
		}
		r.assets = make(map[venue]entities.MarketAsset, len(rows))
		for _, row := range rows {
			r.assets[venue{row.Provider, row.Symbol}] = row
		}
	}
	return r.assets, nil
}
