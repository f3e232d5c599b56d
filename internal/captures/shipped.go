//go:build !captures

package captures

import "testing"

func root(t testing.TB) string {
	t.Helper()
	return Testdata(t)
}

// Earlier is of every endpoint, with conversations in the older shape. Later is
// of six hours after it; it has no account totals and no positions, and its
// conversations are decisions.
//
//nolint:gochecknoglobals // what is known of files
var (
	Earlier = Capture{
		Name: "earlier",
		Rows: map[string]int{
			"account-totals": 168, "analytics": 3, "analytics-MODEL": 3, "conversations": 3, "crypto-prices": 6,
			"leaderboard": 3, "positions": 3, "since-inception-values": 4, "trades": 150,
		},
		Threads: 3, OpenPositions: 6,
	}
	Later = Capture{
		Name: "later",
		Rows: map[string]int{
			"analytics": 3, "conversations": 100, "crypto-prices": 6, "leaderboard": 3, "since-inception-values": 4, "trades": 158,
		},
		Decisions: 100,
	}
)

// Hours is the number of equity rows of each account, Trades the number of
// trades that the two captures hold together, and CappedTrades those of Capped.
const (
	Hours        = 42
	Trades       = 172
	CappedTrades = 114
)

// Capped is the model of which both captures hold but the newest 100 trades.
const Capped = "gemini-2.5-pro"

// Complete are the models whose trades both hold from the first on.
//
//nolint:gochecknoglobals // what is known of files
var Complete = []string{"claude-sonnet-4-5", "deepseek-chat-v3.1"}
