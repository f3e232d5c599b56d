package cachelayer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"nof0/config"
)

// ErrBadConfig reports a setting that would leave a delay without a bound.
var ErrBadConfig = errors.New("bad cache configuration")

// The waits between the attempts of one command. They are short because all
// attempts share one budget of tens of milliseconds.
const (
	minRetryBackoff = time.Millisecond
	maxRetryBackoff = 10 * time.Millisecond
)

// Client is the connection to Redis: one node, by its address or by sentinels, a cluster, or
// none at all. It is
// safe for concurrent use.
type Client struct {
	rdb     redis.UniversalClient // nil where there is no Redis
	breaker *breaker              // nil where there is no Redis
	owner   *owner                // nil where there is no Redis
}

// Open makes a client for the Redis at redisURL. It does not connect: a Redis
// that is down now is used as soon as it is back. An empty URL makes a client
// without Redis, with which a Cache has its local level only.
//
// The URL is one that config.ParseRedisURL takes: of one node, of a cluster or of
// sentinels. The timeouts, the retries and the pool size are those of cfg whatever the URL
// says, so that no URL loosens the bound on a delay: a command takes at most
// cfg.DialTimeout + cfg.WriteTimeout + cfg.ReadTimeout, retries included.
//
// Errors: config.ErrRedisURL, ErrBadConfig, those of the file cfg.CAFile.
func Open(redisURL string, cfg config.Redis, opts Options) (*Client, error) {
	if redisURL == "" {
		return &Client{}, nil
	}
	if err := validateRedis(cfg); err != nil {
		return nil, err
	}
	addr, err := config.ParseRedisURL(redisURL, cfg.CAFile)
	if err != nil {
		return nil, err
	}
	opts = opts.withDefaults()

	c := &Client{breaker: newBreaker(cfg, opts.Logger)}
	registerBreaker(opts.Registerer, c.breaker)
	seen := &histories{known: map[string]bool{}}
	switch {
	case addr.Cluster != nil:
		// A replica may be behind: a read after an invalidation could find there
		// what the master has deleted.
		addr.Cluster.ReadOnly, addr.Cluster.RouteByLatency, addr.Cluster.RouteRandomly = false, false, false
		addr.Cluster.MaintNotificationsConfig = noNotifications()
		tune(addr.Cluster, cfg, seen.connected, addr.Cluster.TLSConfig)
		c.rdb = redis.NewClusterClient(addr.Cluster)
	case addr.Sentinel != nil:
		o := addr.Sentinel // as of a cluster
		o.ReplicaOnly, o.RouteByLatency, o.RouteRandomly, o.UseDisconnectedReplicas = false, false, false, false
		tune(o, cfg, seen.connected, o.TLSConfig)
		c.rdb = redis.NewFailoverClient(o)
	default:
		addr.Node.MaintNotificationsConfig = noNotifications()
		tune(addr.Node, cfg, seen.connected, addr.Node.TLSConfig)
		c.rdb = redis.NewClient(addr.Node)
	}
	c.rdb.AddHook(c.breaker)
	c.rdb.AddHook(newLatency(opts.Registerer))
	c.owner = newOwner(c.rdb, seen, opts.Logger)
	refusals := registerOwner(opts.Registerer, c.owner)
	c.breaker.refused = func(reason string) {
		refusals.WithLabelValues(reason).Inc()
		c.owner.refused(reason)
	}
	return c, nil
}

// Ping asks Redis whether it is there. It returns nil where there is no Redis
// to ask, and an error that is ErrUnavailable where it does not answer.
func (c *Client) Ping(ctx context.Context) error {
	if c.rdb == nil {
		return nil
	}
	if err := c.rdb.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("error pinging redis: %w", err)
	}
	return nil
}

// Close closes the connections. A Cache on top of a closed client loads every
// value.
func (c *Client) Close() error {
	if c.rdb == nil {
		return nil
	}
	if err := c.rdb.Close(); err != nil {
		return fmt.Errorf("error closing redis client: %w", err)
	}
	return nil
}

func validateRedis(cfg config.Redis) error {
	var errs []error
	for _, setting := range []struct {
		name  string
		value int64
	}{
		// go-redis reads zero as seconds, and gobreaker as a minute.
		{"dial_timeout", int64(cfg.DialTimeout)},
		{"read_timeout", int64(cfg.ReadTimeout)},
		{"write_timeout", int64(cfg.WriteTimeout)},
		{"pool_timeout", int64(cfg.PoolTimeout)},
		{"breaker_failures", int64(cfg.BreakerFailures)},
		{"breaker_open", int64(cfg.BreakerOpen)},
	} {
		if setting.value <= 0 {
			errs = append(errs, fmt.Errorf("%w: redis.%s must be positive", ErrBadConfig, setting.name))
		}
	}
	return errors.Join(errs...)
}

// tune sets, of options of any kind of server, what no URL says. The members have the
// same names in each.
func tune(options any, cfg config.Redis, connected func(context.Context, *redis.Conn) error, secure *tls.Config) {
	o := reflect.ValueOf(options).Elem()
	for name, value := range map[string]any{
		"DialTimeout": cfg.DialTimeout, "ReadTimeout": cfg.ReadTimeout, "WriteTimeout": cfg.WriteTimeout,
		"PoolTimeout": cfg.PoolTimeout, "PoolSize": cfg.PoolSize,
		"MaxRetries": maxRetries(cfg), "MinRetryBackoff": minRetryBackoff, "MaxRetryBackoff": maxRetryBackoff,
		// A dial is retried by the command's own retry, within its budget.
		"DialerRetries": 1, "Dialer": dialer(cfg.DialTimeout, secure), "OnConnect": connected,
		"ContextTimeoutEnabled": true,
		// One pool, so that PoolSize is the number of connections.
		"PipelinePoolSize": -1,
		// It costs a new connection a round trip and serves nobody here.
		"DisableIdentity": true,
	} {
		o.FieldByName(name).Set(reflect.ValueOf(value))
	}
}

// noNotifications spares a new connection another such round trip.
func noNotifications() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

// maxRetries spells no retry as go-redis does: -1, since its 0 means three.
func maxRetries(cfg config.Redis) int {
	if cfg.MaxRetries <= 0 {
		return -1
	}
	return cfg.MaxRetries
}
