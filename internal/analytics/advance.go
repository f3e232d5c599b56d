package analytics

import (
	"math"

	"nof0/internal/wire"
)

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
	if s.Net.Count() == 0 {
		f.BiggestNetLoss, f.BiggestNetGain = old.BiggestNetLoss, old.BiggestNetGain
	} else if total > 0 {
		f.BiggestNetLoss = min(f.BiggestNetLoss, old.BiggestNetLoss)
		f.BiggestNetGain = max(f.BiggestNetGain, old.BiggestNetGain)
	}
	d.tradeSpreads(s).advance(imported.tradeSpreads(s))

	d.WinnersLosers.WinRate = pct(float64(imported.winners()+s.Winners.Net.Count()), float64(total+s.Net.Count()))
	l, sides := &d.LongsShorts, imported.LongsShorts
	l.NumLongTrades += sides.NumLongTrades
	l.NumShortTrades += sides.NumShortTrades
	l.LongShortTradesRatio = ratio(float64(l.NumLongTrades), float64(l.NumLongTrades+l.NumShortTrades))

	o, overview := &d.OverallTradesOverview, imported.OverallTradesOverview
	o.TotalTrades += total
	o.MedianHoldingPeriodMins = overview.MedianHoldingPeriodMins
	o.MedianSizeOfTradeNotional = overview.MedianSizeOfTradeNotional
	if since.Newest.ID == "" {
		d.LastTradeDocID, d.LastTradeExitTime = imported.LastTradeDocID, imported.LastTradeExitTime
	}
}

// winners is how many of the trades that the document counts had a gain.
func (d *Document) winners() int64 {
	return int64(math.Round(d.WinnersLosers.WinRate / 100 * float64(d.OverallTradesOverview.TotalTrades)))
}

// advanceDecisions does for the fields over decisions what advanceTrades does
// for those over trades.
func (d *Document) advanceDecisions(imported *Document, since *decisionTotals) {
	s, old := &d.Signals, imported.Signals
	s.NumLongSignals += old.NumLongSignals
	s.NumShortSignals += old.NumShortSignals
	s.NumCloseSignals += old.NumCloseSignals
	s.NumHoldSignals += old.NumHoldSignals
	s.NumOtherSignals += old.NumOtherSignals
	s.TotalSignals += old.TotalSignals
	s.setShares()
	d.decisionSpreads(since).advance(imported.decisionSpreads(since))
	s.MedianConfidence = old.MedianConfidence
	d.advanceLeverage(imported, &since.Signals)
	s.setMinutes(s.MinsLongCombined+old.MinsLongCombined, s.MinsShortCombined+old.MinsShortCombined, s.MinsFlatCombined+old.MinsFlatCombined, 1)

	d.OverallTradesOverview.MedianConvoLeverage = imported.OverallTradesOverview.MedianConvoLeverage

	v, breaks := &d.Invocation, imported.Invocation
	v.NumInvocations += breaks.NumInvocations
	switch {
	case since.Gaps.Count() == 0:
		v.MinInvocationBreakMins, v.MaxInvocationBreakMins = breaks.MinInvocationBreakMins, breaks.MaxInvocationBreakMins
	case breaks.NumInvocations > 1:
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
func (d *Document) advanceLeverage(imported *Document, t *signalTotals) {
	old := imported.Signals
	placeholders := old.AvgLeverage == 1 && old.MedianLeverage == 1 && old.StdLeverage == 0
	if placeholders && t.All.Leverage.Count() > 0 {
		return
	}
	d.leverageSpreads(t).advance(imported.leverageSpreads(t))
	d.Signals.MedianLeverage = old.MedianLeverage
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
