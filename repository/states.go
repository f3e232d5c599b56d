package repository

import (
	"context"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"nof0/entities"
)

// Traders keeps what traders remember between decisions.
type Traders struct{ base }

// Put stores the state of a trader.
func (r Traders) Put(ctx context.Context, state entities.TraderState) (outcome Outcome, err error) {
	err = r.run(ctx, "traders", "Put", func(db *gorm.DB) error {
		outcome, err = putState(db, &state)
		return err
	})
	return outcome, err
}

// Markets keeps the venues' metadata and context of symbols.
type Markets struct{ base }

// PutAsset stores the metadata of a symbol at a venue.
func (r Markets) PutAsset(ctx context.Context, asset entities.MarketAsset) (outcome Outcome, err error) {
	err = r.run(ctx, "markets", "PutAsset", func(db *gorm.DB) error {
		outcome, err = putState(db, &asset)
		return err
	})
	return outcome, err
}

// RaiseContext stores the market context of a symbol at a venue unless the
// stored one is as new or newer.
func (r Markets) RaiseContext(ctx context.Context, market entities.MarketAssetCtx) (outcome Outcome, err error) {
	err = r.run(ctx, "markets", "RaiseContext", func(db *gorm.DB) error {
		conflict, err := replaceAll[entities.MarketAssetCtx](db)
		if err != nil {
			return err
		}
		conflict.Where = clause.Where{Exprs: []clause.Expression{
			clause.Expr{SQL: "excluded.observed_at > market_asset_ctx.observed_at"},
		}}
		res := db.Clauses(conflict).Create(&market)
		outcome = Updated
		if res.RowsAffected == 0 {
			outcome = Superseded
		}
		return res.Error
	})
	return outcome, err
}

// Put stores a model.
func (r Models) Put(ctx context.Context, model entities.Model) (outcome Outcome, err error) {
	err = r.run(ctx, "models", "Put", func(db *gorm.DB) error {
		outcome, err = putState(db, &model)
		return err
	})
	return outcome, err
}

// Put stores a symbol.
func (r Symbols) Put(ctx context.Context, symbol entities.Symbol) (outcome Outcome, err error) {
	err = r.run(ctx, "symbols", "Put", func(db *gorm.DB) error {
		outcome, err = putState(db, &symbol)
		return err
	})
	return outcome, err
}

// putState upserts a row of current state that has no time of its own.
func putState[T any](db *gorm.DB, row *T) (Outcome, error) {
	table, err := tableOf[T](db)
	if err != nil {
		return "", err
	}
	conflict, err := replaceAll[T](db)
	if err != nil {
		return "", err
	}
	known, err := loadByKey(db.Clauses(clause.Locking{Strength: clause.LockingStrengthUpdate}), table, []T{*row}, []keyed{{at: 0}})
	if err != nil {
		return "", err
	}
	outcome := Inserted
	if stored, ok := known[table.key(row)]; ok {
		if sameRow(stored, row) {
			return Unchanged, nil
		}
		outcome = Updated
	}
	return outcome, db.Clauses(conflict).Create(row).Error
}
