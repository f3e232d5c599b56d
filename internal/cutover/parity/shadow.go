package parity

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"nof0/internal/arena"
	"nof0/internal/catalogue"
	"nof0/internal/cutover/jsonstore"
	"nof0/internal/wire"
	"nof0/repository"
)

var errNoJSON = fmt.Errorf("%w: no JSON store is configured, so there is nothing to compare with", arena.ErrUnavailable)

// ShadowOptions are what a Shadow is made of.
type ShadowOptions struct {
	JSON *jsonstore.Source
	// Store answers from repositories.
	Store func(repository.Repositories) arena.Source
	Repos repository.Repositories
	// Competition is that of Options.
	Competition string
	// Fraction of the requests that are compared, 0 to 1. Whatever it is, one of
	// each view is once in a Period; 0 is 10 s.
	Fraction float64
	Period   time.Duration
	// Random is uniform in [0, 1) and safe for concurrent use.
	Random func() float64
	// Queue is how many requests may wait, further ones are dropped; 0 is 64.
	// Workers is how many are compared at once; 0 is 1.
	Queue, Workers int
	// Timeout bounds one comparison; 0 is 30 s.
	Timeout time.Duration
	// Confirm is how what differs is looked at again.
	Confirm    Confirm
	Registerer prometheus.Registerer // nil registers nothing
	Logger     *slog.Logger
	Now        func() time.Time
}

// Shadow compares a sample of requests beside them. Where the sources differ it
// leaves a report of the domain, so that its reads are not moved to the store.
type Shadow struct {
	o        ShadowOptions
	queue    chan offer
	requests *prometheus.CounterVec // domain, result

	mu       sync.Mutex
	sampled  map[catalogue.ViewName]time.Time
	reported map[arena.Domain]time.Time
}

type offer struct {
	domain  arena.Domain
	request arena.Request
}

// The results of a request that was offered and taken.
const (
	resultEqual       = "equal"
	resultDifferent   = "different"
	resultNotCompared = "not_compared"
	resultFailed      = "failed"
	resultDropped     = "dropped"
)

// NewShadow returns a Shadow that compares while Run does.
func NewShadow(o ShadowOptions) *Shadow {
	o.Period = cmp.Or(o.Period, 10*time.Second)
	o.Queue = cmp.Or(o.Queue, 64)
	o.Workers = cmp.Or(o.Workers, 1)
	o.Timeout = cmp.Or(o.Timeout, 30*time.Second)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Shadow{
		o:     o,
		queue: make(chan offer, o.Queue),
		requests: promauto.With(o.Registerer).NewCounterVec(prometheus.CounterOpts{
			Name: "nof0_shadow_requests_total",
			Help: "Requests that were answered by both sources, by what came of comparing them.",
		}, []string{"domain", "result"}),
		sampled:  make(map[catalogue.ViewName]time.Time),
		reported: make(map[arena.Domain]time.Time),
	}
	for _, d := range arena.Domains() {
		for _, result := range []string{resultEqual, resultDifferent, resultNotCompared, resultFailed, resultDropped} {
			s.requests.WithLabelValues(string(d), result)
		}
	}
	return s
}

// Offer takes a request to compare what both sides answer to it. It returns at once:
// it samples, and drops what it has no room for.
func (s *Shadow) Offer(_ context.Context, d arena.Domain, req arena.Request) {
	if _, ok := comparers()[req.View]; !ok || !s.sample(req.View) {
		return
	}
	select {
	case s.queue <- offer{d, req}:
	default:
		s.requests.WithLabelValues(string(d), resultDropped).Inc()
	}
}

func (s *Shadow) sample(view catalogue.ViewName) bool {
	now := s.o.Now()
	chosen := s.o.Random() < s.o.Fraction
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, ok := s.sampled[view]; !chosen && ok && now.Sub(last) < s.o.Period {
		return false
	}
	s.sampled[view] = now
	return true
}

// Run compares what is offered until ctx ends.
func (s *Shadow) Run(ctx context.Context) {
	var workers sync.WaitGroup
	for range s.o.Workers {
		workers.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case one := <-s.queue:
					result := s.compare(ctx, one)
					if ctx.Err() == nil {
						s.requests.WithLabelValues(string(one.domain), result).Inc()
					}
				}
			}
		})
	}
	workers.Wait()
}

// compare answers a request from both sides and says what came of it.
func (s *Shadow) compare(ctx context.Context, one offer) (result string) {
	defer func() {
		if p := recover(); p != nil { // nothing that is compared may end the server
			s.o.Logger.ErrorContext(ctx, "a shadow comparison panicked", slog.Any("panic", p))
			result = resultFailed
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	began := s.o.Now()
	c := &comparison{domain: one.domain, requests: []arena.Request{one.request}}
	both := sources{json: s.o.JSON}
	err := both.bind(ctx, s.o.Store, s.o.Repos, s.o.Competition)
	if err == nil {
		err = s.o.Confirm.compare(ctx, []*comparison{c}, both.read)
	}
	if err != nil {
		if errors.Is(err, context.Canceled) {
			return resultFailed // the server stops
		}
		s.o.Logger.WarnContext(ctx, "a shadow comparison failed", slog.String("view", string(one.request.View)), slog.Any("error", err))
		return resultFailed
	}
	run := c.run(began)
	switch run.Verdict {
	case wire.VerdictEqual:
		return resultEqual
	case wire.VerdictNotCompared:
		return resultNotCompared
	}
	if err := s.report(ctx, one.domain, &run); err != nil {
		s.o.Logger.ErrorContext(ctx, "a difference could not be reported", slog.String("domain", run.Domain), slog.Any("error", err))
	}
	return resultDifferent
}

// shown is how many differences of a comparison are logged.
const shown = 3

// report logs the first differences and keeps a report, once in a period.
func (s *Shadow) report(ctx context.Context, d arena.Domain, run *wire.ParityRun) error {
	s.mu.Lock()
	last, ok := s.reported[d]
	now := s.o.Now()
	if ok && now.Sub(last) < s.o.Period {
		s.mu.Unlock()
		return nil
	}
	s.reported[d] = now
	s.mu.Unlock()
	for _, f := range run.Findings[:min(len(run.Findings), shown)] {
		s.o.Logger.WarnContext(ctx, "the two sources differ",
			slog.String("domain", f.Domain), slog.String("view", f.View), slog.String("model", f.Model), slog.String("id", f.ID),
			slog.String("field", f.Field), slog.String("kind", f.Kind),
			slog.String("json", brief(f.JSON)), slog.String("store", brief(f.Store)))
	}
	err := record(ctx, s.o.Repos.Parity, run)
	if err != nil {
		s.mu.Lock()
		delete(s.reported, d) // the next one tries again
		s.mu.Unlock()
	}
	return err
}

// briefly is how much of a value is logged, in bytes.
const briefly = 200

func brief(v []byte) string {
	switch {
	case v == nil:
		return "absent"
	case len(v) > briefly:
		return string(v[:briefly]) + "…"
	}
	return string(v)
}
