// Package gcfloor keeps the garbage collector from running all the time in a process of
// which little lives.
package gcfloor

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// least is what the runtime does by itself: the heap may double.
const least = 100

// Hold lets the heap grow to size bytes before it is collected, and to twice what lives
// where that is more. GOGC in the environment wins, and a memory limit always does. It is
// called once, by main.
func Hold(size uint64) {
	if os.Getenv("GOGC") == "" {
		(&cycle{size: size}).ended()
	}
}

// cycle is garbage from the start, so that each collection ends with its finalizer.
type cycle struct {
	size    uint64
	percent int // as it was set last, 0 at first
}

// ended sets how far the heap may grow until the next collection. To set it stops the
// process for a moment, so that small changes are left alone.
func (c *cycle) ended() {
	const eighths = 8
	wanted := percent(live(), c.size)
	if diff := wanted - c.percent; diff*diff > (c.percent/eighths)*(c.percent/eighths) {
		debug.SetGCPercent(wanted)
		c.percent = wanted
	}
	runtime.SetFinalizer(&cycle{c.size, c.percent}, (*cycle).ended)
}

// percent is how much a heap of which live bytes live has to grow, to be of size.
func percent(live, size uint64) int {
	if live == 0 || size < 2*live {
		return least
	}
	return int(min((size-live)*100/live, math.MaxInt32))
}

// live is what the last collection has left of the heap, with what it has to look at
// besides, from which the runtime goes out.
func live() uint64 {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/globals:bytes"}, {Name: "/gc/scan/stack:bytes"}}
	metrics.Read(samples)
	var sum uint64
	for _, s := range samples {
		sum += s.Value.Uint64()
	}
	return sum
}
