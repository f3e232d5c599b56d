package cachelayer

import (
	"math"
	"time"
)

// isNear tells the values that refreshEarly can decide for, from those that are too far
// from their end: of a random number of 53 bits the logarithm is below 37.
func isNear(cost, left time.Duration) bool { return left <= 37*cost }

// refreshEarly decides whether a value that is still there should be loaded
// again now, by XFetch (Vattani, Chierichetti, Lowenstein: "Optimal
// Probabilistic Cache Stampede Prevention"): the nearer its end and the longer
// its load took, the likelier. cost is what the load took, left is what remains
// of the value's life, and random is drawn from [0, 1).
//
// Every process draws for itself, so that of many readers of a hot key one
// refreshes it, a little before all would have missed it at once.
func refreshEarly(cost, left time.Duration, random float64) bool {
	// The logarithm wants (0, 1].
	return float64(cost)*-math.Log(1-random) >= float64(left)
}
