package mirror

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics say how far the files are behind and what was done about it.
type metrics struct {
	waiting  prometheus.Gauge
	lag      prometheus.Gauge
	replaced *prometheus.CounterVec // file
	failures *prometheus.CounterVec // domain
}

func newMetrics(reg prometheus.Registerer) *metrics {
	auto := promauto.With(reg)
	return &metrics{
		waiting: auto.NewGauge(prometheus.GaugeOpts{
			Name: "nof0_json_mirror_waiting",
			Help: "Committed events that the JSON files of domains written to both sides do not show yet.",
		}),
		lag: auto.NewGauge(prometheus.GaugeOpts{
			Name: "nof0_json_mirror_lag_seconds",
			Help: "Age of the oldest event that the JSON files do not show yet; 0 where there is none.",
		}),
		replaced: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "nof0_json_mirror_replaced_total",
			Help: "JSON files that this process replaced, by file.",
		}, []string{"file"}),
		failures: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "nof0_json_mirror_failures_total",
			Help: "Attempts to render the JSON files of a domain that failed and will be made again, by domain.",
		}, []string{"domain"}),
	}
}
