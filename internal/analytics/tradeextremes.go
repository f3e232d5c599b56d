package analytics

import (
	"math"

	"nof0/internal/wire"
)

// tradeExtremes is what sums cannot tell of the trades.
type tradeExtremes struct {
	newest    *wire.Trade
	loss      float64
	gain      float64
	notionals []float64 // USD
	holdings  []float64 // minutes
}

func (e *tradeExtremes) add(t *wire.Trade) {
	if e.newest == nil {
		e.loss, e.gain = t.RealizedNetPnl, t.RealizedNetPnl
	}
	e.loss = min(e.loss, t.RealizedNetPnl)
	e.gain = max(e.gain, t.RealizedNetPnl)
	e.notionals = append(e.notionals, math.Abs(t.Quantity)*t.EntryPrice)
	e.holdings = append(e.holdings, minutes(microsBetween(t.EntryTime, t.ExitTime)))
	if e.newest == nil || t.ExitTime > e.newest.ExitTime ||
		(t.ExitTime == e.newest.ExitTime && t.ID < e.newest.ID) {
		e.newest = t
	}
}

func (e *tradeExtremes) fill(doc *Document) {
	doc.FeePnlMoves.BiggestNetLoss = e.loss
	doc.FeePnlMoves.BiggestNetGain = e.gain
	doc.OverallTradesOverview.MedianHoldingPeriodMins = median(e.holdings)
	doc.OverallTradesOverview.MedianSizeOfTradeNotional = median(e.notionals)
	if e.newest != nil {
		doc.LastTradeExitTime = wire.Some(e.newest.ExitTime)
		doc.LastTradeDocID = wire.Some(e.newest.ID)
	}
}
