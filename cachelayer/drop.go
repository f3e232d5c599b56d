package cachelayer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/redis/go-redis/v9"
)

// dropBatch is how many keys one step of Drop looks at and deletes.
const dropBatch = 512

// Drop removes every key of nof0 from Redis, projections, guards and locks among
// them, in steps of a few hundred keys and on every master of a cluster, and
// returns how many it removed. It never flushes: other keys of the same Redis
// stay. The versions go too, so that nothing of a load that began before it, in
// any process, is read by one that begins later.
//
// The error is ErrUnavailable or the context's; the count is then what had been
// removed. This process' memory is cleared in any case.
func (c *Cache) Drop(ctx context.Context) (int64, error) {
	defer c.Clear()
	if c.remote == nil {
		return 0, nil
	}
	total, err := c.remote.drop(ctx, prefix+"*", "")
	if err != nil {
		return total, fmt.Errorf("error dropping %s*: %w", prefix, dropError(ctx, err))
	}
	return total, nil
}

func dropError(ctx context.Context, err error) error {
	if ended := ctx.Err(); ended != nil && errors.Is(err, ended) {
		return err
	}
	return unavailable(err)
}

// drop removes the keys that match pattern, but not the one of the name keep, and
// returns how many.
func (r *remote) drop(ctx context.Context, pattern, keep string) (int64, error) {
	cluster, ok := r.rdb.(*redis.ClusterClient)
	if !ok {
		return r.dropFrom(ctx, r.rdb, pattern, keep)
	}
	var mu sync.Mutex
	var total int64
	err := cluster.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
		removed, err := r.dropFrom(ctx, master, pattern, keep)
		mu.Lock()
		defer mu.Unlock()
		total += removed
		return err
	})
	return total, err
}

// dropFrom scans one node. The keys it finds are deleted by way of the whole
// client, which follows a slot that moves meanwhile, and one by one, since they
// are of different slots.
func (r *remote) dropFrom(ctx context.Context, node redis.Cmdable, pattern, keep string) (int64, error) {
	var total int64
	var cursor uint64
	for {
		keys, next, err := node.Scan(ctx, cursor, pattern, dropBatch).Result()
		if err != nil {
			return total, fmt.Errorf("error scanning redis: %w", err)
		}
		removed, err := r.unlinkAll(ctx, slices.DeleteFunc(keys, func(key string) bool { return key == keep }))
		total += removed
		if err != nil {
			return total, err
		}
		if cursor = next; cursor == 0 {
			return total, nil
		}
	}
}

func (r *remote) unlinkAll(ctx context.Context, keys []string) (int64, error) {
	if len(keys) == 0 {
		return 0, nil
	}
	cmds, err := r.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, key := range keys {
			p.Unlink(ctx, key)
		}
		return nil
	})
	var removed int64
	for _, cmd := range cmds {
		if n, ok := cmd.(*redis.IntCmd); ok && n.Err() == nil {
			removed += n.Val()
		}
	}
	if err != nil {
		return removed, fmt.Errorf("error deleting from redis: %w", err)
	}
	return removed, nil
}
