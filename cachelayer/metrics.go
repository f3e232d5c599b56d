package cachelayer

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sony/gobreaker/v2"
)

// The levels that answer a read, as the level label of the hits.
const (
	levelLocal = "local"
	levelRedis = "redis"
)

// metrics are the counters of one Cache, all by key family. Every Fetch that
// returns counts as exactly one hit or one miss, also when many share a load.
type metrics struct {
	hits       *prometheus.CounterVec // family, level
	misses     *prometheus.CounterVec
	loads      *prometheus.CounterVec
	loadErrors *prometheus.CounterVec
	refreshes  *prometheus.CounterVec
	fills      *prometheus.CounterVec
	refused    *prometheus.CounterVec
	foreign    *prometheus.CounterVec
	failures   *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "nof0", Subsystem: "cache", Name: name, Help: help,
		}, append([]string{"family"}, labels...))
	}
	m := &metrics{
		hits:       counter("hits_total", "Reads answered from the cache, by the level that answered.", "level"),
		misses:     counter("misses_total", "Reads that waited for a load."),
		loads:      counter("loads_total", "Loads from Postgres, those of early refreshes among them."),
		loadErrors: counter("load_errors_total", "Loads that failed or panicked."),
		refreshes:  counter("early_refreshes_total", "Loads begun before the value expired."),
		fills:      counter("fills_total", "Loaded values stored in Redis."),
		refused:    counter("fills_refused_total", "Loaded values not stored because one of their versions was made anew during the load."),
		foreign:    counter("foreign_values_total", "Values in Redis that were of another schema, type or writer, and counted as misses."),
		failures:   counter("redis_errors_total", "Uses of Redis that failed, those refused by the open breaker among them."),
	}
	if reg == nil {
		return m, nil
	}
	var errs []error
	for _, c := range []prometheus.Collector{
		m.hits, m.misses, m.loads, m.loadErrors, m.refreshes, m.fills, m.refused, m.foreign, m.failures,
	} {
		errs = append(errs, reg.Register(c))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("error registering cache metrics: %w", err)
	}
	return m, nil
}

// registerOwner publishes whether Redis is used.
func registerOwner(reg prometheus.Registerer, o *owner) error {
	if reg == nil {
		return nil
	}
	err := reg.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "nof0", Subsystem: "redis", Name: "foreign",
		Help: "1 where Redis is not used, since live processes of another database or with other settings keep it.",
	}, func() float64 {
		if errors.Is(o.err(), ErrForeign) {
			return 1
		}
		return 0
	}))
	if err != nil {
		return fmt.Errorf("error registering the metric of redis' owner: %w", err)
	}
	return nil
}

// registerBreaker publishes the breaker's state.
func registerBreaker(reg prometheus.Registerer, b *breaker) error {
	if reg == nil {
		return nil
	}
	err := reg.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "nof0", Subsystem: "redis", Name: "breaker_state",
		Help: "State of the breaker around Redis: 0 closed, 1 half open, 2 open.",
	}, func() float64 {
		switch b.circuit.State() {
		case gobreaker.StateClosed:
			return 0
		case gobreaker.StateHalfOpen:
			return 1
		default:
			return 2
		}
	}))
	if err != nil {
		return fmt.Errorf("error registering breaker metric: %w", err)
	}
	return nil
}
