package arena

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/cachelayer"
	"nof0/config"
	"nof0/internal/catalogue"
)

// cacheAlone is a cache without a Redis.
func cacheAlone(t *testing.T) *cachelayer.Cache {
	t.Helper()
	client, err := cachelayer.Open("", config.Default().Redis, cachelayer.Options{})
	require.NoError(t, err)
	cache, err := cachelayer.New(client, config.Default().Cache, cachelayer.Options{})
	require.NoError(t, err)
	t.Cleanup(cache.Close)
	return cache
}

// What a load that nobody waits for any more brings is of when it began: it may end
// after one that began later and has read a newer state.
func TestALateLoadDoesNotReplaceWhatBeganAfterIt(t *testing.T) {
	t.Parallel()
	now := time.Date(2025, time.November, 3, 12, 0, 0, 0, time.UTC)
	cache := cacheAlone(t)
	s, err := NewService(ServiceOptions{Cache: cache, TTLs: config.Default().Cache, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }})
	require.NoError(t, err)
	key, sc := cachelayer.Key{Name: "trades"}, scope{competition: "season-2"}
	before, after := &rendering{ETag: "before"}, &rendering{ETag: "after"}

	s.remember(key.Name, sc.competition, after, now.Add(-5*time.Second))
	s.remember(key.Name, sc.competition, before, now.Add(-9*time.Second))
	last, isKnown := s.lastOf(key, sc)
	require.True(t, isKnown)
	answer := s.stale(t.Context(), &question{view: views[catalogue.ViewTrades], scope: sc}, last, ErrUnavailable)
	assert.Equal(t, "after", answer.ETag)
	assert.Equal(t, 5*time.Second, answer.Age)
	assert.Equal(t, staleMaxAge, answer.MaxAge)

	s.remember(key.Name, "season-3", before, now.Add(-9*time.Second))
	_, isKnown = s.lastOf(key, sc)
	assert.False(t, isKnown, "another competition is the default now")
}

// Whoever waits no longer, since there is a known answer, waits on where that has left the
// memory meanwhile: there is nothing to serve instead.
func TestAnAnswerThatLeavesTheMemoryIsWaitedFor(t *testing.T) {
	t.Parallel()
	cache := cacheAlone(t)
	ttls := config.Default().Cache
	ttls.StaleAfter = time.Millisecond
	for name, keeps := range map[string]bool{"it stays": true, "it leaves": false} {
		s, err := NewService(ServiceOptions{Cache: cache, TTLs: ttls, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
		require.NoError(t, err)
		q, err := s.ask(views[catalogue.ViewTrades], Request{View: catalogue.ViewTrades}, scope{competition: name, keys: s.keys.In(name)})
		require.NoError(t, err)
		answered := make(chan struct{})
		q.document.load = func(ctx context.Context) (*rendering, error) {
			later := time.After(50 * ttls.StaleAfter)
			if keeps {
				later = nil
			} else {
				s.known.InvalidateAll()
			}
			select {
			case <-later:
			case <-answered:
			case <-ctx.Done():
			}
			return &rendering{ETag: "new"}, nil
		}
		s.remember(q.document.key.Name, name, &rendering{ETag: "known"}, time.Now())
		answer, err := s.fromStore(t.Context(), q)
		close(answered)
		require.NoError(t, err, name)
		if keeps || answer.ETag != "new" { // it may be asked for before it has left
			assert.Equal(t, "known", answer.ETag)
		}
	}
}

// After some requests that waited in vain the next do not wait as long, until a while
// has passed or the store has answered.
func TestAfterOutagesNobodyWaitsLong(t *testing.T) {
	t.Parallel()
	cache := cacheAlone(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	now := time.Date(2025, time.November, 3, 12, 0, 0, 0, time.UTC)
	ttls := config.Default().Cache
	ttls.StaleAfter = time.Millisecond
	s, err := NewService(ServiceOptions{Cache: cache, TTLs: ttls, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }})
	require.NoError(t, err)
	q, err := s.ask(views[catalogue.ViewTrades], Request{View: catalogue.ViewTrades}, scope{competition: "season-2", keys: s.keys.In("season-2")})
	require.NoError(t, err)
	q.document.load = func(context.Context) (*rendering, error) {
		<-ctx.Done() // the store hangs
		return nil, ErrUnavailable
	}
	s.remember(q.document.key.Name, q.scope.competition, &rendering{ETag: "known"}, now)
	ask := func() {
		answer, err := s.fromStore(ctx, q)
		require.NoError(t, err)
		require.NoError(t, ctx.Err(), "it waited until the end of the test")
		require.Equal(t, originStale, answer.Origin)
	}
	for range outageFailures {
		ask()
	}

	const long = time.Hour
	s.o.TTLs.StaleAfter = long
	ask()

	assert.Equal(t, long, s.outages.patience(now.Add(outageOpen), long))
	s.outages.over()
	assert.Equal(t, long, s.outages.patience(now, long))
}
