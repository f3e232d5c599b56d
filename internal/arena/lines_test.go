package arena

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/internal/await"
)

const longEnough = time.Minute

func TestWritesOfAModelGoOneAfterTheOther(t *testing.T) {
	t.Parallel()
	var l lines
	var all sync.WaitGroup
	under := map[string]*atomic.Int64{"a": {}, "b": {}, "c": {}}
	for _, models := range [][]string{{"a"}, {"a", "b"}, {"b"}, {"b", "c"}, {"a", "b", "c"}, {"c"}} {
		for range 50 {
			all.Go(func() {
				next, err := l.wait(t.Context(), models, longEnough)
				if err != nil {
					t.Error(err)
					return
				}
				for _, m := range models {
					assert.EqualValues(t, 1, under[m].Add(1))
				}
				for _, m := range models {
					under[m].Add(-1)
				}
				next()
			})
		}
	}
	all.Wait()
	assert.Empty(t, l.byModel, "nothing is kept of models that nobody writes")
}

func TestAWriteThatWaitsInVainIsBusy(t *testing.T) {
	t.Parallel()
	var l lines
	hold, err := l.wait(t.Context(), []string{"b"}, longEnough)
	require.NoError(t, err)
	_, err = l.wait(t.Context(), []string{"a", "b"}, time.Millisecond)
	require.ErrorIs(t, err, ErrBusy)
	require.NotErrorIs(t, err, context.DeadlineExceeded, "which would be an outage")
	next, err := l.wait(t.Context(), []string{"a"}, longEnough)
	require.NoError(t, err, "the one that gave up holds nothing")
	next()
	hold()
	assert.Empty(t, l.byModel)
}

func TestALineIsBounded(t *testing.T) {
	t.Parallel()
	var l lines
	ctx, cancel := context.WithCancel(t.Context())
	hold, err := l.wait(ctx, []string{"m"}, longEnough)
	require.NoError(t, err)
	var all sync.WaitGroup
	for range longestLine - 1 {
		all.Go(func() {
			_, err := l.wait(ctx, []string{"m"}, longEnough)
			assert.ErrorIs(t, err, ErrBusy)
		})
	}
	await.True(t, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.byModel["m"].in == longestLine
	})
	_, err = l.wait(ctx, []string{"m"}, longEnough)
	require.ErrorContains(t, err, "wait for each other already")
	cancel()
	all.Wait()
	hold()
	assert.Empty(t, l.byModel)
}
