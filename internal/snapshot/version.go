package snapshot

import (
	"fmt"
	"slices"
	"strings"

	"nof0/internal/arena"
)

// filesOf lists the kinds of file that each view is made from.
func filesOf(view arena.View) []Kind {
	switch view {
	case arena.ViewCryptoPrices:
		return []Kind{CryptoPrices}
	case arena.ViewAccountTotals:
		return []Kind{AccountTotals}
	case arena.ViewTrades:
		return []Kind{Trades}
	case arena.ViewSinceInception:
		return []Kind{SinceInception}
	case arena.ViewLeaderboard:
		return []Kind{Leaderboard}
	case arena.ViewAnalytics, arena.ViewAnalyticsOf:
		return []Kind{Analytics, ModelAnalytics}
	case arena.ViewConversations:
		return []Kind{Conversations}
	default: // the positions list every model that any file mentions
		return []Kind{
			Positions, AccountTotals, Trades, SinceInception, Leaderboard, Analytics, ModelAnalytics, Conversations,
		}
	}
}

var _ arena.Files = (*Source)(nil)

// Version implements arena.Files. A file that cannot be looked at has a version
// too: that of one that is not there.
func (s *Source) Version(view arena.View) string {
	kinds := filesOf(view)
	var names []string
	for _, kind := range kinds {
		if kind != ModelAnalytics {
			names = append(names, FileName(kind, ""))
		}
	}
	if slices.Contains(kinds, ModelAnalytics) {
		single, _ := s.files.names(ModelAnalytics) // the view itself will tell
		names = append(names, single...)
	}
	var version strings.Builder
	for _, name := range names {
		if stamp, err := s.files.stamp(name); err == nil {
			fmt.Fprintf(&version, "%s %x ", name, stamp)
		}
	}
	return version.String()
}
