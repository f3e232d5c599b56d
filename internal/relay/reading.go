package relay

import (
	"context"

	"nof0/entities"
	"nof0/repository"
)

// reading is what several projections are built from, read once for all of
// them. It begins after they were claimed, and is not used again.
type reading struct {
	repos    repository.Repositories
	provider string
	// holders is how many models' positions are to be replaced.
	holders int
	// whole says that a series has to be read whole, and markers which hours have changed.
	whole   bool
	markers map[subject]map[int64]bool
	// rendered are those of the rounds before.
	rendered *rendered

	open     map[string][]entities.Position // by model
	prices   map[venue]entities.PriceLatest
	contexts map[venue]entities.MarketAssetCtx
	assets   map[venue]entities.MarketAsset
}

// fewHolders is up to how many models are asked for one by one.
const fewHolders = 4

func (r *reading) openPositions(ctx context.Context, model string) ([]entities.Position, error) {
	if r.holders <= fewHolders {
		return r.repos.Positions.OpenOf(ctx, model, r.provider)
	}
	if r.open == nil {
		rows, err := r.repos.Positions.Open(ctx, r.provider)
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
