package telemetry

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// HTTPMetrics times requests. A nil one does nothing.
type HTTPMetrics struct {
	seconds *prometheus.HistogramVec
}

// NewHTTPMetrics registers the metrics with reg.
func NewHTTPMetrics(reg prometheus.Registerer) *HTTPMetrics {
	return &HTTPMetrics{
		seconds: promauto.With(reg).NewHistogramVec(prometheus.HistogramOpts{
			Name:    "nof0_http_seconds",
			Help:    "Time taken by requests, by the source that answered them.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"route", "method", "code", "source"}),
	}
}

// ObserveRequest records one request. The route is the pattern, not the path;
// an empty one means that none matched. The source is json or store, or empty
// where neither was asked.
func (m *HTTPMetrics) ObserveRequest(route, method string, code int, source string, elapsed time.Duration) {
	if m == nil {
		return
	}
	if route == "" {
		route = "unmatched"
	}
	m.seconds.WithLabelValues(route, knownMethod(method), strconv.Itoa(code), source).Observe(elapsed.Seconds())
}

// knownMethod keeps clients from making series: a method is whatever they send.
func knownMethod(method string) string {
	known := []string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut,
		http.MethodPatch, http.MethodDelete, http.MethodOptions,
	}
	if slices.Contains(known, method) {
		return method
	}
	return "other"
}
