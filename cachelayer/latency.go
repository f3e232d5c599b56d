package cachelayer

import (
	"context"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/redis/go-redis/v9"
)

// latency is the hook that times what reaches Redis, within the breaker.
type latency struct{ seconds prometheus.Histogram }

var _ redis.Hook = latency{}

func newLatency(reg prometheus.Registerer) latency {
	return latency{promauto.With(reg).NewHistogram(prometheus.HistogramOpts{
		Namespace: "nof0", Subsystem: "redis", Name: "seconds",
		Help:    "Time taken by commands and pipelines to Redis, those that failed among them.",
		Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1},
	})}
}

// DialHook leaves dialing to the command that needs it.
func (latency) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

// ProcessHook times one command.
func (l latency) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		defer l.observe(time.Now())
		return next(ctx, cmd)
	}
}

// ProcessPipelineHook times one pipeline.
func (l latency) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		defer l.observe(time.Now())
		return next(ctx, cmds)
	}
}

func (l latency) observe(began time.Time) { l.seconds.Observe(time.Since(began).Seconds()) }
