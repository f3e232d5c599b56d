package faults

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/internal/await"
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
	balancer

	mu    sync.Mutex
	first string // what the first failure was
}

// startTraffic begins with one server; it ends with stop.
func startTraffic(t *testing.T, server string, paths ...string) *traffic {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	tr := &traffic{t: t, cancel: cancel, balancer: balancer{t: t}}
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

func (tr *traffic) fail(what string) {
	tr.failed.Add(1)
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.first == "" {
		tr.first = what
	}
}

// more waits until so many more requests were answered.
func (tr *traffic) more(n int64) {
	tr.t.Helper()
	until := tr.requests.Load() + n
	await.True(tr.t, func() bool { return tr.requests.Load() >= until }, "requests are answered")
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
