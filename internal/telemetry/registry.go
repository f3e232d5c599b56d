package telemetry

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Build says what is running.
type Build struct {
	Version  string `json:"version"`
	Revision string `json:"commit"`
	Date     string `json:"date"` // of the commit
	Go       string `json:"go"`
}

// NewRegistry returns a registry with the metrics of the Go runtime, of the
// process and of the build.
func NewRegistry(build Build) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	promauto.With(registry).NewGauge(prometheus.GaugeOpts{
		Name: "nof0_build_info",
		Help: "Always 1; the labels say what is running.",
		ConstLabels: prometheus.Labels{
			"version":  build.Version,
			"revision": build.Revision,
			"go":       runtime.Version(),
		},
	}).Set(1)
	return registry
}
