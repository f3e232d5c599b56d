package analytics

import (
	"math"

	"nof0/internal/wire"
)

// moments are a mean and a sample deviation that somebody else computed.
type moments struct {
	n         int64
	mean, std float64
}

// with returns mean and deviation of what m was computed from together with the
// values of s, which are in the given unit of m.
//
// Of two groups, n = n₁+n₂, δ = mean₂−mean₁: mean = mean₁ + δ·n₂/n and M2 = M2₁ +
// M2₂ + δ²·n₁·n₂/n (Chan, Golub, LeVeque 1979), where M2 = std²·(n−1).
func (m moments) with(s *Stats, unit float64) (mean, std float64) {
	n1, n2 := float64(m.n), float64(s.Count())
	mean2, std2 := s.Mean()/unit, s.Std()/unit
	switch {
	case n2 == 0:
		return m.mean, m.std
	case n1 <= 0:
		return mean2, std2
	}
	n, delta := n1+n2, mean2-m.mean
	squares := m.std*m.std*(n1-1) + std2*std2*(n2-1) + delta*delta*n1*n2/n
	return m.mean + delta*n2/n, math.Sqrt(max(squares, 0) / (n - 1))
}

// advanceTrades replaces the fields over trades, which are those of since alone,
// by those of the imported document and since together. Medians, which cannot
// be advanced, stay as imported.
func (d *Document) advanceTrades(imported *Document, since *tradeTotals) {
	s := &since.Stats
	total := imported.OverallTradesOverview.TotalTrades

	f, old := &d.FeePnlMoves, imported.FeePnlMoves
	f.TotalFeesPaid += old.TotalFeesPaid
	f.OverallPnlWithoutFees += old.OverallPnlWithoutFees
	f.OverallPnlWithFees += old.OverallPnlWithFees
	f.TotalFeesAsPctOfPnl = 0
	if f.OverallPnlWithFees > 0 {
		f.TotalFeesAsPctOfPnl = pct(f.TotalFeesPaid, f.OverallPnlWithFees)
	}
	f.AvgNetPnl, f.StdNetPnl = moments{total, old.AvgNetPnl, old.StdNetPnl}.with(&s.Net, 1)
	f.AvgGrossPnl, f.StdGrossPnl = moments{total, old.AvgGrossPnl, old.StdGrossPnl}.with(&s.Gross, 1)
	f.AvgTakerFee, f.StdTakerFee = moments{total, old.AvgTakerFee, old.StdTakerFee}.with(&s.Fee, 1)
	if s.Net.Count() == 0 {
		f.BiggestNetLoss, f.BiggestNetGain = old.BiggestNetLoss, old.BiggestNetGain
	} else if total > 0 {
		f.BiggestNetLoss = min(f.BiggestNetLoss, old.BiggestNetLoss)
		f.BiggestNetGain = max(f.BiggestNetGain, old.BiggestNetGain)
	}
	d.advanceOutcomes(imported, s)
	d.advanceSides(imported, s)

	o, overview := &d.OverallTradesOverview, imported.OverallTradesOverview
	o.TotalTrades = total + s.Net.Count()
	o.AvgHoldingPeriodMins, o.StdHoldingPeriodMins = moments{total, overview.AvgHoldingPeriodMins, overview.StdHoldingPeriodMins}.with(&s.Holding, secondsPerMinute)
	o.AvgSizeOfTradeNotional, o.StdSizeOfTradeNotional = moments{total, overview.AvgSizeOfTradeNotional, overview.StdSizeOfTradeNotional}.with(&s.Notional, 1)
	o.MedianHoldingPeriodMins = overview.MedianHoldingPeriodMins
	o.MedianSizeOfTradeNotional = overview.MedianSizeOfTradeNotional
	if since.Newest.ID == "" {
		d.LastTradeDocID, d.LastTradeExitTime = imported.LastTradeDocID, imported.LastTradeExitTime
	}
}

func (d *Document) advanceOutcomes(imported *Document, s *TradeStats) {
	w, old := &d.WinnersLosers, imported.WinnersLosers
	total := imported.OverallTradesOverview.TotalTrades
	winners := int64(math.Round(old.WinRate / 100 * float64(total)))
	losers := total - winners
	w.WinRate = pct(float64(winners+s.Winners.Net.Count()), float64(total+s.Net.Count()))
	w.AvgWinnersNetPnl, w.StdWinnersNetPnl = moments{winners, old.AvgWinnersNetPnl, old.StdWinnersNetPnl}.with(&s.Winners.Net, 1)
	w.AvgWinnersNotional, w.StdWinnersNotional = moments{winners, old.AvgWinnersNotional, old.StdWinnersNotional}.with(&s.Winners.Notional, 1)
	w.AvgWinnersHoldingPeriod, w.StdWinnersHoldingPeriod = moments{winners, old.AvgWinnersHoldingPeriod, old.StdWinnersHoldingPeriod}.with(&s.Winners.Holding, secondsPerMinute)
	w.AvgLosersNetPnl, w.StdLosersNetPnl = moments{losers, old.AvgLosersNetPnl, old.StdLosersNetPnl}.with(&s.Losers.Net, 1)
	w.AvgLosersNotional, w.StdLosersNotional = moments{losers, old.AvgLosersNotional, old.StdLosersNotional}.with(&s.Losers.Notional, 1)
	w.AvgLosersHoldingPeriod, w.StdLosersHoldingPeriod = moments{losers, old.AvgLosersHoldingPeriod, old.StdLosersHoldingPeriod}.with(&s.Losers.Holding, secondsPerMinute)
}

func (d *Document) advanceSides(imported *Document, s *TradeStats) {
	l, old := &d.LongsShorts, imported.LongsShorts
	longs, shorts := old.NumLongTrades, old.NumShortTrades
	l.NumLongTrades, l.NumShortTrades = longs+s.Longs.Net.Count(), shorts+s.Shorts.Net.Count()
	l.LongShortTradesRatio = ratio(float64(l.NumLongTrades), float64(l.NumLongTrades+l.NumShortTrades))
	l.AvgLongsNetPnl, l.StdLongsNetPnl = moments{longs, old.AvgLongsNetPnl, old.StdLongsNetPnl}.with(&s.Longs.Net, 1)
	l.AvgLongsNotional, l.StdLongsNotional = moments{longs, old.AvgLongsNotional, old.StdLongsNotional}.with(&s.Longs.Notional, 1)
	l.AvgLongsHoldingPeriod, l.StdLongsHoldingPeriod = moments{longs, old.AvgLongsHoldingPeriod, old.StdLongsHoldingPeriod}.with(&s.Longs.Holding, secondsPerMinute)
	l.AvgShortsNetPnl, l.StdShortsNetPnl = moments{shorts, old.AvgShortsNetPnl, old.StdShortsNetPnl}.with(&s.Shorts.Net, 1)
	l.AvgShortsNotional, l.StdShortsNotional = moments{shorts, old.AvgShortsNotional, old.StdShortsNotional}.with(&s.Shorts.Notional, 1)
	l.AvgShortsHoldingPeriod, l.StdShortsHoldingPeriod = moments{shorts, old.AvgShortsHoldingPeriod, old.StdShortsHoldingPeriod}.with(&s.Shorts.Holding, secondsPerMinute)
}

// advanceDecisions does for the fields over decisions what advanceTrades does
// for those over trades. The imported means of confidence are taken to be over
// all signals of their class.
func (d *Document) advanceDecisions(imported *Document, since *decisionTotals) {
	t := &since.Signals
	s, old := &d.Signals, imported.Signals
	s.NumLongSignals += old.NumLongSignals
	s.NumShortSignals += old.NumShortSignals
	s.NumCloseSignals += old.NumCloseSignals
	s.NumHoldSignals += old.NumHoldSignals
	s.NumOtherSignals += old.NumOtherSignals
	s.TotalSignals += old.TotalSignals
	s.setShares()
	s.AvgConfidence, s.StdConfidence = moments{old.TotalSignals, old.AvgConfidence, old.StdConfidence}.with(&t.All.Confidence, 1)
	s.AvgConfidenceLong, s.StdConfidenceLong = moments{old.NumLongSignals, old.AvgConfidenceLong, old.StdConfidenceLong}.with(&t.Longs.Confidence, 1)
	s.AvgConfidenceShort, s.StdConfidenceShort = moments{old.NumShortSignals, old.AvgConfidenceShort, old.StdConfidenceShort}.with(&t.Shorts.Confidence, 1)
	s.AvgConfidenceClose, s.StdConfidenceClose = moments{old.NumCloseSignals, old.AvgConfidenceClose, old.StdConfidenceClose}.with(&t.Closes.Confidence, 1)
	s.AvgConfidenceHold, s.StdConfidenceHold = moments{old.NumHoldSignals, old.AvgConfidenceHold, old.StdConfidenceHold}.with(&t.Holds.Confidence, 1)
	s.MedianConfidence = old.MedianConfidence
	s.advanceLeverage(old, t)
	s.setMinutes(s.MinsLongCombined+old.MinsLongCombined, s.MinsShortCombined+old.MinsShortCombined, s.MinsFlatCombined+old.MinsFlatCombined, 1)

	entries := old.NumLongSignals + old.NumShortSignals
	o, overview := &d.OverallTradesOverview, imported.OverallTradesOverview
	o.AvgConvoLeverage, _ = moments{entries, overview.AvgConvoLeverage, 0}.with(&t.EntryLeverage, 1)
	o.MedianConvoLeverage = overview.MedianConvoLeverage

	v, breaks := &d.Invocation, imported.Invocation
	gaps := max(breaks.NumInvocations-1, 0)
	v.NumInvocations += breaks.NumInvocations
	v.AvgInvocationBreakMins, v.StdInvocationBreakMins = moments{gaps, breaks.AvgInvocationBreakMins, breaks.StdInvocationBreakMins}.with(&since.Gaps, secondsPerMinute)
	switch {
	case since.Gaps.Count() == 0:
		v.MinInvocationBreakMins, v.MaxInvocationBreakMins = breaks.MinInvocationBreakMins, breaks.MaxInvocationBreakMins
	case gaps > 0:
		v.MinInvocationBreakMins = min(v.MinInvocationBreakMins, breaks.MinInvocationBreakMins)
		v.MaxInvocationBreakMins = max(v.MaxInvocationBreakMins, breaks.MaxInvocationBreakMins)
	}
	if since.Newest.ID == "" {
		d.LastConvoDocID, d.LastConvoTimestamp = imported.LastConvoDocID, imported.LastConvoTimestamp
	}
}

// advanceLeverage advances the leverages, unless the imported ones are the
// placeholders of the live site, 1, 1 and 0: then those of since stand alone,
// once there are any.
func (s *Signals) advanceLeverage(old Signals, t *signalTotals) {
	placeholders := old.AvgLeverage == 1 && old.MedianLeverage == 1 && old.StdLeverage == 0
	if placeholders && t.All.Leverage.Count() > 0 {
		return
	}
	s.AvgLeverage, s.StdLeverage = moments{old.TotalSignals, old.AvgLeverage, old.StdLeverage}.with(&t.All.Leverage, 1)
	s.AvgLeverageLong, s.StdLeverageLong = moments{old.NumLongSignals, old.AvgLeverageLong, old.StdLeverageLong}.with(&t.Longs.Leverage, 1)
	s.AvgLeverageShort, s.StdLeverageShort = moments{old.NumShortSignals, old.AvgLeverageShort, old.StdLeverageShort}.with(&t.Shorts.Leverage, 1)
	s.MedianLeverage = old.MedianLeverage
}

// OriginOf says where the metrics of a model start of which an imported document
// is stored, given how many trades and decisions are known that it may have
// counted (see CountedUntil). Where as many are known as it counted, the history
// is whole, and nothing of the document is needed.
func OriginOf(imported *Document, trades, decisions int64) Origin {
	o := Origin{Imported: imported}
	if imported == nil {
		return o
	}
	o.PartialTrades = trades < imported.OverallTradesOverview.TotalTrades
	o.PartialDecisions = decisions < imported.Invocation.NumInvocations
	if !o.PartialTrades && !o.PartialDecisions {
		o.Imported = nil
	}
	return o
}

// CountedUntil returns the exit time up to which the document has counted
// trades, and the time up to which it has counted decisions, in unix seconds;
// absent where it does not say.
func (d *Document) CountedUntil() (trades, decisions wire.Opt[float64]) {
	of := func(times ...wire.Opt[float64]) wire.Opt[float64] {
		for _, t := range times {
			if _, ok := t.Get(); ok {
				return t
			}
		}
		return wire.Opt[float64]{}
	}
	return of(d.LastTradeExitTime, d.UpdatedAt), of(d.LastConvoTimestamp, d.UpdatedAt)
}
