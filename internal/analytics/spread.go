package analytics

import "math"

// spread is a mean and a sample deviation of a Document, with what they are computed from.
type spread struct {
	mean, std *float64
	of        *Stats
	unit      float64 // of the document, in that of the values
	counted   int64   // how many values the document has counted
}

// spreads are those over a kind of facts, always in the same order.
type spreads []spread

// set computes all from the values alone.
func (all spreads) set() {
	for _, s := range all {
		*s.mean, *s.std = s.of.Mean()/s.unit, s.of.Std()/s.unit
	}
}

// advance computes all from those of an imported document, and the values since together.
//
// Of two groups, n = n₁+n₂, δ = mean₂−mean₁: mean = mean₁ + δ·n₂/n and M2 = M2₁ +
// M2₂ + δ²·n₁·n₂/n (Chan, Golub, LeVeque 1979), where M2 = std²·(n−1).
func (all spreads) advance(imported spreads) {
	all.set()
	for i, s := range all {
		old := imported[i]
		n1, n2 := float64(old.counted), float64(s.of.Count())
		switch {
		case n2 == 0:
			*s.mean, *s.std = *old.mean, *old.std
		case n1 > 0:
			n, delta := n1+n2, *s.mean-*old.mean
			squares := *old.std**old.std*(n1-1) + *s.std**s.std*(n2-1) + delta*delta*n1*n2/n
			*s.mean, *s.std = *old.mean+delta*n2/n, math.Sqrt(max(squares, 0)/(n-1))
		}
	}
}

// tradeSpreads are those over trades.
func (d *Document) tradeSpreads(s *TradeStats) spreads {
	f, w, l, o := &d.FeePnlMoves, &d.WinnersLosers, &d.LongsShorts, &d.OverallTradesOverview
	winners := d.winners()
	losers := o.TotalTrades - winners
	return spreads{
		{&f.AvgNetPnl, &f.StdNetPnl, &s.Net, 1, o.TotalTrades},
		{&f.AvgGrossPnl, &f.StdGrossPnl, &s.Gross, 1, o.TotalTrades},
		{&f.AvgTakerFee, &f.StdTakerFee, &s.Fee, 1, o.TotalTrades},
		{&o.AvgHoldingPeriodMins, &o.StdHoldingPeriodMins, &s.Holding, secondsPerMinute, o.TotalTrades},
		{&o.AvgSizeOfTradeNotional, &o.StdSizeOfTradeNotional, &s.Notional, 1, o.TotalTrades},
		{&w.AvgWinnersNetPnl, &w.StdWinnersNetPnl, &s.Winners.Net, 1, winners},
		{&w.AvgWinnersNotional, &w.StdWinnersNotional, &s.Winners.Notional, 1, winners},
		{&w.AvgWinnersHoldingPeriod, &w.StdWinnersHoldingPeriod, &s.Winners.Holding, secondsPerMinute, winners},
		{&w.AvgLosersNetPnl, &w.StdLosersNetPnl, &s.Losers.Net, 1, losers},
		{&w.AvgLosersNotional, &w.StdLosersNotional, &s.Losers.Notional, 1, losers},
		{&w.AvgLosersHoldingPeriod, &w.StdLosersHoldingPeriod, &s.Losers.Holding, secondsPerMinute, losers},
		{&l.AvgLongsNetPnl, &l.StdLongsNetPnl, &s.Longs.Net, 1, l.NumLongTrades},
		{&l.AvgLongsNotional, &l.StdLongsNotional, &s.Longs.Notional, 1, l.NumLongTrades},
		{&l.AvgLongsHoldingPeriod, &l.StdLongsHoldingPeriod, &s.Longs.Holding, secondsPerMinute, l.NumLongTrades},
		{&l.AvgShortsNetPnl, &l.StdShortsNetPnl, &s.Shorts.Net, 1, l.NumShortTrades},
		{&l.AvgShortsNotional, &l.StdShortsNotional, &s.Shorts.Notional, 1, l.NumShortTrades},
		{&l.AvgShortsHoldingPeriod, &l.StdShortsHoldingPeriod, &s.Shorts.Holding, secondsPerMinute, l.NumShortTrades},
	}
}

// decisionSpreads are those over decisions, but for leverageSpreads. The means of
// confidence are taken to be over all signals of their class.
func (d *Document) decisionSpreads(t *decisionTotals) spreads {
	s, v := &d.Signals, &d.Invocation
	entries := s.NumLongSignals + s.NumShortSignals
	return spreads{
		{&s.AvgConfidence, &s.StdConfidence, &t.Signals.All.Confidence, 1, s.TotalSignals},
		{&s.AvgConfidenceLong, &s.StdConfidenceLong, &t.Signals.Longs.Confidence, 1, s.NumLongSignals},
		{&s.AvgConfidenceShort, &s.StdConfidenceShort, &t.Signals.Shorts.Confidence, 1, s.NumShortSignals},
		{&s.AvgConfidenceClose, &s.StdConfidenceClose, &t.Signals.Closes.Confidence, 1, s.NumCloseSignals},
		{&s.AvgConfidenceHold, &s.StdConfidenceHold, &t.Signals.Holds.Confidence, 1, s.NumHoldSignals},
		{&d.OverallTradesOverview.AvgConvoLeverage, new(float64), &t.Signals.EntryLeverage, 1, entries},
		{&v.AvgInvocationBreakMins, &v.StdInvocationBreakMins, &t.Gaps, secondsPerMinute, max(v.NumInvocations-1, 0)},
	}
}

func (d *Document) leverageSpreads(t *signalTotals) spreads {
	s := &d.Signals
	return spreads{
		{&s.AvgLeverage, &s.StdLeverage, &t.All.Leverage, 1, s.TotalSignals},
		{&s.AvgLeverageLong, &s.StdLeverageLong, &t.Longs.Leverage, 1, s.NumLongSignals},
		{&s.AvgLeverageShort, &s.StdLeverageShort, &t.Shorts.Leverage, 1, s.NumShortSignals},
	}
}
