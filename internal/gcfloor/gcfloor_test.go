package gcfloor

import (
	"runtime"
	"runtime/metrics"
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/internal/await"
)

func TestPercent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		heap, besides, size uint64
		want                int
	}{
		{0, 0, 64, 100},
		{1, 0, 64, 6300},
		{8, 0, 64, 700},
		{31, 0, 64, 106},
		{30, 2, 64, 100},
		{33, 0, 64, 100},
		{1000, 0, 64, 100},
		{7, 1, 64, 700},
		{0, 1, 64, 100}, // before the first collection
	} {
		require.Equal(t, c.want, percent(c.heap, c.besides, c.size), "%v", c)
	}
}

var sink []byte

// TestHeapIsCollectedFromTheFloorOn makes garbage that is less than the floor, which is
// not collected, and lets more live than the floor, which is collected as ever.
func TestHeapIsCollectedFromTheFloorOn(t *testing.T) {
	const floor = 256 << 20
	t.Setenv("GOGC", "")
	Hold(floor)
	percentIs := func(is func(uint64) bool) func() bool {
		return func() bool {
			runtime.GC()
			sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
			metrics.Read(sample)
			return is(sample[0].Value.Uint64())
		}
	}
	await.True(t, percentIs(func(p uint64) bool { return p > 4*least }))

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 64 {
		sink = make([]byte, 1<<20)
	}
	runtime.ReadMemStats(&after)
	require.LessOrEqual(t, after.NumGC-before.NumGC, uint32(1), "64 MiB of garbage, and a floor of 256")

	held := make([]byte, floor)
	await.True(t, percentIs(func(p uint64) bool { return p == least }))
	runtime.KeepAlive(held)
	await.True(t, percentIs(func(p uint64) bool { return p > 4*least }))
}
