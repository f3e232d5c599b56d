package relay

import (
	"context"
	"maps"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/entities"
	"nof0/internal/arena"
	"nof0/repository"
)

// TestProjectionsAreBuiltOncePerModelAndRound counts what a round asks Postgres for: of many
// events of a model the same as of one of each kind, each projection once, and what all
// models share once for all of them.
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
	p.relay.o.Store, p.relay.o.BatchSize = counting, 1000
	require.NoError(t, p.relay.Warm(b.ctx)) // it then knows the default competition
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
		"outbox.Claim": 1, "outbox.MarkRelayed": 1, "store.Commit": 1, "competitions.Default": 1,
		"trades.NewestVersions": 1, "trades.Find": 1, "equity.NewestHoursOf": models,
		"equity.Newest":      1,          // for the leaderboard
		"positions.OpenOf":   1,          // a price moves those who hold it
		"decisions.NewestOf": 2 * models, // the last one, and the conversations
	} {
		require.Equal(t, times, one[method], "%s: %v", method, one)
	}
	b.requireWhole(t)
}

// Models that share a transaction do not share what one of them is at fault for.
func TestWhatOneModelIsAtFaultForKeepsNoOtherWaiting(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.newProcess(t)
	b.trade(t, "ant", 1)
	b.write(t, "bee", func(context.Context, repository.Repositories) ([]entities.OutboxEvent, error) {
		return []entities.OutboxEvent{event("bee", arena.EventEquity, "no object")}, nil
	})
	b.trade(t, "cow", 1)
	more, err := p.relay.round(b.ctx)
	require.NoError(t, err)
	require.False(t, more)
	waiting, err := b.store.Outbox.Pending(b.ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"bee"}, waiting)
	b.trade(t, "ant", 2)
	require.Equal(t, [][]string{{"bee"}, {"ant"}}, p.relay.grouped([]string{"ant", "bee"}), "it is alone until it has got through")
	for range p.relay.o.Tries {
		_, err := p.relay.round(b.ctx)
		require.NoError(t, err)
	}
	waiting, err = b.store.Outbox.Pending(b.ctx)
	require.NoError(t, err)
	require.Empty(t, waiting)
	ids, times := b.streamed(t)
	require.Equal(t, []int{2, 1}, []int{len(ids["ant"]), len(ids["cow"])})
	for id, n := range times {
		require.Equal(t, 1, n, id)
	}
}
