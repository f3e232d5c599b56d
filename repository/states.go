package repository

import (
	"context"
	"maps"
	"slices"

	"gorm.io/gorm"

	"nof0/entities"
)

// The Put methods store rows of current state that have no time of their own, in
// their order: of two rows of one identity the later holds. They return what
// became of each. The transaction must hold the locks of the identities (see
// Locks), or another writer's row may be overwritten as if it were not there.

// Traders keeps what traders remember between decisions.
type Traders struct{ base }

// Put stores the states of traders.
func (r Traders) Put(ctx context.Context, states []entities.TraderState) (outcomes []Outcome, err error) {
	return putStates(ctx, r.base, "traders", "Put", states, nil)
}

// Markets keeps the venues' metadata and context of symbols.
type Markets struct{ base }

// PutAssets stores the metadata of symbols at venues.
func (r Markets) PutAssets(ctx context.Context, assets []entities.MarketAsset) (outcomes []Outcome, err error) {
	return putStates(ctx, r.base, "markets", "PutAssets", assets, nil)
}

// RaiseContexts stores the market contexts of symbols at venues, each unless the
// stored one is as new or newer. At most one of a provider and symbol may be
// given.
func (r Markets) RaiseContexts(ctx context.Context, markets []entities.MarketAssetCtx) error {
	return r.run(ctx, "markets", "RaiseContexts", func(db *gorm.DB) error {
		conflict, err := replaceAll[entities.MarketAssetCtx](db)
		if err != nil {
			return err
		}
		return upsert(db, conflict+" WHERE excluded.observed_at > market_asset_ctx.observed_at", markets)
	})
}

// Put stores models. New ones are listed in their order, at the start of the
// transaction; known ones stay where they are.
func (r Models) Put(ctx context.Context, models []entities.Model) (outcomes []Outcome, err error) {
	models = slices.Clone(models)
	for i := range models {
		models[i].Listing = int64(i)
	}
	return putStates(ctx, r.base, "models", "Put", models, func(stored, given *entities.Model) {
		given.ListedAt, given.Listing = stored.ListedAt, stored.Listing
	})
}

// Put stores symbols.
func (r Symbols) Put(ctx context.Context, symbols []entities.Symbol) (outcomes []Outcome, err error) {
	return putStates(ctx, r.base, "symbols", "Put", symbols, nil)
}

// putStates stores rows. Keep, where given, takes over into a row what stays of the
// one that is stored.
func putStates[T any](
	ctx context.Context, r base, repository, method string, rows []T, keep func(stored, given *T),
) (outcomes []Outcome, err error) {
	err = r.run(ctx, repository, method, func(db *gorm.DB) error {
		known, err := openFacts(db, rows)
		if err != nil {
			return err
		}
		outcomes = make([]Outcome, len(rows))
		changed := make(map[string]T)
		for i := range rows {
			row, key := &rows[i], known.table.key(&rows[i])
			stored, ok := known.known[key]
			if ok && keep != nil {
				keep(stored, row)
			}
			switch {
			case !ok:
				outcomes[i] = Inserted
			case sameRow(stored, row):
				outcomes[i] = Unchanged
				continue
			default:
				outcomes[i] = Updated
			}
			known.known[key], changed[key] = row, *row
		}
		conflict, err := replaceAll[T](db)
		if err != nil {
			return err
		}
		return upsert(db, conflict, slices.Collect(maps.Values(changed)))
	})
	return outcomes, err
}
