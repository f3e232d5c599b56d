// Package await is for tests: it waits for what happens in its own time.
package await

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Long is longer than anything takes that a test waits for, also on a busy machine.
const Long = 2 * time.Minute

// True waits until a condition holds, and fails the test with the message where it does not
// within Long. The condition runs in the caller's goroutine: in another one, which is where
// testify runs it, it could not end the test, and its failure would only be seen as a wait
// that was too long.
func True(t testing.TB, condition func() bool, msgAndArgs ...any) {
	t.Helper()
	Within(t, Long, condition, msgAndArgs...)
}

// Within is True with a time of its own.
func Within(t testing.TB, limit time.Duration, condition func() bool, msgAndArgs ...any) {
	t.Helper()
	began := time.Now()
	for pause := time.Millisecond; !condition(); pause = min(2*pause, 10*time.Millisecond) {
		if time.Since(began) > limit {
			require.Fail(t, "the condition did not hold within "+limit.String(), msgAndArgs...)
		}
		time.Sleep(pause)
	}
}
