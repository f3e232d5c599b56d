package season

import (
	"math"
	"math/rand/v2"
	"time"
)

// market is the price of every coin at every minute of the season.
type market struct {
	start time.Time
	coins []coin
	ticks [][]int64 // by coin, then minute
}

func newMarket(o Options) *market {
	m := &market{start: o.Start, coins: coins()}
	r := stream(o.Seed, "prices")
	minutes := o.Hours*60 + 1
	m.ticks = make([][]int64, len(m.coins))
	for i := range m.coins {
		m.ticks[i] = make([]int64, minutes)
		m.ticks[i][0] = m.coins[i].start + int64(math.Round(float64(m.coins[i].start)*0.02*bell(r)/3))
	}
	for minute := 1; minute < minutes; minute++ {
		together := bell(r)
		if r.IntN(720) == 0 {
			together *= 4 // news, about twice a day
		}
		for i := range m.coins {
			m.ticks[i][minute] = m.coins[i].step(r, m.ticks[i][minute-1], together)
		}
	}
	return m
}

// step moves a price by a minute: coins move together for the larger part, and
// are drawn back to where they started a little, so that a long season ends at
// prices that still look like theirs.
func (c *coin) step(r *rand.Rand, ticks int64, together float64) int64 {
	noise := float64(0.8*together) + float64(0.6*bell(r)) // converted, so that no machine fuses the two
	back := float64(c.start-ticks) * 2e-5
	next := ticks + int64(math.Round(float64(float64(ticks)*c.volatility*noise)+back))
	return min(max(next, c.start/10), c.start*10)
}

// minute returns the index of the last minute that began at or before t.
func (m *market) minute(t time.Time) int {
	return min(max(int(t.Sub(m.start)/time.Minute), 0), len(m.ticks[0])-1)
}

// at returns the price of a coin in ticks.
func (m *market) at(coin int, t time.Time) int64 { return m.ticks[coin][m.minute(t)] }
