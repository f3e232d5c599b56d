package cachelayer

import (
	"fmt"
	"log/slog"

	"nof0/config"
)

// Cache answers reads from this process' memory, from Redis, or by a load. It is
// safe for concurrent use. One process needs one.
type Cache struct {
	cfg      config.Cache
	opts     Options
	remote   *remote // nil where there is no Redis
	owner    *owner  // nil where there is no Redis
	local    *local
	versions *versions
	flights  *flights
	schemas  schemas
	metrics  *metrics
}

// New makes a cache on client, which the caller closes after it.
//
// Errors: ErrBadConfig.
func New(client *Client, cfg config.Cache, opts Options) (*Cache, error) {
	// Without a bound, one load that hangs would hold its key for ever.
	if cfg.LoadTimeout <= 0 {
		return nil, fmt.Errorf("%w: cache.load_timeout must be positive", ErrBadConfig)
	}
	c := &Cache{cfg: cfg, opts: opts.withDefaults()}
	c.schemas.program = c.opts.Program
	c.flights = newFlights(func(name string, err *PanicError) {
		c.opts.Logger.Error("load panicked", slog.String("key", name),
			slog.Any("panic", err.Value), slog.String("stack", string(err.Stack)))
	})
	var err error
	if c.local, err = newLocal(cfg.LocalTTL, cfg.LocalBytes/2, c.opts.Now); err != nil {
		return nil, err
	}
	c.metrics = newMetrics(c.opts.Registerer)
	life := cfg.LocalTTL
	if cfg.LocalBytes <= 0 {
		life = 0 // nothing is to be answered from memory
	}
	c.versions = newVersions(client.rdb, life, c.opts.Now, c.newToken)
	if client.rdb != nil {
		c.remote, c.owner = newRemote(client.rdb), client.owner
		c.owner.renewed = c.recover
		c.owner.seen.begun = c.Doubt
	}
	return c, nil
}

// Close stops the sweep of the local level. Loads that are under way end by
// themselves, within config.Cache.LoadTimeout.
func (c *Cache) Close() { c.local.close() }

// Clear makes every Fetch that begins later load anew what this process knows.
func (c *Cache) Clear() {
	c.versions.distrust()
	c.local.dropAll()
}

// identity is whose values are read and stored, nil where nobody said.
func (c *Cache) identity() *marked {
	if c.owner == nil {
		return nil
	}
	return c.owner.identity.Load()
}

// newToken makes a token that never repeats.
func (c *Cache) newToken() string { return fmt.Sprintf("%0*x", tokenLen, c.opts.Rand.Uint64()) }

// redisFailed counts and logs a use of Redis that failed, which costs the caller
// a delay and nothing else.
func (c *Cache) redisFailed(key Key, err error) {
	c.metrics.failures.WithLabelValues(key.Family).Inc()
	// Debug, since it is one line per read while Redis is away; the breaker
	// says that it opens and closes.
	c.opts.Logger.Debug("redis failed", slog.String("key", key.Name), slog.Any("error", err))
}
