package system

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"nof0/internal/arena"
	"nof0/internal/wire"
)

const (
	// keptRejected is how many rejected items are remembered, and mostErrors how many
	// faults of each.
	keptRejected = 100
	mostErrors   = 10
	keptMinutes  = 60
)

// written counts what became of items.
type written struct {
	mu       sync.Mutex
	kinds    map[string]*wire.IngestCounts
	minutes  map[minute]*wire.IngestCounts
	rejected []wire.RejectedWrite // oldest first
}

type minute struct {
	at   int64 // minutes of the epoch
	kind string
}

// Watch returns an ingester that notes what becomes of each item that another one takes in.
func (s *System) Watch(to arena.Ingester) arena.Ingester { return watched{to, s} }

type watched struct {
	to arena.Ingester
	s  *System
}

// Ingest implements arena.Ingester.
func (w watched) Ingest(ctx context.Context, b arena.Batch) (*arena.Reply, error) {
	reply, err := w.to.Ingest(ctx, b)
	if err == nil {
		w.s.written.note(string(b.Kind), reply.Results, w.s.o.Now())
	}
	return reply, err
}

func (w *written) note(kind string, results []arena.Result, now time.Time) {
	if len(results) == 0 {
		return
	}
	var counts wire.IngestCounts
	var rejected []wire.RejectedWrite
	for _, r := range results {
		switch {
		case r.Rejected != nil:
			counts.Rejected++
			rejected = append(rejected, wire.RejectedWrite{
				At: seconds(now), Kind: kind, ID: r.ID, Why: string(r.Rejected.Why), Detail: r.Rejected.Detail,
				Errors: r.Rejected.Faults[:min(mostErrors, len(r.Rejected.Faults))], Competition: r.Competition,
			})
		case r.Outcome == "unchanged":
			counts.Unchanged++
		default:
			counts.Accepted++
		}
	}
	rejected = rejected[max(0, len(rejected)-keptRejected):]

	w.mu.Lock()
	defer w.mu.Unlock()
	if w.kinds == nil {
		w.kinds, w.minutes = map[string]*wire.IngestCounts{}, map[minute]*wire.IngestCounts{}
	}
	at := now.Unix() / 60
	add(w.kinds, kind, counts)
	add(w.minutes, minute{at, kind}, counts)
	maps.DeleteFunc(w.minutes, func(m minute, _ *wire.IngestCounts) bool { return m.at <= at-keptMinutes })
	w.rejected = append(w.rejected, rejected...)
	w.rejected = slices.Delete(w.rejected, 0, max(0, len(w.rejected)-keptRejected))
}

func add[K comparable](to map[K]*wire.IngestCounts, key K, counts wire.IngestCounts) {
	sum := to[key]
	if sum == nil {
		sum = new(wire.IngestCounts)
		to[key] = sum
	}
	sum.Accepted += counts.Accepted
	sum.Unchanged += counts.Unchanged
	sum.Rejected += counts.Rejected
}

// Ingested implements arena.System.
func (s *System) Ingested(context.Context) (*wire.IngestState, error) {
	state := &wire.IngestState{Kinds: []wire.IngestKind{}, Minutes: []wire.IngestMinute{}}
	w := &s.written
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, kind := range slices.Sorted(maps.Keys(w.kinds)) {
		state.Kinds = append(state.Kinds, wire.IngestKind{Kind: kind, IngestCounts: *w.kinds[kind]})
	}
	now := s.o.Now().Unix() / 60
	for m, counts := range w.minutes {
		if m.at > now-keptMinutes {
			state.Minutes = append(state.Minutes, wire.IngestMinute{At: 60 * m.at, Kind: m.kind, IngestCounts: *counts})
		}
	}
	slices.SortFunc(state.Minutes, func(a, b wire.IngestMinute) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Kind, b.Kind))
	})
	state.Rejected = append([]wire.RejectedWrite{}, w.rejected...)
	slices.Reverse(state.Rejected)
	return state, nil
}
