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
	heap, besides := live()
	wanted := percent(heap, besides, c.size)
	if diff := wanted - c.percent; diff*diff > (c.percent/eighths)*(c.percent/eighths) {
		debug.SetGCPercent(wanted)
		c.percent = wanted
	}
	runtime.SetFinalizer(&cycle{c.size, c.percent}, (*cycle).ended)
}

// percent is how much a heap has to grow, to be of size, of which so many bytes live, and
// others besides. Before the first collection nobody knows how many live: what is set then
// holds until the second where one is under way.
func percent(heap, besides, size uint64) int {
	live := heap + besides
	if heap == 0 || size < 2*live {
		return least
	}
	return int(min((size-live)*100/live, math.MaxInt32))
}

// live is what the last collection has left of the heap, and what it has to look at
// besides; the runtime goes out from both.
func live() (heap, besides uint64) {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/globals:bytes"}, {Name: "/gc/scan/stack:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64(), samples[1].Value.Uint64() + samples[2].Value.Uint64()
}
