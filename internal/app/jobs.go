package app

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"nof0/internal/relay"
)

// Start runs what works beside the requests: the relay, the streams of events,
// the computing of metrics, and the housekeeping. What it returns stops all of it and waits.
func (a *App) Start(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var all sync.WaitGroup
	all.Go(func() { a.relay.Run(ctx) })
	all.Go(func() { a.hub.Run(ctx) })
	all.Go(func() { a.redis.Run(ctx) })
	all.Go(func() { a.every(ctx, time.Second, "look which database it is", a.checkIdentity) })
	all.Go(func() { a.cutover.Run(ctx) })
	all.Go(func() { a.metrics.Run(ctx) })
	// Both may run in several processes at once: neither does harm twice.
	all.Go(func() {
		a.every(ctx, time.Hour, "make partitions ahead", func(ctx context.Context) error {
			return a.Store.Prices.EnsurePartitionsAhead(ctx, time.Now())
		})
	})
	all.Go(func() {
		a.every(ctx, time.Hour, "prune the outbox", func(ctx context.Context) error {
			_, err := relay.Prune(ctx, a.Store, time.Now())
			return err
		})
	})
	return func() {
		a.hub.Close()
		cancel()
		all.Wait()
	}
}

// every does a job now and then again each interval, until ctx ends. A failure
// is logged and waits for the next turn.
func (a *App) every(ctx context.Context, interval time.Duration, job string, do func(context.Context) error) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		if err := do(ctx); err != nil && ctx.Err() == nil {
			a.logger.ErrorContext(ctx, "job failed", slog.String("job", job), slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
