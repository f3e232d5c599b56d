package telemetry

import (
	"context"
	"log/slog"
	"strconv"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// NotFinite counts computed figures that no double can hold, which are absent
// from what is served, and logs each kind of them once.
type NotFinite struct {
	absent *prometheus.CounterVec
	logger *slog.Logger
	logged sync.Map // struct{} by view and field
}

// NewNotFinite registers the metric with reg.
func NewNotFinite(reg prometheus.Registerer, logger *slog.Logger) *NotFinite {
	return &NotFinite{logger: logger, absent: promauto.With(reg).NewCounterVec(prometheus.CounterOpts{
		Name: "nof0_not_finite_total",
		Help: "Figures that were left out of a rendered view because no double can hold them.",
	}, []string{"view", "field"})}
}

// Note counts the members of a rendered view that are absent.
func (n *NotFinite) Note(ctx context.Context, view string, absent []jsontext.Pointer) {
	for _, at := range absent {
		field := at.LastToken()
		n.absent.WithLabelValues(view, field).Inc()
		if _, known := n.logged.LoadOrStore(view+" "+strconv.Quote(field), struct{}{}); !known {
			n.logger.WarnContext(ctx, "a figure is left out: no double can hold it; look for rows of absurd size, and correct them",
				slog.String("view", view), slog.String("first", string(at)))
		}
	}
}
