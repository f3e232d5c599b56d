package relay

import (
	"context"
	"maps"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/repository"
)

// TestProjectionsAreBuiltOncePerModelAndRound counts what a round asks Postgres for: of many
// events of a model the same as of one of each kind, and each projection once.
func TestProjectionsAreBuiltOncePerModelAndRound(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var mu sync.Mutex
	asked := map[string]int{}
	counting, err := b.store.Beside(func(o *repository.Options) {
		o.Observe = func(_ context.Context, repository, method string) func(*error) {
			mu.Lock()
			defer mu.Unlock()
			asked[repository+"."+method]++
			return func(*error) {}
		}
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, counting.Close()) })
	p := b.newProcess(t)
	p.relay.o.Store, p.relay.o.BatchSize = counting, 500
	round := func(from, to int) map[string]int {
		b.season(t, from, to)
		mu.Lock()
		clear(asked)
		mu.Unlock()
		more, err := p.relay.round(b.ctx)
		require.NoError(t, err)
		require.False(t, more)
		waiting, _, err := b.store.Outbox.Lag(b.ctx)
		require.NoError(t, err)
		require.Zero(t, waiting)
		mu.Lock()
		defer mu.Unlock()
		return maps.Clone(asked)
	}
	first := round(0, 25) // of three hours, of which nothing is stored
	one := round(25, 26)
	require.Equal(t, one, round(26, 70), "an hour that has rows goes on, and five begin")
	require.Equal(t, one, first)
	require.NotContains(t, one, "equity.HoursOf", "a series that is read whole")
	models := len(b.models)
	for method, times := range map[string]int{
		"trades.NewestVersions": models, "trades.Find": models, "equity.NewestHoursOf": models,
		"equity.Newest":      models,     // for the leaderboard
		"positions.OpenOf":   2 * models, // a price moves those who hold it
		"decisions.NewestOf": 2 * models, // the last one, and the conversations
	} {
		require.Equal(t, times, one[method], "%s: %v", method, one)
	}
	b.requireWhole(t)
}
