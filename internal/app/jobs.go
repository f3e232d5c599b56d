package app

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"nof0/internal/loop"
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
	all.Go(func() { a.cutover.Run(ctx) })
	all.Go(func() { a.metrics.Run(ctx) })
	for _, job := range a.jobs {
		all.Go(func() { job.Run(ctx) })
	}
	return func() {
		a.hub.Close()
		cancel()
		all.Wait()
	}
}

// openJobs makes the housekeeping. It may run in several processes at once: none does
// harm twice.
func (a *App) openJobs(registry prometheus.Registerer) {
	add := func(job loop.Options) *loop.Loop {
		job.MaxBackoff, job.Logger, job.Registerer = min(job.Interval, time.Minute), a.logger, registry
		l := loop.New(job)
		a.jobs = append(a.jobs, l)
		return l
	}
	measuring := add(a.measuring(newSizes(registry)))
	for _, job := range []loop.Options{
		{
			Name: "look which database it is", Interval: time.Second,
			Round: func(ctx context.Context) (bool, error) { return false, a.checkIdentity(ctx) },
		},
		{
			Name: "make partitions ahead", Interval: time.Hour,
			Round: func(ctx context.Context) (bool, error) {
				err := a.Store.Prices.EnsurePartitionsAhead(ctx, time.Now())
				measuring.Kick() // a round under way may have counted before
				return false, err
			},
		},
		{
			Name: "prune the outbox", Interval: time.Hour,
			Round: func(ctx context.Context) (bool, error) {
				_, err := relay.Prune(ctx, a.Store, time.Now())
				return false, err
			},
		},
	} {
		add(job)
	}
}
