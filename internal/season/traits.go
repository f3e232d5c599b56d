package season

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Benchmark is the account that buys BTC at its inception and holds it.
const Benchmark = "buynhold_btc"

// competitors returns the ids of the first n competitors: those of the real
// arena, then challengers of our own.
func competitors(n int) []string {
	ids := []string{"claude-sonnet-4-5", "deepseek-chat-v3.1", "gemini-2.5-pro", "gpt-5", "grok-4", "qwen3-max"}
	for i := len(ids); i < n; i++ {
		ids = append(ids, fmt.Sprintf("challenger-%03d", i+1))
	}
	ids = ids[:n]
	slices.Sort(ids)
	return ids
}

// traits are the habits of a model.
type traits struct {
	shorts       int // percent of the chances to go short that it takes
	contrary     int // percent of entries against the trend
	minLeverage  int64
	maxLeverage  int64         // before the coin's own limit
	patience     time.Duration // the most that it waits between entries beyond the pause
	longestHold  time.Duration
	objectTrace  bool // its reasoning is published as an object
	failsPercent int  // of its answers that are no JSON
}

// drawTraits gives the real models the habits that distinguish them, and draws
// everything else.
func drawTraits(r *rand.Rand, id string) traits {
	t := traits{
		shorts:       between(r, 30, 90),
		contrary:     between(r, 5, 40),
		minLeverage:  int64(between(r, 3, 8)),
		maxLeverage:  int64(between(r, 10, 25)),
		patience:     time.Duration(between(r, 30, 360)) * time.Minute,
		longestHold:  time.Duration(between(r, 12, 72)) * time.Hour,
		objectTrace:  chance(r, 20),
		failsPercent: 1,
	}
	switch id {
	case "claude-sonnet-4-5":
		t.shorts = 0
	case "deepseek-chat-v3.1":
		t.failsPercent = 6
	case "gemini-2.5-pro", "gpt-5":
		t.patience = 30 * time.Minute
	case "grok-4", "qwen3-max":
		t.objectTrace = true
	}
	return t
}
