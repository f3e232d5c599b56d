package faults

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"nof0/internal/apiclient"
	"nof0/internal/season"
	"nof0/internal/season/seasontest"
	"nof0/internal/testsize"
)

// TestRedisComesBack kills Redis under load and starts it again. Every trade
// acknowledged without it must be in the stream and the projections soon after
// its return, in order per model.
func TestRedisComesBack(t *testing.T) {
	s := startSystem(t)
	plan := season.Fills(season.FillsOptions{Seed: 2, Count: sized(5_000, 600), Models: 5})
	book := seasontest.NewBook()
	s.redis.Kill() // the stream is empty when it comes back
	played, err := s.play(plan, func(events []season.Event, _ []apiclient.Result) {
		for _, e := range events {
			if err := book.Apply(e.Kind, e.Items, e.Body); err != nil {
				t.Errorf("the events contradict themselves: %v", err)
			}
		}
	})
	require.NoError(t, err)
	require.Zero(t, played.Rejected, "%+v", played.Rejections)
	db := s.database()
	waiting := s.count(db, "SELECT count(*) FROM outbox_events WHERE relayed_at IS NULL")
	require.Positive(t, waiting, "nothing was relayed without Redis")

	s.redis.Restart()
	back := time.Now()
	s.eventually("everything is relayed", func() bool {
		return s.count(db, "SELECT count(*) FROM outbox_events WHERE relayed_at IS NULL") == 0
	})
	took := time.Since(back)
	s.agree(db, book)
	client := s.redisClient()
	entries, err := client.XRange(t.Context(), "nof0:trades:stream", "-", "+").Result()
	require.NoError(t, err)
	s.requireInOrder(entries, book)
	for _, model := range book.Models() {
		recent, err := client.LLen(t.Context(), "nof0:trades:recent:{"+model+"}").Result()
		require.NoError(t, err)
		require.Equal(t, int64(min(100, len(book.Trades(model)))), recent, "recent trades of %s", model)
		held, err := client.HLen(t.Context(), "nof0:positions:{"+model+"}").Result()
		require.NoError(t, err)
		require.Equal(t, int64(len(book.Open(model))), held, "positions of %s", model)
	}
	s.figuref("%d events acknowledged with Redis down, relayed %.1f s after its return, in order per model", waiting, took.Seconds())
	if testsize.Full() {
		require.Less(t, took, 5*time.Second)
	}
}

// requireInOrder holds the stream to the trades: each there, those of a model
// in the order of their commits.
func (s *system) requireInOrder(entries []redis.XMessage, book *seasontest.Book) {
	s.t.Helper()
	last := map[string]float64{}
	seen := map[string]map[string]bool{}
	for _, entry := range entries {
		var trade struct {
			ID       string  `json:"id"`
			Model    string  `json:"model_id"`
			ExitTime float64 `json:"exit_time"`
		}
		payload, _ := entry.Values["payload"].(string)
		require.NoError(s.t, json.Unmarshal([]byte(payload), &trade))
		require.GreaterOrEqual(s.t, trade.ExitTime, last[trade.Model], "trades of %s stand in order", trade.Model)
		last[trade.Model] = trade.ExitTime
		if seen[trade.Model] == nil {
			seen[trade.Model] = map[string]bool{}
		}
		seen[trade.Model][trade.ID] = true
	}
	for _, model := range book.Models() {
		require.Len(s.t, seen[model], len(book.Trades(model)), "trades of %s in the stream", model)
	}
}
