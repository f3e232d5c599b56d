package relay

import (
	"context"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/entities"
	"nof0/internal/mapping"
	"nof0/repository"
)

// reading is what several projections are built from, read once for all of
// them. It begins after they were claimed, and is not used again.
type reading struct {
	repos    repository.Repositories
	provider string
	// holders is how many models' positions are concerned.
	holders int

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

// priceDocument is the newest price at a venue, nil where there is none.
func (r *reading) priceDocument(ctx context.Context, v venue) (jsontext.Value, error) {
	prices, err := r.latestPrices(ctx)
	if err != nil {
		return nil, err
	}
	row, known := prices[v]
	if !known {
		return nil, nil
	}
	return render(row, mapping.PricePayload)
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
