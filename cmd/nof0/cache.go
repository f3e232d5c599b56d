package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"nof0/cachelayer"
	"nof0/config"
	"nof0/internal/app"
)

func (c *cli) cacheCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:     "cache",
		Short:   "Rebuild or drop the Redis side, which holds nothing that Postgres does not",
		Example: example("REDIS_URL=redis://… nof0 cache drop"),
	}, c.cacheDropCommand(), c.cacheWarmCommand())
}

func (c *cli) cacheDropCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "drop",
		Short:   "Remove every key of nof0 from Redis",
		Example: example("REDIS_URL=redis://… nof0 cache drop"),
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, _, err := c.start(config.RequireRedis())
			if err != nil {
				return err
			}
			cfg.Redis = patient(cfg.Redis)
			dropped, err := dropCache(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			return c.print(map[string]int64{"dropped": dropped}, func() { fmt.Fprintf(c.out, "%d keys dropped\n", dropped) })
		},
	}
}

func (c *cli) cacheWarmCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "warm",
		Short:   "Render every view anew and store it in Redis",
		Example: example("DATABASE_URL=postgres://… REDIS_URL=redis://… nof0 cache warm"),
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			cfg, logger, err := c.start(config.RequireDatabase(), config.RequireRedis())
			if err != nil {
				return err
			}
			cfg.Redis = patient(cfg.Redis)
			if err := checkSchema(cmd.Context(), cfg, logger); err != nil {
				return err
			}
			if _, err := dropCache(cmd.Context(), cfg); err != nil {
				return err
			}
			a, err := app.New(cmd.Context(), cfg, logger, build())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, a.Close()) }()
			if err := a.RedisUsable(); err != nil {
				return err
			}
			warmed, err := a.Warm(cmd.Context())
			if err != nil {
				return err
			}
			return c.print(map[string]int{"views": warmed}, func() { fmt.Fprintf(c.out, "%d views rendered\n", warmed) })
		},
	}
}

// patience is how long a command waits for one answer of Redis.
const patience = 5 * time.Second

// patient returns settings of Redis for a command whose end somebody waits for: the
// timeouts of the configuration bound what a request may lose, and a long scan of a
// busy Redis takes longer.
func patient(r config.Redis) config.Redis {
	for _, timeout := range []*time.Duration{&r.DialTimeout, &r.ReadTimeout, &r.WriteTimeout, &r.PoolTimeout} {
		*timeout = max(*timeout, patience)
	}
	return r
}

// dropCache removes every key of nof0 from the Redis of a configuration, and returns how
// many there were.
func dropCache(ctx context.Context, cfg config.Config) (n int64, err error) {
	client, err := cachelayer.Open(cfg.RedisURL, cfg.Redis, cachelayer.Options{})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	cache, err := cachelayer.New(client, cfg.Cache, cachelayer.Options{})
	if err != nil {
		return 0, err
	}
	defer cache.Close()
	return cache.Drop(ctx)
}
