package analytics

import (
	"math"

	"nof0/internal/wire"
)

// newest is the newest of facts by time, of ties the one with the smallest id.
// A Timestamp of an empty ID says nothing.
type newest struct {
	ID        string  `json:"id"`
	Timestamp float64 `json:"timestamp"` // unix seconds
}

func (n *newest) add(id string, timestamp float64) {
	if n.ID == "" || timestamp > n.Timestamp || timestamp == n.Timestamp && id < n.ID {
		*n = newest{id, timestamp}
	}
}

// tradeTotals are all that the fields over trades follow from.
type tradeTotals struct {
	Stats     TradeStats `json:"stats"`
	Loss      float64    `json:"loss"` // the smallest net PnL, USD
	Gain      float64    `json:"gain"` // the largest net PnL, USD
	Newest    newest     `json:"newest"`
	Notionals Middle     `json:"notionals"` // USD
	Holdings  Middle     `json:"holdings"`  // minutes
}

func (e *tradeTotals) add(t *wire.Trade) {
	first := e.Stats.Net.Count() == 0
	if !e.Stats.Add(t) {
		return
	}
	if first {
		e.Loss, e.Gain = t.RealizedNetPnl, t.RealizedNetPnl
	}
	e.Loss = min(e.Loss, t.RealizedNetPnl)
	e.Gain = max(e.Gain, t.RealizedNetPnl)
	e.Newest.add(t.ID, t.ExitTime)
	e.Notionals.Add(math.Abs(t.Quantity) * t.EntryPrice)
	e.Holdings.Add(minutes(microsBetween(t.EntryTime, t.ExitTime)))
}

// fill reports whether the medians are known.
func (e *tradeTotals) fill(doc *Document) bool {
	e.Stats.fill(doc)
	doc.FeePnlMoves.BiggestNetLoss = e.Loss
	doc.FeePnlMoves.BiggestNetGain = e.Gain
	holding, holdingKnown := e.Holdings.Median()
	notional, notionalKnown := e.Notionals.Median()
	doc.OverallTradesOverview.MedianHoldingPeriodMins = holding
	doc.OverallTradesOverview.MedianSizeOfTradeNotional = notional
	if e.Newest.ID != "" {
		doc.LastTradeExitTime = wire.Some(e.Newest.Timestamp)
		doc.LastTradeDocID = wire.Some(e.Newest.ID)
	}
	return holdingKnown && notionalKnown
}
