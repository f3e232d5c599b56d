//go:build captures

package captures

import (
	"os"
	"testing"
)

// dataVar names the directory of the live captures.
const dataVar = "NOF0_TEST_CAPTURES"

func root(t testing.TB) string {
	t.Helper()
	dir := os.Getenv(dataVar)
	if dir == "" {
		t.Fatal(dataVar + " is not set: run make test-captures DATA=DIR")
	}
	return dir
}

// Earlier is of every endpoint, with conversations in the older shape. Later is
// of two days after it; it has no account totals and no positions, and its
// conversations are decisions.
//
//nolint:gochecknoglobals // what is known of files
var (
	Earlier = Capture{
		Name: "nof1-2025-10-26",
		Rows: map[string]int{
			"account-totals": 1393, "analytics": 6, "analytics-MODEL": 6, "conversations": 6, "crypto-prices": 6,
			"leaderboard": 6, "positions": 6, "since-inception-values": 7, "trades": 230,
		},
		Threads: 6, OpenPositions: 8,
	}
	Later = Capture{
		Name: "nof1-2025-10-28",
		Rows: map[string]int{
			"analytics": 6, "conversations": 100, "crypto-prices": 6, "leaderboard": 6, "since-inception-values": 7, "trades": 253,
		},
		Decisions: 100,
	}
)

// Hours is the number of equity rows of each account, Trades the number of
// trades that the two captures hold together, and CappedTrades those of Capped.
const (
	Hours        = 199
	Trades       = 269
	CappedTrades = 116
)

// Capped is the model of which both captures hold but the newest 100 trades.
const Capped = "gemini-2.5-pro"

// Complete are the models whose trades both hold from the first on.
//
//nolint:gochecknoglobals // what is known of files
var Complete = []string{"claude-sonnet-4-5", "deepseek-chat-v3.1", "gpt-5", "grok-4", "qwen3-max"}
