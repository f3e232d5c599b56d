package await_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/internal/await"
)

// failing is a test that may fail, and what it then says.
type failing struct {
	testing.TB

	said  string
	ended bool
}

func (f *failing) Helper()                           {}
func (f *failing) Errorf(format string, args ...any) { f.said += fmt.Sprintf(format, args...) }
func (f *failing) FailNow()                          { f.ended = true; panic(f) }

// TestAFailureInTheConditionEndsTheTest holds that what a condition requires, and what is
// said of a condition that does not hold, is what the test fails with, at once.
func TestAFailureInTheConditionEndsTheTest(t *testing.T) {
	t.Parallel()
	for name, said := range map[string]string{"it requires": "the page is broken", "never": "seven is prime"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			of := &failing{TB: t}
			require.PanicsWithValue(t, of, func() {
				await.Within(of, time.Millisecond, func() bool {
					require.NotEqual(of, "it requires", name, "the page is broken")
					return false
				}, "%s is prime", "seven")
			})
			require.True(t, of.ended)
			require.Contains(t, of.said, said)
		})
	}
}

func TestItWaits(t *testing.T) {
	t.Parallel()
	var other sync.WaitGroup
	happened := make(chan struct{})
	other.Go(func() { close(happened) })
	await.True(t, func() bool {
		select {
		case <-happened:
			return true
		default:
			return false
		}
	})
	other.Wait()
}
