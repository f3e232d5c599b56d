package relay

import (
	"context"
	"fmt"
	"slices"

	"nof0/cachelayer"
	"nof0/internal/arena"
)

// caches are where views are kept: in Redis and this process' memory, and, what
// is cheap to make again, in this process alone.
type caches struct {
	shared, local *cachelayer.Cache // each may be nil
	keys          cachelayer.Keys
}

// invalidate makes the next reads of the views that c concerns see what was
// committed. The last marker is asked for where all of the season is concerned.
// The error is that of lastMarker, or cachelayer.ErrUnavailable.
func (v caches) invalidate(ctx context.Context, c *concern, lastMarker func(context.Context) (int64, error), models func(context.Context) ([]string, error)) error {
	keys, err := v.concerned(ctx, c, lastMarker, models)
	if err != nil || len(keys) == 0 {
		return err
	}
	if v.local != nil {
		if err := v.local.Invalidate(ctx, append(slices.Clip(keys), arena.LastMarkerKey())...); err != nil {
			return err
		}
	}
	if v.shared == nil {
		return nil
	}
	return v.shared.Invalidate(ctx, keys...)
}

func (v caches) concerned(ctx context.Context, c *concern, lastMarker func(context.Context) (int64, error), models func(context.Context) ([]string, error)) ([]cachelayer.Key, error) {
	var keys []cachelayer.Key
	for _, fixed := range []struct {
		concerned bool
		key       cachelayer.Key
	}{
		{c.pricesView, v.keys.CryptoPrices()},
		{c.tradesView, v.keys.TradesView()},
		{c.sinceInceptionView, v.keys.SinceInceptionView()},
		{c.conversationsView, v.keys.ConversationsView()},
		{c.leaderboardView, v.keys.LeaderboardView()},
		{len(c.analytics) > 0, v.keys.AllAnalytics()},
		{len(c.equity) > 0, v.keys.EquityVersion()},
		{c.pricesView, v.keys.PricesVersion()},
	} {
		if fixed.concerned || c.everything {
			keys = append(keys, fixed.key)
		}
	}
	if c.positionsView || c.everything {
		cut, err := v.positions()
		if err != nil {
			return nil, err
		}
		keys = append(keys, cut...)
	}
	totals, err := v.accountTotals(ctx, c, lastMarker)
	if err != nil {
		return nil, err
	}
	keys = append(keys, totals...)
	documents, err := v.analytics(ctx, c, models)
	return append(keys, documents...), err
}

func (v caches) positions() ([]cachelayer.Key, error) {
	keys := []cachelayer.Key{v.keys.PositionsView()}
	for limit := 1; limit <= arena.MaxCachedLimit; limit++ {
		key, err := v.keys.PositionsViewLimit(limit)
		if err != nil {
			return nil, fmt.Errorf("error spelling a view's key: %w", err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func (v caches) accountTotals(ctx context.Context, c *concern, lastMarker func(context.Context) (int64, error)) ([]cachelayer.Key, error) {
	if c.everything {
		last, err := lastMarker(ctx)
		if err != nil {
			return nil, err
		}
		return arena.AllAccountTotalsKeys(v.keys, last)
	}
	var keys []cachelayer.Key
	seen := map[string]bool{}
	for _, markers := range c.equity {
		for marker := range markers {
			of, err := arena.AccountTotalsKeys(v.keys, marker)
			if err != nil {
				continue // no view has a marker below 0
			}
			for _, key := range of {
				if !seen[key.Name] {
					seen[key.Name] = true
					keys = append(keys, key)
				}
			}
		}
	}
	return keys, nil
}

func (v caches) analytics(ctx context.Context, c *concern, models func(context.Context) ([]string, error)) ([]cachelayer.Key, error) {
	concerned := make([]string, 0, len(c.analytics))
	for model := range c.analytics {
		concerned = append(concerned, model)
	}
	if c.everything {
		var err error
		if concerned, err = models(ctx); err != nil {
			return nil, err
		}
	}
	var keys []cachelayer.Key
	for _, model := range concerned {
		key, err := v.keys.Analytics(model)
		if err != nil {
			continue // no view is kept of such an id
		}
		keys = append(keys, key)
	}
	return keys, nil
}
