package telemetry

import (
	"fmt"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
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
func NewRegistry(build Build) (*prometheus.Registry, error) {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "nof0_build_info",
		Help: "Always 1; the labels say what is running.",
		ConstLabels: prometheus.Labels{
			"version":  build.Version,
			"revision": build.Revision,
			"go":       runtime.Version(),
		},
	})
	info.Set(1)
	registry := prometheus.NewRegistry()
	err := register(registry,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		info,
	)
	return registry, err
}

func register(reg prometheus.Registerer, all ...prometheus.Collector) error {
	for _, c := range all {
		if err := reg.Register(c); err != nil {
			return fmt.Errorf("error registering metrics: %w", err)
		}
	}
	return nil
}
