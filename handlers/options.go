package handlers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"nof0/config"
	"nof0/internal/arena"
	"nof0/internal/catalogue"
)

// Metrics observes every request once it is over. Route is a template of the
// router or "unmatched", method one of the methods of RFC 9110 and PATCH or
// "OTHER", source json, store, stale or "": each has few values, whatever
// clients send. Status is that of the outcome, which for a response that broke
// off is not the one that its client saw; 499 is a client that went away.
// Elapsed is the whole time, and for a stream of events that to its first byte.
type Metrics interface {
	ObserveRequest(route, method string, status int, source string, elapsed time.Duration)
	// ObserveItem observes each item of a write: the outcome is inserted, updated,
	// unchanged, or why it was rejected.
	ObserveItem(kind, outcome string)
}

// Options are what New needs. Answers, Logger and Gatherer are required.
type Options struct {
	// Answers renders the views.
	Answers arena.Answerer
	// Ingest takes in writes, and Stream hands out events. Where one is nil, its
	// routes answer 503.
	Ingest arena.Ingester
	Stream arena.Streamer
	// Competitions knows which competitions a stream may be of; nil knows none.
	Competitions arena.Competitions
	// IngestToken is the bearer token of the write surface; "" turns it off.
	IngestToken string
	// Rollout shows and sets where every domain is, Parity compares the two
	// sources, Corrections corrects facts, and System tells how this process is; where
	// one is nil, its routes answer 503. AdminToken is the bearer token of that surface; "" turns it off.
	Rollout     arena.Rollout
	Parity      arena.Parity
	Corrections arena.Corrector
	System      arena.System
	AdminToken  string
	// Tokens open parts of both surfaces by their scopes, beside the two.
	Tokens []config.Token
	// MaxStreams is how many streams of events may be open at once; 0 is
	// Config.Streams, or 1,000.
	MaxStreams int
	// Config is the HTTP section of the configuration.
	Config config.HTTP
	// Logger takes lines about requests, and panics with their stack; its handler finds
	// the id of the request in the context, as telemetry.NewLogger's does. LogRequests is
	// how many requests a second have a line, of those that succeeded and of those that
	// their clients got wrong each; 0 is all of them.
	Logger      *slog.Logger
	LogRequests int
	// Metrics observes every request; nil observes nothing.
	Metrics Metrics
	// Tracer records spans of requests; nil records nothing.
	Tracer trace.Tracer
	// Gatherer is what /metrics prints.
	Gatherer prometheus.Gatherer
	// Ready returns why the service cannot serve now, and else what it lacks, such as a
	// cache or the newest data; nil is always ready.
	Ready func(ctx context.Context) (degraded, err error)
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Rand is the source of request ids, safe for concurrent use; nil is the
	// runtime's generator.
	Rand func() uint64
}

// complete fills in what was left out and reports what may not be.
func (o *Options) complete() error {
	var faults []error
	if o.Answers == nil {
		faults = append(faults, errors.New("no Answers"))
	}
	if o.Logger == nil {
		faults = append(faults, errors.New("no Logger"))
	}
	if o.Gatherer == nil {
		faults = append(faults, errors.New("no Gatherer"))
	}
	if !visible(o.IngestToken) {
		faults = append(faults, errors.New("IngestToken has characters that no header can carry"))
	}
	if !visible(o.AdminToken) {
		faults = append(faults, errors.New("AdminToken has characters that no header can carry"))
	}
	for _, t := range o.Tokens {
		if !visible(t.Secret) || t.Secret == "" {
			faults = append(faults, fmt.Errorf("the token %s has characters that no header can carry", t.Name))
		}
		for _, scope := range t.Scopes {
			kind, ok := strings.CutPrefix(scope, config.ScopeIngest+"/")
			if ok && !slices.ContainsFunc(catalogue.Writes(), func(w catalogue.Write) bool { return string(w.Kind) == kind }) {
				faults = append(faults, fmt.Errorf("the token %s has the scope %s, and there is no such kind of write", t.Name, scope))
			}
		}
	}
	if o.MaxStreams < 0 {
		faults = append(faults, errors.New("MaxStreams is negative"))
	}
	if o.MaxStreams == 0 {
		o.MaxStreams = cmp.Or(o.Config.Streams, defaultMaxStreams)
	}
	if o.Config.BodiesInFlight == 0 {
		o.Config.BodiesInFlight = config.Default().HTTP.BodiesInFlight
	}
	if o.Metrics == nil {
		o.Metrics = noMetrics{}
	}
	if o.Ready == nil {
		o.Ready = func(context.Context) (degraded, err error) { return nil, nil }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Uint64
	}
	return errors.Join(faults...)
}

type noMetrics struct{}

func (noMetrics) ObserveRequest(string, string, int, string, time.Duration) {}
func (noMetrics) ObserveItem(string, string)                                {}
