package cachelayer

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
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

// localHit counts a read that was answered from memory.
func (m *metrics) localHit(key *Key) {
	if key.memo != nil {
		key.memo.hits.Inc()
		return
	}
	m.hits.WithLabelValues(key.Family, levelLocal).Inc()
}

func newMetrics(reg prometheus.Registerer) *metrics {
	auto := promauto.With(reg)
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return auto.NewCounterVec(prometheus.CounterOpts{
			Namespace: "nof0", Subsystem: "cache", Name: name, Help: help,
		}, append([]string{"family"}, labels...))
	}
	return &metrics{
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
}

// registerOwner publishes whether Redis is used, and returns what counts the commands that
// it refused.
func registerOwner(reg prometheus.Registerer, o *owner) (refused *prometheus.CounterVec) {
	gauge := func(name, help string, is func() bool) {
		promauto.With(reg).NewGaugeFunc(prometheus.GaugeOpts{Namespace: "nof0", Subsystem: "redis", Name: name, Help: help}, func() float64 {
			if is() {
				return 1
			}
			return 0
		})
	}
	gauge("foreign", "1 where Redis is not used, since live processes of another database or with other settings keep it.",
		func() bool { return errors.Is(o.err(), ErrForeign) })
	gauge("refusing", "1 where Redis is not read, since it takes no writes: what it holds may be old.",
		func() bool { return o.refusal.Load() != nil })
	return promauto.With(reg).NewCounterVec(prometheus.CounterOpts{
		Namespace: "nof0", Subsystem: "redis", Name: "refusals_total",
		Help: "Commands that Redis refused for the state that it is in, by the word that it answered.",
	}, []string{"reason"})
}

// registerBreaker publishes the breaker's state.
func registerBreaker(reg prometheus.Registerer, b *breaker) {
	promauto.With(reg).NewGaugeFunc(prometheus.GaugeOpts{
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
	})
}
