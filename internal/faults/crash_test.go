package faults

import (
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/internal/apiclient"
	"nof0/internal/season"
	"nof0/internal/season/seasontest"
)

// TestNothingIsLostOrDoubledByCrashes plays fills while Postgres and the API
// are killed with -9 at random moments. What was acknowledged must be there,
// once, and everything must agree with a model that only read the events.
func TestNothingIsLostOrDoubledByCrashes(t *testing.T) {
	s := startSystem(t)
	fills, kills := sized(100_000, 1_500), sized(50, 3)
	plan := season.Fills(season.FillsOptions{Seed: 1, Count: fills})

	book := seasontest.NewBook()
	var settled atomic.Int64
	done := make(chan struct{})
	began := time.Now()
	var played season.Played
	var playErr error
	go func() {
		defer close(done)
		played, playErr = s.play(plan, func(events []season.Event, results []apiclient.Result) {
			for _, e := range events {
				if err := book.Apply(e.Kind, e.Items, e.Body); err != nil {
					t.Errorf("the events contradict themselves: %v", err)
				}
			}
			settled.Add(int64(len(results)))
		})
	}()

	killed := s.killAtRandom(plan.Len(), kills, &settled, done)
	<-done
	require.NoError(t, playErr)
	require.Zero(t, played.Rejected, "%+v", played.Rejections)
	s.awaitAPI()
	db := s.database()
	s.agree(db, book)
	s.figuref("%d fills, Postgres killed %d times and the API %d times: %d items acknowledged, %d retries, 0 lost, 0 doubled, 0 disagree; %.0f s, %.0f items/s",
		fills, killed[0], killed[1], played.Items, played.Retries, time.Since(began).Seconds(), played.PerSecond)
	require.Equal(t, [2]int{kills, kills}, killed)
}

// killAtRandom kills Postgres and the API each the given number of times, at
// moments spread over the items to come. It returns how often it did.
func (s *system) killAtRandom(items, kills int, settled *atomic.Int64, done <-chan struct{}) (killed [2]int) {
	s.t.Helper()
	random := rand.New(rand.NewPCG(1, 1))
	moments := make([]int64, 2*kills)
	for i := range moments {
		moments[i] = random.Int64N(int64(items) * 8 / 10)
	}
	slices.Sort(moments)
	targets := random.Perm(len(moments))
	for i, moment := range moments {
		for settled.Load() < moment {
			select {
			case <-done:
				return killed
			case <-time.After(time.Millisecond):
			}
		}
		if targets[i]%2 == 0 {
			s.killPostgres()
			killed[0]++
		} else {
			s.killAPI()
			killed[1]++
		}
	}
	return killed
}
