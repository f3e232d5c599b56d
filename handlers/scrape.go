package handlers

import (
	"fmt"
	"log/slog"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// scrape prints the metrics. The collectors are asked here and not by
// promhttp, which would send their errors to the client: one that fails is
// logged, and the others are printed.
func scrape(gatherer prometheus.Gatherer, log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		families, err := gatherer.Gather()
		if err != nil {
			if len(families) == 0 {
				fail(c, fmt.Errorf("error gathering metrics: %w", err))
				return
			}
			log.LogAttrs(c.Request.Context(), slog.LevelError, "error gathering metrics", slog.Any("error", err))
		}
		c.Header("Cache-Control", "no-store")
		promhttp.HandlerFor(prometheus.GathererFunc(always(families)), promhttp.HandlerOpts{}).
			ServeHTTP(c.Writer, c.Request)
	}
}

func always[T any](value T) func() (T, error) { return func() (T, error) { return value, nil } }
