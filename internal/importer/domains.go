package importer

import (
	"slices"

	"nof0/internal/arena"
	"nof0/internal/snapshot"
)

// kindsOf lists the kinds of row that domains are made of.
func kindsOf(domains []arena.Domain) []string {
	var all []string
	for _, d := range domains {
		switch d {
		case arena.DomainPrices:
			all = append(all, kindPrices)
		case arena.DomainTrades:
			all = append(all, kindTrades)
		case arena.DomainPositions:
			all = append(all, kindPositions)
		case arena.DomainAccounts:
			all = append(all, kindEquity, kindAccounts)
		case arena.DomainAnalytics:
			all = append(all, kindAnalytics, kindStandings)
		case arena.DomainConversations:
			all = append(all, kindThreads, kindDecisions)
		}
	}
	return all
}

// filesOf lists the kinds of file that hold rows of domains; none is all of them.
func filesOf(domains []arena.Domain) []snapshot.Kind {
	var all []snapshot.Kind
	for _, d := range domains {
		switch d {
		case arena.DomainPrices:
			all = append(all, snapshot.CryptoPrices)
		case arena.DomainTrades:
			all = append(all, snapshot.Trades)
		case arena.DomainAccounts:
			all = append(all, snapshot.AccountTotals, snapshot.SinceInception)
		case arena.DomainAnalytics:
			all = append(all, snapshot.Analytics, snapshot.ModelAnalytics, snapshot.Leaderboard)
		case arena.DomainConversations:
			all = append(all, snapshot.Conversations)
		case arena.DomainPositions:
			return nil // they are listed of every model that any file mentions
		}
	}
	return all
}

// keep leaves the rows of the given kinds. The models and symbols that the
// others mention stay known.
func (c *capture) keep(kinds []string) {
	for _, kind := range c.report.Kinds {
		if slices.Contains(kinds, kind.Kind) {
			continue
		}
		switch kind.Kind {
		case kindPrices:
			c.prices = nil
		case kindEquity:
			c.equity = nil
		case kindTrades:
			c.trades = nil
		case kindPositions:
			c.statements = nil
		case kindAccounts:
			c.accounts = nil
		case kindAnalytics:
			c.analytics = nil
		case kindStandings:
			c.standings = nil
		case kindThreads:
			c.threads = nil
		case kindDecisions:
			c.decisions = nil
		}
	}
	for i := range c.report.Kinds {
		if k := &c.report.Kinds[i]; !slices.Contains(kinds, k.Kind) {
			*k = KindReport{Kind: k.Kind, Rows: []snapshot.RowFault{}}
		}
	}
}
