package telemetry

import (
	"maps"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// HTTPMetrics times requests and counts what they bring. A nil one does nothing.
type HTTPMetrics struct {
	seconds  *prometheus.HistogramVec
	series   atomic.Pointer[map[labels]prometheus.Observer] // those of seconds that there are
	inFlight prometheus.Gauge
	items    *prometheus.CounterVec // kind, outcome
}

// labels are those of requests.
type labels struct {
	route, method string
	code          int
	source        string
}

// NewHTTPMetrics registers the metrics with reg.
func NewHTTPMetrics(reg prometheus.Registerer) *HTTPMetrics {
	auto := promauto.With(reg)
	return &HTTPMetrics{
		seconds: auto.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "nof0_http_seconds",
			Help:    "Time taken by requests, by the source that answered them.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"route", "method", "code", "source"}),
		inFlight: auto.NewGauge(prometheus.GaugeOpts{
			Name: "nof0_http_in_flight",
			Help: "Requests that are being answered, streams of events among them.",
		}),
		items: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "nof0_ingest_items_total",
			Help: "Items of writes over HTTP, by kind and by what became of them: inserted, updated, unchanged, or why they were rejected.",
		}, []string{"kind", "outcome"}),
	}
}

// InFlight counts the requests that a handler is answering.
func (m *HTTPMetrics) InFlight(next http.Handler) http.Handler {
	return promhttp.InstrumentHandlerInFlight(m.inFlight, next)
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
	m.of(labels{route, knownMethod(method), code, source}).Observe(elapsed.Seconds())
}

// of returns the series of labels, of which there are few.
func (m *HTTPMetrics) of(l labels) prometheus.Observer {
	for {
		known := m.series.Load()
		if known != nil {
			if o, ok := (*known)[l]; ok {
				return o
			}
		}
		next := map[labels]prometheus.Observer{l: m.seconds.WithLabelValues(l.route, l.method, strconv.Itoa(l.code), l.source)}
		if known != nil {
			maps.Copy(next, *known)
		}
		m.series.CompareAndSwap(known, &next)
	}
}

// ObserveItem records what became of one item of a write.
func (m *HTTPMetrics) ObserveItem(kind, outcome string) {
	if m != nil {
		m.items.WithLabelValues(kind, outcome).Inc()
	}
}

// knownMethod keeps clients from making series: a method is whatever they send.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut,
		http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}
