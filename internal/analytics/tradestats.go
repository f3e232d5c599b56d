package analytics

import (
	"math"

	"nof0/internal/wire"
)

// TradeStats are the sums from which every field over trades follows, but for
// medians, extremes and the newest trade. They advance by one trade in constant
// time. The zero value is empty; a TradeStats must not be copied after use.
type TradeStats struct {
	Net      Stats `json:"net"`      // realized net PnL, USD
	Gross    Stats `json:"gross"`    // realized gross PnL, USD, of the trades that state it
	Fee      Stats `json:"fee"`      // total commission, USD, of the trades that state it
	Notional Stats `json:"notional"` // |quantity| · entry price, USD
	Holding  Stats `json:"holding"`  // exit − entry, seconds: minutes would not be exact

	Winners TradeGroup `json:"winners"` // net PnL > 0
	Losers  TradeGroup `json:"losers"`  // the rest
	Longs   TradeGroup `json:"longs"`
	Shorts  TradeGroup `json:"shorts"`

	net, notional, holding, other value // scratch: adding a trade then allocates nothing
}

// TradeGroup are the statistics of a part of the trades.
type TradeGroup struct {
	Net      Stats `json:"net"`      // USD
	Notional Stats `json:"notional"` // USD
	Holding  Stats `json:"holding"`  // seconds
}

// Add adds a trade. It reports false for one that is left out because it holds
// what is no number.
func (s *TradeStats) Add(t *wire.Trade) bool {
	net, notional, holding, other := &s.net, &s.notional, &s.holding, &s.other
	if !net.set(t.RealizedNetPnl) || !notional.setProduct(math.Abs(t.Quantity), t.EntryPrice) {
		return false
	}
	holding.setMicros(microsBetween(t.EntryTime, t.ExitTime))
	s.Net.add(net)
	s.Notional.add(notional)
	s.Holding.add(holding)
	if g, ok := t.RealizedGrossPnl.Get(); ok && other.set(g) {
		s.Gross.add(other)
	}
	if c, ok := t.TotalCommissionDollars.Get(); ok && other.set(c) {
		s.Fee.add(other)
	}

	outcome, side := &s.Losers, &s.Longs
	if t.RealizedNetPnl > 0 {
		outcome = &s.Winners
	}
	if t.Side == "short" {
		side = &s.Shorts
	}
	for _, g := range [2]*TradeGroup{outcome, side} {
		g.Net.add(net)
		g.Notional.add(notional)
		g.Holding.add(holding)
	}
	return true
}

func (s *TradeStats) fill(doc *Document) {
	total := float64(s.Net.Count())

	f := &doc.FeePnlMoves
	f.TotalFeesPaid = s.Fee.Sum()
	f.OverallPnlWithoutFees = s.Gross.Sum()
	f.OverallPnlWithFees = s.Net.Sum()
	if f.OverallPnlWithFees > 0 {
		f.TotalFeesAsPctOfPnl = pct(f.TotalFeesPaid, f.OverallPnlWithFees)
	}
	doc.WinnersLosers.WinRate = pct(float64(s.Winners.Net.Count()), total)
	l := &doc.LongsShorts
	l.NumLongTrades, l.NumShortTrades = s.Longs.Net.Count(), s.Shorts.Net.Count()
	l.LongShortTradesRatio = ratio(float64(l.NumLongTrades), total)
	doc.OverallTradesOverview.TotalTrades = s.Net.Count()
	doc.tradeSpreads(s).set()
}
