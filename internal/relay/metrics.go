package relay

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"nof0/internal/catalogue"
)

// metrics say how far the relay is behind and what it did.
type metrics struct {
	waiting   prometheus.Gauge
	lag       prometheus.Gauge
	relayed   *prometheus.CounterVec // type
	failures  prometheus.Counter
	abandoned *prometheus.CounterVec // projection
}

func newMetrics(reg prometheus.Registerer) *metrics {
	auto := promauto.With(reg)
	return &metrics{
		waiting: auto.NewGauge(prometheus.GaugeOpts{
			Name: "nof0_outbox_waiting",
			Help: "Events that are committed and not relayed yet.",
		}),
		lag: auto.NewGauge(prometheus.GaugeOpts{
			Name: "nof0_outbox_lag_seconds",
			Help: "Age of the oldest event that is not relayed yet; 0 where there is none.",
		}),
		relayed: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "nof0_outbox_relayed_total",
			Help: "Events that this process relayed, by type.",
		}, []string{"type"}),
		failures: auto.NewCounter(prometheus.CounterOpts{
			Name: "nof0_outbox_failures_total",
			Help: "Attempts to relay the events of a model that failed and will be made again.",
		}),
		abandoned: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "nof0_outbox_abandoned_projections_total",
			Help: "Projections that could not be built and were left out, by key family.",
		}, []string{"projection"}),
	}
}

// hubMetrics count the subscribers of this process.
type hubMetrics struct{ slow prometheus.Counter }

func newHubMetrics(reg prometheus.Registerer, open func() float64) hubMetrics {
	auto := promauto.With(reg)
	auto.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "nof0_stream_subscribers",
		Help: "Streams of events that this process serves.",
	}, open)
	return hubMetrics{slow: auto.NewCounter(prometheus.CounterOpts{
		Name: "nof0_stream_slow_consumers_total",
		Help: "Streams that were ended since their client did not take an event in time.",
	})}
}

// typeLabel bounds the label: a newer process may write types that this one
// does not know.
func typeLabel(eventType string) string {
	if slices.Contains(catalogue.EventTypes(), eventType) {
		return eventType
	}
	return "other"
}
