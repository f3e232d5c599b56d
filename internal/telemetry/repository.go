package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// RepositoryMetrics counts and times calls of repositories, and records a span of each
// where its context has one. A nil one does nothing.
type RepositoryMetrics struct {
	seconds  *prometheus.HistogramVec
	errors   *prometheus.CounterVec
	expected []error
	slow     SlowCalls
	throttle *Throttle
}

// SlowCalls says which calls are logged as slow: by their names, never with the values
// that they were called with.
type SlowCalls struct {
	Above  time.Duration // 0 logs none
	Logger *slog.Logger
}

// NewRepositoryMetrics registers the metrics with reg. The expected errors are
// answers, such as "there is no such row", and not counted as errors.
func NewRepositoryMetrics(reg prometheus.Registerer, slow SlowCalls, expected ...error) *RepositoryMetrics {
	auto := promauto.With(reg)
	labels := []string{"repository", "method"}
	return &RepositoryMetrics{
		seconds: auto.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "nof0_repository_seconds",
			Help:    "Time taken by calls of repositories.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, labels),
		errors: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "nof0_repository_errors_total",
			Help: "Calls of repositories that failed; neither cancelled calls nor missing rows.",
		}, labels),
		// Whoever cancelled no longer waits: no fault of the store.
		expected: append([]error{context.Canceled}, expected...),
		slow:     slow,
		throttle: NewThrottle(time.Second, 10), //nolint:mnd // while everything is slow, some stand for all
	}
}

// Observe begins a call; what it returns ends it, with the error that the call
// is about to return:
//
//	func (r *Trades) Newest(ctx context.Context) (_ []Trade, err error) {
//		defer r.metrics.Observe(ctx, "trades", "Newest")(&err)
func (m *RepositoryMetrics) Observe(ctx context.Context, repository, method string) func(err *error) {
	if m == nil {
		return func(*error) {}
	}
	name := repository + "." + method
	_, span := Span(ctx, name, semconv.DBSystemNamePostgreSQL)
	start := time.Now()
	return func(err *error) {
		took := time.Since(start)
		m.seconds.WithLabelValues(repository, method).Observe(took.Seconds())
		m.logSlow(ctx, name, took)
		failed := m.errors.WithLabelValues(repository, method) // also when it has not: rates need the zero
		if err != nil && *err != nil && !m.isExpected(*err) {
			failed.Inc()
			span.SetStatus(codes.Error, "") // and not why: an error may quote values
		}
		span.End()
	}
}

func (m *RepositoryMetrics) logSlow(ctx context.Context, name string, took time.Duration) {
	if m.slow.Above <= 0 || took < m.slow.Above {
		return
	}
	if leftOut, ok := m.throttle.Pass(time.Now()); ok {
		m.slow.Logger.WarnContext(ctx, "slow statement", slog.String("name", name), slog.Duration("took", took), slog.Int64("left_out", leftOut))
	}
}

func (m *RepositoryMetrics) isExpected(err error) bool {
	return slices.ContainsFunc(m.expected, func(target error) bool { return errors.Is(err, target) })
}
