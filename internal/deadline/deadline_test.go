package deadline_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/internal/deadline"
)

type key struct{}

func TestItEndsAtItsTime(t *testing.T) {
	t.Parallel()
	for name, wait := range map[string]func(context.Context){
		"who waits":      func(ctx context.Context) { <-ctx.Done() },
		"who looks":      func(context.Context) { time.Sleep(time.Second) },
		"whose child":    func(ctx context.Context) { c, cancel := context.WithCancel(ctx); defer cancel(); <-c.Done() },
		"who comes late": func(ctx context.Context) { time.Sleep(time.Minute); <-ctx.Done() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx := deadline.After(context.WithValue(t.Context(), key{}, "x"), time.Second)
				defer ctx.Cancel()
				at, ok := ctx.Deadline()
				require.True(t, ok)
				require.Equal(t, time.Second, time.Until(at))
				require.NoError(t, ctx.Err())
				wait(ctx)
				require.ErrorIs(t, ctx.Err(), context.DeadlineExceeded)
				require.ErrorIs(t, context.Cause(ctx), context.DeadlineExceeded)
				require.Equal(t, "x", ctx.Value(key{}))
			})
		})
	}
}

func TestItEndsWithItsParent(t *testing.T) {
	t.Parallel()
	for _, waited := range []bool{false, true} {
		parent, cancel := context.WithTimeout(t.Context(), time.Hour)
		ctx := deadline.After(parent, 2*time.Hour)
		if waited {
			require.NotNil(t, ctx.Done())
		}
		at, _ := ctx.Deadline()
		of, _ := parent.Deadline()
		require.Equal(t, of, at)
		cancel()
		<-ctx.Done()
		require.ErrorIs(t, ctx.Err(), context.Canceled)
	}
}

func TestItEndsWhenItIsCanceled(t *testing.T) {
	t.Parallel()
	for _, waited := range []bool{false, true} {
		ctx := deadline.After(context.WithValue(t.Context(), key{}, "x"), time.Hour)
		if waited {
			require.NotNil(t, ctx.Done())
		}
		ctx.Cancel()
		ctx.Cancel()
		<-ctx.Done()
		require.ErrorIs(t, ctx.Err(), context.Canceled)
		require.Equal(t, "x", ctx.Value(key{}), "it outlives the end, for what goes on without it")
		child, cancel := context.WithCancel(ctx)
		defer cancel()
		require.ErrorIs(t, child.Err(), context.Canceled)
	}
}

func TestOnlyWhoWaitsPaysForATimer(t *testing.T) {
	parent := context.WithValue(t.Context(), key{}, "x")
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		ctx := deadline.After(parent, time.Hour)
		_, _ = ctx.Err(), ctx.Value(key{})
		ctx.Cancel()
	}), 1.0, "the context itself")
}
