package jsonstore

import (
	"fmt"
	"slices"
	"strings"

	"nof0/internal/catalogue"
	"nof0/internal/snapshot"
)

// filesOf lists the kinds of file that each view is made from.
func filesOf(view catalogue.ViewName) []snapshot.Kind {
	switch view {
	case catalogue.ViewCryptoPrices:
		return []snapshot.Kind{snapshot.CryptoPrices}
	case catalogue.ViewAccountTotals:
		return []snapshot.Kind{snapshot.AccountTotals}
	case catalogue.ViewAnalyticsOf:
		return []snapshot.Kind{snapshot.Analytics, snapshot.ModelAnalytics}
	case catalogue.ViewConversations:
		return []snapshot.Kind{snapshot.Conversations}
	default: // what lists or selects models or symbols, in which every file has a part
		return []snapshot.Kind{
			snapshot.Positions, snapshot.AccountTotals, snapshot.Trades, snapshot.SinceInception, snapshot.Leaderboard, snapshot.Analytics, snapshot.ModelAnalytics, snapshot.Conversations, snapshot.CryptoPrices,
		}
	}
}

// Version names the state of the files that a view is made from. A file that cannot be looked at has a version
// too: that of one that is not there.
func (s *Source) Version(view catalogue.ViewName) string {
	kinds := filesOf(view)
	var names []string
	for _, kind := range kinds {
		if kind != snapshot.ModelAnalytics {
			names = append(names, snapshot.FileName(kind, ""))
		}
	}
	if slices.Contains(kinds, snapshot.ModelAnalytics) {
		single, _ := s.files.names(snapshot.ModelAnalytics) // the view itself fails for it
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
