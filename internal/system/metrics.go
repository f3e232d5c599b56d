package system

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"nof0/internal/wire"
)

// reading is what the metrics of this process say at one moment, by their names.
type reading map[string][]*dto.Metric

// read reads every metric.
func read(from prometheus.Gatherer) (reading, error) {
	families, err := from.Gather()
	if err != nil {
		return nil, fmt.Errorf("error reading the metrics: %w", err)
	}
	r := make(reading, len(families))
	for _, f := range families {
		r[f.GetName()] = f.GetMetric()
	}
	return r, nil
}

// of is the value of the metric of a name whose labels are those given, as name and value
// in turn; several are added, and 0 stands for none.
func (r reading) of(name string, labels ...string) float64 {
	sum := 0.0
	for _, m := range r[name] {
		if has(m, labels) {
			sum += m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return sum
}

// count is the same of what is counted.
func (r reading) count(name string, labels ...string) int64 { return int64(r.of(name, labels...)) }

func has(m *dto.Metric, labels []string) bool {
	for i := 0; i+1 < len(labels); i += 2 {
		if label(m, labels[i]) != labels[i+1] {
			return false
		}
	}
	return true
}

func label(m *dto.Metric, name string) string {
	for _, pair := range m.GetLabel() {
		if pair.GetName() == name {
			return pair.GetValue()
		}
	}
	return ""
}

// quantile is the least bound of a histogram that a share of what it counts does not
// exceed; absent where no bound is large enough.
func quantile(h *dto.Histogram, share float64) wire.Opt[float64] {
	for _, b := range h.GetBucket() {
		if float64(b.GetCumulativeCount()) >= share*float64(h.GetSampleCount()) {
			return wire.Some(b.GetUpperBound())
		}
	}
	return wire.Null[float64]()
}
