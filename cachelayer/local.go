package cachelayer

import (
	"fmt"
	"math"
	"reflect"
	"time"

	"github.com/maypok86/otter/v2"
)

// entry is a decoded value and what is known about it. It never changes: what
// is learnt later makes another entry.
type entry struct {
	typ    reflect.Type
	value  any // a typ; its zero value where absent
	absent bool
	// tokens are those of the versions that it was made of.
	tokens string
	size   int // encoded, in bytes
	// cost is what its load took.
	cost time.Duration
	// expiresAt is when Redis drops the value.
	expiresAt time.Time
}

// local is the level in this process. It holds decoded values, so that a large
// one is not decoded per request, for as long as Redis does.
type local struct {
	entries *otter.Cache[string, *entry] // nil where the level is off
}

// entryOverhead is what an entry costs beside its value and its key, in bytes.
const entryOverhead = 512

// newLocal makes a level that holds maxBytes of encoded values. With ttl or
// maxBytes at or below zero it is off.
func newLocal(ttl time.Duration, maxBytes int64, now func() time.Time) (*local, error) {
	if ttl <= 0 || maxBytes <= 0 {
		return &local{}, nil
	}
	entries, err := otter.New(&otter.Options[string, *entry]{
		MaximumWeight: uint64(maxBytes),
		Weigher: func(name string, e *entry) uint32 {
			return uint32(min(int64(e.size)+int64(len(name))+entryOverhead, math.MaxUint32))
		},
		ExpiryCalculator: otter.ExpiryWritingFunc(func(held otter.Entry[string, *entry]) time.Duration {
			return max(held.Value.expiresAt.Sub(now()), time.Millisecond)
		}),
		Clock: localClock(now),
	})
	if err != nil {
		return nil, fmt.Errorf("error making local cache level: %w", err)
	}
	return &local{entries: entries}, nil
}

// get returns the entry under name if it is of typ, made of the versions of
// tokens, and has not expired by now; else nil.
func (l *local) get(name string, typ reflect.Type, tokens string, now time.Time) *entry {
	if l.entries == nil {
		return nil
	}
	e, ok := l.entries.GetIfPresent(name)
	if !ok || e.typ != typ || e.tokens != tokens || !now.Before(e.expiresAt) {
		return nil
	}
	return e
}

// set holds e under name.
func (l *local) set(name string, e *entry) {
	if l.entries != nil {
		l.entries.Set(name, e)
	}
}

// LocalBytes is what the level in this process holds, as cache.local_bytes counts it.
func (c *Cache) LocalBytes() uint64 {
	if c.local.entries == nil {
		return 0
	}
	return c.local.entries.WeightedSize()
}

func (l *local) dropAll() {
	if l.entries != nil {
		l.entries.InvalidateAll()
	}
}

func (l *local) close() {
	if l.entries != nil {
		l.entries.StopAllGoroutines()
	}
}

// localClock lets the level's expiry follow the injected clock.
type localClock func() time.Time

func (now localClock) NowNano() int64 { return now().UnixNano() }

// Tick paces the sweep of expired entries, which frees memory and decides
// nothing, so that it may follow the system's clock.
func (localClock) Tick(every time.Duration) <-chan time.Time { return time.Tick(every) }
