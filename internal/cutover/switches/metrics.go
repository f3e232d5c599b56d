package switches

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"nof0/internal/arena"
)

type metrics struct {
	modes *prometheus.GaugeVec
	flips *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer, age func() float64) *metrics {
	auto := promauto.With(reg)
	m := &metrics{
		modes: auto.NewGaugeVec(prometheus.GaugeOpts{
			Name: "nof0_rollout_mode",
			Help: "1 for the mode that a switch of a domain is in, 0 for the others.",
		}, []string{"domain", "switch", "mode"}),
		flips: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "nof0_rollout_flips_total",
			Help: "Changes of the modes of a domain that this process has felt.",
		}, []string{"domain"}),
	}
	for _, d := range arena.Domains() {
		m.flips.WithLabelValues(string(d)) // rates need the zero
	}
	auto.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "nof0_rollout_age_seconds",
		Help: "How long ago this process last read the switches.",
	}, age)
	return m
}

// show sets the gauges of the modes that a domain is in.
func (m *metrics) show(d arena.Domain, now arena.Modes) {
	set := func(name, mode string, is bool) {
		value := 0.0
		if is {
			value = 1
		}
		m.modes.WithLabelValues(string(d), name, mode).Set(value)
	}
	for _, mode := range readModes() {
		set("read", string(mode), mode == now.Read)
	}
	for _, mode := range writeModes() {
		set("write", string(mode), mode == now.Write)
	}
}

func readModes() []arena.ReadMode {
	return []arena.ReadMode{arena.ReadJSON, arena.ReadShadow, arena.ReadStore}
}

func writeModes() []arena.WriteMode {
	return []arena.WriteMode{arena.WriteJSON, arena.WriteBoth, arena.WriteStore}
}
