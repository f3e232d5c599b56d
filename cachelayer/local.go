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
	// head is how the value begins in Redis.
	head string
	size int // encoded, in bytes
	// cost is what its load took.
	cost time.Duration
	// expiresAt is when Redis drops the value.
	expiresAt time.Time
	// freshUntil is until when this process may answer from it without a look
	// at Redis.
	freshUntil time.Time
}

// local is the level in this process. It holds decoded values, so that a large
// one is not decoded per request, for as long as Redis does: an entry that is no
// longer fresh is good again once Redis is seen to have the same value still.
type local struct {
	entries *otter.Cache[string, *entry] // nil where the level is off
	ttl     time.Duration
	now     func() time.Time
}

// entryOverhead is what an entry costs beside its value and its key, in bytes.
const entryOverhead = 256

// newLocal makes a level that holds maxBytes of encoded values, each fresh for
// at most ttl. With either at or below zero the level is off.
func newLocal(ttl time.Duration, maxBytes int64, now func() time.Time) (*local, error) {
	if ttl <= 0 || maxBytes <= 0 {
		return &local{now: now}, nil
	}
	entries, err := otter.New(&otter.Options[string, *entry]{
		MaximumWeight: uint64(maxBytes),
		Weigher: func(name string, e *entry) uint32 {
			return uint32(min(int64(e.size)+int64(len(name))+entryOverhead, math.MaxUint32))
		},
		ExpiryCalculator: otter.ExpiryWritingFunc(func(held otter.Entry[string, *entry]) time.Duration {
			e := held.Value
			end := e.expiresAt
			if e.freshUntil.After(end) {
				end = e.freshUntil
			}
			return max(end.Sub(now()), time.Millisecond)
		}),
		Clock: localClock(now),
	})
	if err != nil {
		return nil, fmt.Errorf("error making local cache level: %w", err)
	}
	return &local{entries: entries, ttl: ttl, now: now}, nil
}

// get returns the entry under name if it is of typ, and whether it may answer
// without a look at Redis.
func (l *local) get(name string, typ reflect.Type) (e *entry, fresh bool) {
	if l.entries == nil {
		return nil, false
	}
	e, ok := l.entries.GetIfPresent(name)
	if !ok || e.typ != typ {
		return nil, false
	}
	return e, l.now().Before(e.freshUntil)
}

// set holds e under name.
func (l *local) set(name string, e *entry) {
	if l.entries != nil {
		l.entries.Set(name, e)
	}
}

func (l *local) drop(name string) {
	if l.entries != nil {
		l.entries.Invalidate(name)
	}
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
