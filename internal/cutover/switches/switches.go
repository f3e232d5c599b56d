package switches

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/loop"
)

// ModesOptions are what Switches are made of.
type ModesOptions struct {
	Store Store
	// Initial are the modes of a domain that nobody has set.
	Initial    arena.Modes
	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil registers nothing
	Now        func() time.Time
	// Interval is how often the switches are read; 0 is 200 ms.
	Interval time.Duration
}

// Store is where the switches are kept.
type Store interface {
	// Switches returns those that have been set.
	Switches(ctx context.Context) ([]entities.RolloutSwitch, error)
}

const (
	defaultInterval = 200 * time.Millisecond
	// readTimeout bounds one reading: a database that hangs is one that is away.
	readTimeout = 2 * time.Second
)

// Switches are the modes of every domain as this process knows them. They are
// read again and again, so that they lie behind by no more than the interval and
// one query; while the database is away they stay what they were.
type Switches struct {
	o       ModesOptions
	metrics *metrics
	modes   atomic.Pointer[map[arena.Domain]arena.Modes]

	mu     sync.Mutex // of reading
	readAt atomic.Int64
}

// NewSwitches reads the switches for the first time. The error is that of the
// Store or of the Registerer.
func NewSwitches(ctx context.Context, o ModesOptions) (*Switches, error) {
	if o.Interval == 0 {
		o.Interval = defaultInterval
	}
	s := &Switches{o: o}
	s.metrics = newMetrics(o.Registerer, s.age)
	return s, s.Refresh(ctx)
}

// Modes returns the modes of a domain as this process knows them now. It costs no
// query.
func (s *Switches) Modes(d arena.Domain) arena.Modes { return (*s.modes.Load())[d] }

// Run reads the switches until ctx ends.
func (s *Switches) Run(ctx context.Context) {
	loop.New(loop.Options{
		Name: "read the switches of the rollout", Interval: s.o.Interval, Logger: s.o.Logger, Registerer: s.o.Registerer,
		Round: func(ctx context.Context) (more bool, err error) { return false, s.Refresh(ctx) },
	}).Run(ctx)
}

// Refresh reads the switches now. On an error they stay what they were.
func (s *Switches) Refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	rows, err := s.o.Store.Switches(ctx)
	if err != nil {
		return err
	}
	s.readAt.Store(s.o.Now().UnixNano())
	next := modesOf(rows, s.o.Initial)
	last := s.modes.Load()
	if last != nil && maps.Equal(*last, next) {
		return nil
	}
	for _, d := range arena.Domains() {
		s.metrics.show(d, next[d])
		if last != nil && (*last)[d] != next[d] {
			s.metrics.flips.WithLabelValues(string(d)).Inc()
			s.o.Logger.InfoContext(ctx, "domain has moved", slog.String("domain", string(d)),
				slog.String("read", string(next[d].Read)), slog.String("write", string(next[d].Write)))
		}
	}
	s.modes.Store(&next) // whoever feels them finds them counted
	return nil
}

// age is how long ago the switches were last read, in seconds.
func (s *Switches) age() float64 {
	return max(s.o.Now().Sub(time.Unix(0, s.readAt.Load())).Seconds(), 0)
}

// modesOf returns the modes of every domain.
func modesOf(set []entities.RolloutSwitch, initial arena.Modes) map[arena.Domain]arena.Modes {
	modes := make(map[arena.Domain]arena.Modes)
	for _, d := range arena.Domains() {
		modes[d] = initial
	}
	for _, row := range set {
		modes[arena.Domain(row.Domain)] = arena.Modes{
			Read: arena.ReadMode(row.ReadMode), Write: arena.WriteMode(row.WriteMode),
		}
	}
	return modes
}
