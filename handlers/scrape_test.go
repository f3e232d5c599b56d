package handlers

import (
	"errors"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// failing is a collector that cannot tell its metric.
type failing struct{ desc *prometheus.Desc }

func (f failing) Describe(ch chan<- *prometheus.Desc) { ch <- f.desc }
func (f failing) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.NewInvalidMetric(f.desc, errors.New("secret"))
}

func newFailing() failing { return failing{prometheus.NewDesc("nof0_failing", "Fails.", nil, nil)} }

func TestMetrics(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "nof0_test_total", Help: "A test."})
	counter.Add(3)
	registry.MustRegister(counter)
	b := setup(t, func(o *Options) { o.Gatherer = registry })
	w := b.do("GET", "/metrics")
	if w.Code != 200 || !strings.Contains(w.Body.String(), "nof0_test_total 3") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if got := w.Header().Get("Content-Type"); !strings.HasPrefix(got, "text/plain") {
		t.Errorf("content type is %q", got)
	}

	registry.MustRegister(newFailing())
	w = b.do("GET", "/metrics")
	if w.Code != 200 || !strings.Contains(w.Body.String(), "nof0_test_total 3") {
		t.Errorf("one fails: %d %s", w.Code, w.Body)
	}
	if strings.Contains(w.Body.String(), "secret") || !strings.Contains(b.logs.String(), "secret") {
		t.Error("the failure is not in the log, or not only there")
	}
}

func TestMetricsThatAllFail(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	registry.MustRegister(newFailing())
	b := setup(t, func(o *Options) { o.Gatherer = registry })
	if p := problemIn(t, b.do("GET", "/metrics")); p.Status != 500 {
		t.Errorf("%+v", p)
	}
}
