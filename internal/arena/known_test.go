package arena

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/cachelayer"
	"nof0/config"
)

// What a load that nobody waits for any more brings is of when it began: it may end
// after one that began later and has read a newer state.
func TestALateLoadDoesNotReplaceWhatBeganAfterIt(t *testing.T) {
	t.Parallel()
	now := time.Date(2025, time.November, 3, 12, 0, 0, 0, time.UTC)
	client, err := cachelayer.Open("", config.Default().Redis, cachelayer.Options{})
	require.NoError(t, err)
	cache, err := cachelayer.New(client, config.Default().Cache, cachelayer.Options{})
	require.NoError(t, err)
	t.Cleanup(cache.Close)
	s, err := NewService(ServiceOptions{Cache: cache, TTLs: config.Default().Cache, Now: func() time.Time { return now }})
	require.NoError(t, err)
	key, sc := cachelayer.Key{Name: "trades"}, scope{competition: "season-2"}
	before, after := &rendering{ETag: "before"}, &rendering{ETag: "after"}

	s.remember(key.Name, sc.competition, after, now.Add(-5*time.Second))
	s.remember(key.Name, sc.competition, before, now.Add(-9*time.Second))
	answer, err := s.stale(key, sc, origin{originStore, time.Minute})
	require.NoError(t, err)
	assert.Equal(t, "after", answer.ETag)
	assert.Equal(t, 5*time.Second, answer.Age)
	assert.Equal(t, staleMaxAge, answer.MaxAge)

	s.remember(key.Name, "season-3", before, now.Add(-9*time.Second))
	_, isKnown := s.lastOf(key, sc)
	assert.False(t, isKnown, "another competition is the default now")
}
