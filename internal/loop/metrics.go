package loop

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics show whether the work of a loop gets done.
type metrics struct {
	succeeded prometheus.Gauge
	took      prometheus.Gauge
	failing   prometheus.Gauge
	failures  prometheus.Counter
}

func newMetrics(o Options) metrics {
	auto := promauto.With(o.Registerer)
	is := prometheus.Labels{"work": o.Name}
	auto.NewGauge(prometheus.GaugeOpts{
		Name: "nof0_work_interval_seconds", ConstLabels: is,
		Help: "How far apart rounds of the work are at most, while none fails.",
	}).Set(o.Interval.Seconds())
	return metrics{
		succeeded: auto.NewGauge(prometheus.GaugeOpts{
			Name: "nof0_work_last_success_timestamp_seconds", ConstLabels: is,
			Help: "When a round of the work last ended without a failure, in unix seconds; 0 where none has yet.",
		}),
		took: auto.NewGauge(prometheus.GaugeOpts{
			Name: "nof0_work_last_round_seconds", ConstLabels: is,
			Help: "How long the last round of the work took.",
		}),
		failing: auto.NewGauge(prometheus.GaugeOpts{
			Name: "nof0_work_failing", ConstLabels: is,
			Help: "1 where the last round of the work failed.",
		}),
		failures: auto.NewCounter(prometheus.CounterOpts{
			Name: "nof0_work_failures_total", ConstLabels: is,
			Help: "Rounds of the work that failed and were tried again.",
		}),
	}
}

func (m metrics) observe(took time.Duration, err error) {
	m.took.Set(took.Seconds())
	if err != nil {
		m.failing.Set(1)
		m.failures.Inc()
		return
	}
	m.failing.Set(0)
	m.succeeded.SetToCurrentTime()
}
