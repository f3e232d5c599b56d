package season

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"nof0/internal/wire"
)

// The live API shows no more than the newest of these, and neither does a
// capture of it.
const (
	recentTrades        = 100 // of each model
	recentConversations = 100 // of all models together
)

// File is one file of a capture.
type File struct {
	Name    string
	Payload any // of package wire
}

// Capture returns the season as a capture of every endpoint at its end would
// have it. Only trades and conversations are capped: the rest counts what they
// no longer show.
func (s *Season) Capture() ([]File, error) {
	const rendering = 1500 * time.Millisecond
	served := wire.Millis(s.End().Add(rendering))
	f := s.Facts()

	prices := make(map[string]wire.Price)
	for _, p := range s.Prices(s.Minutes() - 1) {
		prices[p.Symbol] = p
	}
	docs := s.Analytics()
	all := wire.Analytics{ServerTime: served}
	files := []File{
		{"crypto-prices.json", wire.CryptoPrices{Prices: prices, ServerTime: served}},
		{"account-totals.json", wire.AccountTotals{
			AccountTotals: f.Equity, LastHourlyMarkerRead: int64(s.options.Hours - 1), ServerTime: served,
		}},
		{"trades.json", wire.Trades{Trades: newestTrades(f.Trades), ServerTime: served}},
		{"positions.json", wire.Positions{AccountTotals: f.Positions, ServerTime: served}},
		{"since-inception-values.json", wire.SinceInceptionValues{SinceInceptionValues: f.Accounts, ServerTime: served}},
		{"leaderboard.json", wire.Leaderboard{Leaderboard: s.Leaderboard(), ServerTime: served}},
		{"conversations.json", wire.Conversations{Conversations: newestDocuments(f.Decisions), ServerTime: served}},
	}
	for i := range docs {
		raw, err := wire.Marshal(&docs[i])
		if err != nil {
			return nil, fmt.Errorf("error encoding the analytics of %s: %w", docs[i].ModelID, err)
		}
		all.Analytics = append(all.Analytics, raw)
		files = append(files, File{
			"analytics-" + docs[i].ModelID + ".json",
			wire.Analytics{Analytics: all.Analytics[i : i+1 : i+1], ServerTime: served},
		})
	}
	return append(files, File{"analytics.json", all}), nil
}

// newestTrades returns the newest trades of each model, models by id, the
// newest exit first.
func newestTrades(trades []wire.Trade) []wire.Trade {
	sorted := slices.Clone(trades)
	slices.SortFunc(sorted, func(a, b wire.Trade) int {
		return cmp.Or(cmp.Compare(a.ModelID, b.ModelID), byExit(b, a))
	})
	newest := make([]wire.Trade, 0, len(sorted))
	ofModel := 0
	for i := range sorted {
		if i > 0 && sorted[i].ModelID != sorted[i-1].ModelID {
			ofModel = 0
		}
		if ofModel < recentTrades {
			newest = append(newest, sorted[i])
		}
		ofModel++
	}
	return newest
}

// newestDocuments returns the newest decisions, the newest first.
func newestDocuments(decisions []wire.Decision) []wire.Document {
	recent := decisions[max(0, len(decisions)-recentConversations):]
	docs := make([]wire.Document, len(recent))
	for i := range recent {
		docs[len(recent)-1-i] = wire.Document{Decision: &recent[i]}
	}
	return docs
}
