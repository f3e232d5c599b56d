package devstack

import (
	"context"
	"fmt"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// inProcessRedis is a miniredis whose clock runs.
type inProcessRedis struct {
	url    string
	server *miniredis.Miniredis
	cancel context.CancelFunc
	done   chan struct{}
}

// redisTick is how far a TTL can be off. A whole second would end a lock of a
// second as soon as it is taken.
const redisTick = 100 * time.Millisecond

func startInProcessRedis(ctx context.Context) (*inProcessRedis, error) {
	server := miniredis.NewMiniRedis()
	if err := server.StartAddr(loopback + ":0"); err != nil {
		return nil, fmt.Errorf("error starting the in-process Redis: %w", err)
	}
	// It runs until it is stopped, not until the start is over.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &inProcessRedis{
		url:    "redis://" + server.Addr() + "/0",
		server: server,
		cancel: cancel,
		done:   make(chan struct{}),
	}
	go r.runClock(ctx)
	return r, nil
}

// runClock expires keys, which miniredis does only when it hears how much time has
// passed. Its own clock would go through every key on every command.
func (r *inProcessRedis) runClock(ctx context.Context) {
	defer close(r.done)
	ticker := time.NewTicker(redisTick)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			now := time.Now() // a busy machine drops ticks
			r.server.FastForward(now.Sub(last))
			last = now
		}
	}
}

func (r *inProcessRedis) stop(context.Context) error {
	r.cancel()
	<-r.done
	r.server.Close()
	return nil
}
