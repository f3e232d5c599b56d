package cachelayer

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"nof0/config"
)

// Guard remembers for a day which trades were taken in, so that Postgres can be
// asked the cheaper question about a repeated one. Postgres decides: what the
// Guard knows may be of another database, and what it does not know may be known
// there. It is safe for concurrent use. Without Redis it remembers nothing.
type Guard struct {
	rdb  redis.UniversalClient // nil where there is no Redis
	keys Keys
}

// NewGuard makes the guard on client.
func NewGuard(client *Client, cfg config.Cache) *Guard {
	return &Guard{rdb: client.rdb, keys: NewKeys(cfg)}
}

// TradeRef names a trade.
type TradeRef struct{ Model, ID string }

// SetAllIngested remembers the digests of trades that were taken in. Errors:
// ErrUnavailable, ErrBadID.
func (g *Guard) SetAllIngested(ctx context.Context, digests map[TradeRef]string) error {
	if g.rdb == nil || len(digests) == 0 {
		return nil
	}
	type entry struct {
		key    Key
		digest string
	}
	entries := make([]entry, 0, len(digests))
	for trade, digest := range digests {
		key, err := g.keys.IngestedTrade(trade.Model, trade.ID)
		if err != nil {
			return err
		}
		entries = append(entries, entry{key, digest})
	}
	_, err := g.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, e := range entries {
			pipe.Set(ctx, e.key.Name, e.digest, e.key.TTL)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("error setting ingest guards: %w", unavailable(err))
	}
	return nil
}

// Ingested returns the digests of those of the trades that it remembers. Errors:
// ErrUnavailable, ErrBadID.
func (g *Guard) Ingested(ctx context.Context, trades ...TradeRef) (map[TradeRef]string, error) {
	known := make(map[TradeRef]string)
	if g.rdb == nil || len(trades) == 0 {
		return known, nil
	}
	// The keys of a model are in one slot, those of two models need not be.
	names := make(map[string][]string)
	refs := make(map[string][]TradeRef)
	for _, trade := range trades {
		key, err := g.keys.IngestedTrade(trade.Model, trade.ID)
		if err != nil {
			return nil, err
		}
		names[trade.Model] = append(names[trade.Model], key.Name)
		refs[trade.Model] = append(refs[trade.Model], trade)
	}
	replies := make(map[string]*redis.SliceCmd, len(names))
	_, err := g.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for model, keys := range names {
			replies[model] = pipe.MGet(ctx, keys...)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("error reading ingest guards: %w", unavailable(err))
	}
	for model, reply := range replies {
		for i, digest := range reply.Val() {
			if digest, ok := digest.(string); ok {
				known[refs[model][i]] = digest
			}
		}
	}
	return known, nil
}
