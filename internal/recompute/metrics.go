package recompute

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics say what computing costs.
type metrics struct {
	computed *prometheus.CounterVec // outcome, whole
	facts    *prometheus.CounterVec // kind
	seconds  *prometheus.HistogramVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	auto := promauto.With(reg)
	return &metrics{
		computed: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "nof0_recompute_models_total",
			Help: "Models whose metrics this process computed, by outcome and whether every fact was read.",
		}, []string{"outcome", "whole"}),
		facts: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "nof0_recompute_facts_total",
			Help: "Trades and decisions that were read to compute metrics.",
		}, []string{"kind"}),
		seconds: auto.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "nof0_recompute_seconds",
			Help:    "Time to compute the metrics of one model, by whether every fact was read.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 8), //nolint:mnd // 1 ms to 16 s
		}, []string{"whole"}),
	}
}

func (m *metrics) observe(r Result) {
	whole := strconv.FormatBool(r.Whole)
	m.computed.WithLabelValues(string(r.Outcome), whole).Inc()
	m.facts.WithLabelValues("trades").Add(float64(r.Trades))
	m.facts.WithLabelValues("decisions").Add(float64(r.Decisions))
	if r.Outcome != Busy {
		m.seconds.WithLabelValues(whole).Observe(r.Elapsed.Seconds())
	}
}
