package telemetry_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/internal/telemetry"
)

func TestAThrottleCountsWhatItLeavesOut(t *testing.T) {
	t.Parallel()
	throttle := telemetry.NewThrottle(time.Second, 2)
	now := time.Unix(1000, 0)
	passed := 0
	for range 10 {
		if _, ok := throttle.Pass(now); ok {
			passed++
		}
	}
	require.Equal(t, 2, passed)
	leftOut, ok := throttle.Pass(now.Add(time.Second))
	require.True(t, ok)
	require.EqualValues(t, 8, leftOut)
	leftOut, ok = (*telemetry.Throttle)(nil).Pass(now)
	require.True(t, ok)
	require.Zero(t, leftOut)
}

func TestAnOutageIsToldOnceAMinute(t *testing.T) {
	t.Parallel()
	throttle := telemetry.OncePerOutage()
	start := time.Unix(1000, 0)
	var told []time.Duration
	for at := time.Duration(0); at < 3*time.Minute; at += time.Second {
		if _, ok := throttle.Pass(start.Add(at)); ok {
			told = append(told, at)
		}
	}
	require.Equal(t, []time.Duration{0, time.Minute, 2 * time.Minute}, told)
}
