package jsonstore

import (
	"fmt"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"nof0/internal/snapshot"
)

// longestList is how many rows of a file are logged one by one.
const longestList = 20

// Refused is a SourceOptions.Faulty: it counts the rows of each file that are not
// served, and logs them when they change. reg may be nil.
func Refused(reg prometheus.Registerer, logger *slog.Logger) func(file string, faults []snapshot.RowFault) {
	rows := promauto.With(reg).NewGaugeVec(prometheus.GaugeOpts{
		Name: "nof0_json_rows_refused",
		Help: "Rows of a JSON file that are at fault and not served, as it was read last, by file.",
	}, []string{"file"})
	var mu sync.Mutex
	logged := make(map[string]string)
	return func(file string, faults []snapshot.RowFault) {
		rows.WithLabelValues(file).Set(float64(len(faults)))
		mu.Lock()
		defer mu.Unlock()
		if said := fmt.Sprint(faults); said == logged[file] || len(faults) == 0 && logged[file] == "" {
			return
		} else if logged[file] = said; len(faults) == 0 {
			logged[file] = ""
			logger.Info("every row of a JSON file is served again", slog.String("file", file))
			return
		}
		for _, fault := range faults[:min(len(faults), longestList)] {
			logger.Warn("a row of a JSON file is at fault and not served; the others are", slog.String("row", fault.String()))
		}
		if more := len(faults) - longestList; more > 0 {
			logger.Warn("more rows of a JSON file are at fault and not served", slog.String("file", file), slog.Int("more", more))
		}
	}
}
