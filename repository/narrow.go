package repository

import (
	"context"
	"time"

	"gorm.io/gorm"

	"nof0/entities"
)

// The queries of this file read what concerns a few models, or a few symbols, for
// those who follow every change and would read everything with each.

// OpenOf returns the open positions of models at a provider, by symbol.
func (r Positions) OpenOf(ctx context.Context, models []string, provider string) (positions []entities.Position, err error) {
	err = r.run(ctx, "positions", "OpenOf", func(db *gorm.DB) error {
		return db.Where(isOpen).Where("model_id = ANY (?) AND provider = ?", &models, provider).
			Order(bySymbol).Find(&positions).Error
	})
	return positions, err
}

// NewestOf returns the newest n trades of a model, newest exit first, ties by id
// descending.
func (r Trades) NewestOf(ctx context.Context, model string, n int) (trades []entities.Trade, err error) {
	err = r.run(ctx, "trades", "NewestOf", func(db *gorm.DB) error {
		return db.Where("model_id = ?", model).
			Order(newestTrades).Limit(n).Find(&trades).Error
	})
	return trades, err
}

// TradeVersion is a stored trade as it is now: whenever it changes, so does Version.
type TradeVersion struct{ ModelID, ID, Version string }

// NewestVersions returns which trades NewestOf returns of each of some models, in its order.
func (r Trades) NewestVersions(ctx context.Context, models []string, n int) (versions []TradeVersion, err error) {
	err = r.run(ctx, "trades", "NewestVersions", func(db *gorm.DB) error {
		return db.Raw(`
			SELECT newest.model_id, newest.id, newest.version
			FROM unnest(CAST(? AS text[])) AS m (id)
			CROSS JOIN LATERAL (
				SELECT model_id, id, exit_time, concat_ws(' ', xmin, ctid, updated_at) AS version
				FROM trades
				WHERE competition_id = @competition AND model_id = m.id
				ORDER BY `+newestTrades+`
				LIMIT ?
			) newest
			ORDER BY newest.`+byModel+`, newest.exit_time DESC, newest.id COLLATE "C" DESC`, &models, n, in(db)).Scan(&versions).Error
	})
	return versions, err
}

// NewestOf returns the newest n decision cycles of a model, newest first, ties
// by id descending.
func (r Decisions) NewestOf(ctx context.Context, model string, n int) (rows []entities.DecisionCycle, err error) {
	err = r.run(ctx, "decisions", "NewestOf", func(db *gorm.DB) error {
		return db.Where("model_id = ?", model).
			Order(newestDecisions).Limit(n).Find(&rows).Error
	})
	return rows, err
}

// HourEquity is the equity of a model at the end of an hour, so far as it is
// known.
type HourEquity struct {
	Marker       int64
	ObservedAt   time.Time
	DollarEquity float64 // USD
}

// NewestHoursOf returns the newest snapshots of the newest n hourly markers of a
// model that have one, by marker. It probes the index once per marker, however many
// snapshots there are.
func (r Equity) NewestHoursOf(ctx context.Context, model string, n int) (hours []HourEquity, err error) {
	err = r.run(ctx, "equity", "NewestHoursOf", func(db *gorm.DB) error {
		return db.Raw(`
			WITH RECURSIVE hours AS (
				(SELECT since_inception_hourly_marker AS marker, 1 AS nth
					FROM account_equity_snapshots
					WHERE competition_id = @competition AND model_id = @model
					ORDER BY since_inception_hourly_marker DESC
					LIMIT 1)
				UNION ALL
				SELECT (SELECT e.since_inception_hourly_marker
					FROM account_equity_snapshots e
					WHERE e.competition_id = @competition AND e.model_id = @model AND e.since_inception_hourly_marker < h.marker
					ORDER BY e.since_inception_hourly_marker DESC
					LIMIT 1), h.nth + 1
				FROM hours h
				WHERE h.marker IS NOT NULL AND h.nth < @n
			)
			SELECT hours.marker, newest.observed_at, newest.dollar_equity
			FROM hours
			CROSS JOIN LATERAL (
				SELECT observed_at, dollar_equity
				FROM account_equity_snapshots e
				WHERE e.competition_id = @competition AND e.model_id = @model AND e.since_inception_hourly_marker = hours.marker
				ORDER BY e.observed_at DESC
				LIMIT 1
			) newest
			ORDER BY hours.marker`, in(db), map[string]any{"model": model, "n": n}).Scan(&hours).Error
	})
	return hours, err
}

// HoursOf returns the newest snapshots of all hourly markers of a model, by marker. It
// reads them from the candles of its hours: an hour since inception has two as a rule,
// since it is parted where an hour of the clock ends.
func (r Equity) HoursOf(ctx context.Context, model string) (hours []HourEquity, err error) {
	err = r.run(ctx, "equity", "HoursOf", func(db *gorm.DB) error {
		return db.Raw(`
			SELECT DISTINCT ON (since_inception_hourly_marker) since_inception_hourly_marker AS marker, close_at AS observed_at, close AS dollar_equity
			FROM equity_candles
			WHERE competition_id = @competition AND model_id = ? AND resolution = 3600
			ORDER BY since_inception_hourly_marker, close_at DESC`, model, in(db)).Scan(&hours).Error
	})
	return hours, err
}

// NewestThreadsOf is NewestThreads of one model.
func (r Conversations) NewestThreadsOf(ctx context.Context, model string, n int) (threads []Thread, err error) {
	err = r.run(ctx, "conversations", "NewestThreadsOf", func(db *gorm.DB) error {
		var found []entities.Conversation
		err := db.Where(isThread).Where("model_id = ?", model).
			Order(newestThreads).Limit(n).Find(&found).Error
		if err != nil {
			return err
		}
		threads, err = withMessages(db, found)
		return err
	})
	return threads, err
}

// LatestOf returns the newest prices of symbols at every provider; without
// symbols, of all.
func (r Prices) LatestOf(ctx context.Context, symbols ...string) (prices []entities.PriceLatest, err error) {
	err = r.run(ctx, "prices", "LatestOf", func(db *gorm.DB) error {
		return ofSymbols(db, symbols).Find(&prices).Error
	})
	return prices, err
}

// AssetsOf returns the metadata of symbols at every venue; without symbols, of
// all.
func (r Markets) AssetsOf(ctx context.Context, symbols ...string) (assets []entities.MarketAsset, err error) {
	err = r.run(ctx, "markets", "AssetsOf", func(db *gorm.DB) error {
		return ofSymbols(db, symbols).Find(&assets).Error
	})
	return assets, err
}

// ContextsOf returns the market contexts of symbols at every venue; without
// symbols, of all.
func (r Markets) ContextsOf(ctx context.Context, symbols ...string) (contexts []entities.MarketAssetCtx, err error) {
	err = r.run(ctx, "markets", "ContextsOf", func(db *gorm.DB) error {
		return ofSymbols(db, symbols).Find(&contexts).Error
	})
	return contexts, err
}

// ofSymbols narrows a query of a table by provider and symbol.
func ofSymbols(db *gorm.DB, symbols []string) *gorm.DB {
	if len(symbols) > 0 {
		db = db.Where("symbol IN ?", symbols)
	}
	return db.Order(`provider COLLATE "C", ` + bySymbol)
}

// Of returns the states of traders; without ids, of all.
func (r Traders) Of(ctx context.Context, ids ...string) (states []entities.TraderState, err error) {
	err = r.run(ctx, "traders", "Of", func(db *gorm.DB) error {
		if len(ids) > 0 {
			db = db.Where("trader_id IN ?", ids)
		}
		return db.Order(`trader_id COLLATE "C"`).Find(&states).Error
	})
	return states, err
}
