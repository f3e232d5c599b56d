package faults

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/internal/season"
)

// traffic reads and writes without pause, through a balancer that knows which
// servers take requests, and counts what fails. Nothing is tried again.
type traffic struct {
	t      *testing.T
	cancel context.CancelFunc
	group  sync.WaitGroup

	requests, failed atomic.Int64
	longest          atomic.Int64 // nanoseconds

	mu      sync.Mutex
	targets []*target
	next    int
	first   string // what the first failure was
}

// target is a server, and the requests that it has not answered yet.
type target struct {
	url     *url.URL
	pending sync.WaitGroup
}

// startTraffic begins with one server; it ends with stop.
func startTraffic(t *testing.T, server string, paths ...string) *traffic {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	tr := &traffic{t: t, cancel: cancel}
	tr.add(server)
	client := &http.Client{Transport: tr}
	const readers = 3
	for i := range readers {
		tr.group.Go(func() {
			for n := i; ctx.Err() == nil; n++ {
				req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://balancer"+paths[n%len(paths)], nil)
				if err != nil {
					panic(err) // of literals
				}
				if res, err := client.Do(req); err == nil {
					_, _ = io.Copy(io.Discard, res.Body)
					_ = res.Body.Close()
				}
			}
		})
	}
	tr.group.Go(func() {
		plan := season.Fills(season.FillsOptions{Seed: 3, Count: 1_000_000})
		// It ends by the end of ctx.
		_, _ = season.Play(ctx, plan.Events(), season.PlayOptions{
			URL: "http://balancer", Token: token, Batch: 10, Workers: 4, Run: t.Name(), Client: client,
		})
	})
	t.Cleanup(tr.stop)
	return tr
}

// RoundTrip implements http.RoundTripper.
func (tr *traffic) RoundTrip(req *http.Request) (*http.Response, error) {
	to := tr.pick()
	defer to.pending.Done()
	routed := req.Clone(req.Context())
	routed.URL.Host, routed.Host = to.url.Host, ""
	began := time.Now()
	res, err := http.DefaultTransport.RoundTrip(routed)
	if req.Context().Err() != nil {
		return res, err // it was the end of the traffic
	}
	tr.requests.Add(1)
	for took := int64(time.Since(began)); ; {
		longest := tr.longest.Load()
		if took <= longest || tr.longest.CompareAndSwap(longest, took) {
			break
		}
	}
	if err != nil {
		tr.fail(fmt.Sprintf("%s %s: %v", req.Method, routed.URL, err))
	} else if res.StatusCode >= http.StatusMultipleChoices {
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		res.Body = http.NoBody
		tr.fail(fmt.Sprintf("%s %s: %d %s", req.Method, routed.URL, res.StatusCode, body))
	}
	return res, err
}

func (tr *traffic) pick() *target {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.next++
	to := tr.targets[tr.next%len(tr.targets)]
	to.pending.Add(1)
	return to
}

func (tr *traffic) fail(what string) {
	tr.failed.Add(1)
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.first == "" {
		tr.first = what
	}
}

// add lets a server take requests.
func (tr *traffic) add(server string) {
	tr.t.Helper()
	u, err := url.Parse(server)
	require.NoError(tr.t, err)
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.targets = append(tr.targets, &target{url: u})
}

// drain takes the oldest server out, and waits until it has answered.
func (tr *traffic) drain() {
	tr.mu.Lock()
	out := tr.targets[0]
	tr.targets = tr.targets[1:]
	tr.mu.Unlock()
	out.pending.Wait()
}

// more waits until so many more requests were answered.
func (tr *traffic) more(n int64) {
	tr.t.Helper()
	until := tr.requests.Load() + n
	require.Eventually(tr.t, func() bool { return tr.requests.Load() >= until }, 2*time.Minute, time.Millisecond, "requests are answered")
}

func (tr *traffic) stop() {
	tr.cancel()
	tr.group.Wait()
}

// clean stops the traffic and requires that nothing failed.
func (tr *traffic) clean() {
	tr.t.Helper()
	tr.stop()
	require.Zero(tr.t, tr.failed.Load(), "%d of %d requests failed, first: %s", tr.failed.Load(), tr.requests.Load(), tr.first)
}

func (tr *traffic) wait() time.Duration { return time.Duration(tr.longest.Load()) }
