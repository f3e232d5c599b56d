package faults

import (
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// balancer knows which servers take requests, and gives each its turn.
type balancer struct {
	t *testing.T

	picking sync.Mutex
	targets []*target
	next    int
}

// target is a server, and the requests that it has not answered yet.
type target struct {
	url     *url.URL
	pending sync.WaitGroup
	// killed says that it was killed with -9, so that what it had not answered is cut off.
	killed atomic.Bool
}

// pick chooses a server. Whoever has an answer from it calls pending.Done.
func (b *balancer) pick() *target {
	b.picking.Lock()
	defer b.picking.Unlock()
	b.next++
	to := b.targets[b.next%len(b.targets)]
	to.pending.Add(1)
	return to
}

// add lets a server take requests.
func (b *balancer) add(server string) {
	b.t.Helper()
	u, err := url.Parse(server)
	require.NoError(b.t, err)
	b.picking.Lock()
	defer b.picking.Unlock()
	b.targets = append(b.targets, &target{url: u})
}

// drop takes a server out: 0 is the one that was added first.
func (b *balancer) drop(n int) *target {
	b.picking.Lock()
	defer b.picking.Unlock()
	out := b.targets[n]
	b.targets = slices.Delete(b.targets, n, n+1)
	return out
}

// drain takes the oldest server out, and waits until it has answered.
func (b *balancer) drain() { b.drop(0).pending.Wait() }
