package parity

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"nof0/internal/arena"
	"nof0/internal/wire"
)

// metrics say what the newest reports say.
type metrics struct {
	verdict     *prometheus.GaugeVec // domain, verdict
	ranAt       *prometheus.GaugeVec // domain
	differences *prometheus.GaugeVec // domain
	notHeld     *prometheus.GaugeVec // domain
	duration    prometheus.Histogram
	failures    prometheus.Counter

	mu     sync.Mutex
	newest map[string]float64 // when the shown report of a domain began
}

func newMetrics(reg prometheus.Registerer) *metrics {
	auto := promauto.With(reg)
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return auto.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	}
	m := &metrics{
		newest:  make(map[string]float64),
		verdict: gauge("nof0_parity_verdict", "1 for the verdict of the newest comparison of a domain, 0 for the others.", "domain", "verdict"),
		ranAt: gauge("nof0_parity_last_run_timestamp_seconds",
			"When the newest comparison of a domain began, in unix seconds; 0 where there is none.", "domain"),
		differences: gauge("nof0_parity_differences", "Differences that the newest comparison of a domain found.", "domain"),
		notHeld:     gauge("nof0_parity_not_held", "Views of a domain of which the JSON directory held nothing in the newest comparison.", "domain"),
		duration: auto.NewHistogram(prometheus.HistogramOpts{
			Name: "nof0_parity_duration_seconds", Help: "How long the comparisons of this process took.",
			Buckets: []float64{0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60},
		}),
		failures: auto.NewCounter(prometheus.CounterOpts{
			Name: "nof0_parity_failures_total", Help: "Comparisons of this process that the store kept from coming to an end.",
		}),
	}
	for _, d := range arena.Domains() {
		m.ranAt.WithLabelValues(string(d)).Set(0)
	}
	return m
}

// show shows a report unless a newer one of its domain is shown.
func (m *metrics) show(run *wire.ParityRun) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if run.RanAt < m.newest[run.Domain] {
		return
	}
	m.newest[run.Domain] = run.RanAt
	for _, v := range []string{wire.VerdictEqual, wire.VerdictDifferent, wire.VerdictNotCompared} {
		is := 0.0
		if v == run.Verdict {
			is = 1
		}
		m.verdict.WithLabelValues(run.Domain, v).Set(is)
	}
	m.ranAt.WithLabelValues(run.Domain).Set(run.RanAt)
	m.differences.WithLabelValues(run.Domain).Set(float64(run.Counts.Differences))
	m.notHeld.WithLabelValues(run.Domain).Set(float64(len(run.NotHeld)))
}

// forget shows no report of a domain any more.
func (m *metrics) forget(d arena.Domain) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, shown := m.newest[string(d)]; !shown {
		return
	}
	delete(m.newest, string(d))
	of := prometheus.Labels{"domain": string(d)}
	m.verdict.DeletePartialMatch(of)
	m.differences.Delete(of)
	m.notHeld.Delete(of)
	m.ranAt.With(of).Set(0)
}

func (m *metrics) took(d time.Duration) { m.duration.Observe(d.Seconds()) }
