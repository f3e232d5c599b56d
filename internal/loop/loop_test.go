package loop

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// rounds runs a loop in a bubble of its own time for a while and returns when its rounds
// began, from its start.
func rounds(t *testing.T, o Options, during time.Duration, drive func(l *Loop)) []time.Duration {
	t.Helper()
	var began []time.Duration
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		work := o.Round
		o.Round = func(ctx context.Context) (bool, error) {
			began = append(began, time.Since(start))
			return work(ctx)
		}
		l := New(o)
		ctx, cancel := context.WithTimeout(t.Context(), during)
		defer cancel()
		go drive(l)
		l.Run(ctx)
		synctest.Wait()
	})
	return began
}

func idle(*Loop) {}

func ms(all ...int) []time.Duration {
	out := make([]time.Duration, len(all))
	for i, n := range all {
		out[i] = time.Duration(n) * time.Millisecond
	}
	return out
}

func TestRounds(t *testing.T) {
	t.Parallel()
	nothing := func(context.Context) (bool, error) { return false, nil }
	kickAt := func(at ...int) func(*Loop) {
		return func(l *Loop) {
			last := 0
			for _, n := range at {
				time.Sleep(time.Duration(n-last) * time.Millisecond)
				last = n
				l.Kick()
			}
		}
	}
	t.Run("each interval", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, ms(0, 200, 400), rounds(t, Options{Round: nothing, Interval: 200 * time.Millisecond}, 500*time.Millisecond, idle))
	})
	t.Run("a kick alone is followed at once, many share a round", func(t *testing.T) {
		t.Parallel()
		o := Options{Round: nothing, Interval: time.Second, Apart: 100 * time.Millisecond}
		require.Equal(t, ms(0, 150, 250, 1250), rounds(t, o, 1300*time.Millisecond, kickAt(150, 160, 170, 180, 190)))
	})
	t.Run("a round that nobody asked for delays no kick", func(t *testing.T) {
		t.Parallel()
		o := Options{Round: nothing, Interval: 200 * time.Millisecond, Apart: 100 * time.Millisecond}
		require.Equal(t, ms(0, 200, 210, 310, 510, 530), rounds(t, o, 600*time.Millisecond, kickAt(210, 220, 530)))
	})
	t.Run("constant kicks take half of the time", func(t *testing.T) {
		t.Parallel()
		slow := func(context.Context) (bool, error) { time.Sleep(300 * time.Millisecond); return false, nil }
		o := Options{Round: slow, Interval: time.Minute, Apart: 10 * time.Millisecond, Rests: true}
		require.Equal(t, ms(0, 600, 1200), rounds(t, o, 1500*time.Millisecond, kickAt(50, 350, 700, 950, 1250)))
	})
	t.Run("what is left is done at once", func(t *testing.T) {
		t.Parallel()
		left := 3
		o := Options{Interval: time.Minute, Apart: time.Second, Round: func(context.Context) (bool, error) { left--; return left > 0, nil }}
		require.Equal(t, ms(0, 0, 0), rounds(t, o, time.Second, idle))
	})
	t.Run("a failure waits longer each time, whoever kicks", func(t *testing.T) {
		t.Parallel()
		n := 0
		o := Options{Interval: time.Second, MaxBackoff: 150 * time.Millisecond, Round: func(context.Context) (bool, error) {
			if n++; n <= 4 {
				return true, errors.New("away")
			}
			return false, nil
		}}
		require.Equal(t, ms(0, 50, 150, 300, 450), rounds(t, o, 900*time.Millisecond, kickAt(10, 60, 160)))
	})
	t.Run("a failure waits no longer than the interval", func(t *testing.T) {
		t.Parallel()
		o := Options{Interval: 60 * time.Millisecond, Round: func(context.Context) (bool, error) { return false, errors.New("away") }}
		require.Equal(t, ms(0, 50, 110, 170), rounds(t, o, 200*time.Millisecond, idle))
	})
}

// What fails is logged as it begins, each minute while it lasts, and as it ends.
func TestAFailureIsLoggedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		start := time.Now()
		o := Options{
			Name: "write poems", Interval: time.Second, Logger: slog.New(slog.NewTextHandler(&log, nil)),
			Round: func(context.Context) (bool, error) {
				if at := time.Since(start); at > 10*time.Second && at < 100*time.Second {
					return false, errors.New("no muse")
				}
				return false, nil
			},
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		New(o).Run(ctx)
		require.Equal(t, 2, strings.Count(log.String(), `work="write poems" error="no muse"`), log.String())
		require.Equal(t, 1, strings.Count(log.String(), "work goes on"), log.String())
	})
}
