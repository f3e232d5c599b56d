package analytics

import (
	"cmp"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/internal/wire"
)

// The words by which an answer says what to do with a coin.
const (
	SignalLong  = "buy_to_enter"
	SignalShort = "sell_to_enter"
	SignalClose = "close_position"
	SignalHold  = "hold"
)

// signal is one coin object of an answer.
type signal struct {
	coin       string
	word       string
	confidence wire.Opt[float64]
	leverage   wire.Opt[float64]
}

// SignalsIn is what an answer says of each symbol, by symbol; none where the answer
// failed.
func SignalsIn(answer jsontext.Value) []wire.Signal {
	signals := []wire.Signal{}
	for _, s := range signalsOf(answer) {
		signals = append(signals, wire.Signal{Symbol: s.coin, Signal: s.word, Confidence: s.confidence, Leverage: s.leverage})
	}
	slices.SortFunc(signals, func(a, b wire.Signal) int { return cmp.Compare(a.Symbol, b.Symbol) })
	return signals
}

// signalsOf reads the coin objects of an answer. It has none when the answer
// failed: what stands there then is text. A member of an unexpected type counts
// as absent, since models write these objects and nothing checks them.
func signalsOf(answer jsontext.Value) []signal {
	var coins map[string]jsontext.Value
	if answer.Kind() != '{' || wire.Unmarshal(answer, &coins) != nil {
		return nil
	}
	signals := make([]signal, 0, len(coins))
	for coin, raw := range coins {
		var members struct {
			Signal     jsontext.Value `json:"signal"`
			Confidence jsontext.Value `json:"confidence"`
			Leverage   jsontext.Value `json:"leverage"`
		}
		if raw.Kind() != '{' || wire.Unmarshal(raw, &members) != nil {
			continue
		}
		s := signal{coin: coin, confidence: numberIn(members.Confidence), leverage: numberIn(members.Leverage)}
		if members.Signal.Kind() == '"' {
			_ = wire.Unmarshal(members.Signal, &s.word) // a string, as its first byte says
		}
		signals = append(signals, s)
	}
	return signals
}

func numberIn(raw jsontext.Value) wire.Opt[float64] {
	var v float64
	if raw.Kind() != '0' || wire.Unmarshal(raw, &v) != nil {
		return wire.Opt[float64]{}
	}
	return wire.Some(v)
}

// signalStats are the figures of a class of signals.
type signalStats struct {
	Count      int64 `json:"count"`
	Confidence Stats `json:"confidence"`
	Leverage   Stats `json:"leverage"`
}

func (c *signalStats) add(s signal) {
	c.Count++
	if v, ok := s.confidence.Get(); ok {
		c.Confidence.Add(v)
	}
	if v, ok := s.leverage.Get(); ok {
		c.Leverage.Add(v)
	}
}

// signalTotals are the figures of all signals of a model.
type signalTotals struct {
	All    signalStats `json:"all"`
	Longs  signalStats `json:"longs"`
	Shorts signalStats `json:"shorts"`
	Closes signalStats `json:"closes"`
	Holds  signalStats `json:"holds"`
	Others signalStats `json:"others"`

	EntryLeverage  Stats  `json:"entry_leverage"`
	Confidences    Middle `json:"confidences"`
	Leverages      Middle `json:"leverages"`
	EntryLeverages Middle `json:"entry_leverages"`
}

func (t *signalTotals) add(s signal) {
	t.All.add(s)
	t.class(s.word).add(s)
	if v, ok := s.confidence.Get(); ok {
		t.Confidences.Add(v)
	}
	if v, ok := s.leverage.Get(); ok {
		t.Leverages.Add(v)
		if s.word == SignalLong || s.word == SignalShort {
			t.EntryLeverage.Add(v)
			t.EntryLeverages.Add(v)
		}
	}
}

func (t *signalTotals) class(word string) *signalStats {
	switch word {
	case SignalLong:
		return &t.Longs
	case SignalShort:
		return &t.Shorts
	case SignalClose:
		return &t.Closes
	case SignalHold:
		return &t.Holds
	}
	return &t.Others
}

// fill reports whether the medians are known.
func (t *signalTotals) fill(doc *Document) bool {
	s := &doc.Signals
	s.NumLongSignals = t.Longs.Count
	s.NumShortSignals = t.Shorts.Count
	s.NumCloseSignals = t.Closes.Count
	s.NumHoldSignals = t.Holds.Count
	s.NumOtherSignals = t.Others.Count
	s.TotalSignals = t.All.Count
	s.setShares()

	var known [3]bool
	s.MedianConfidence, known[0] = t.Confidences.Median()
	s.MedianLeverage, known[1] = t.Leverages.Median()
	doc.OverallTradesOverview.MedianConvoLeverage, known[2] = t.EntryLeverages.Median()
	doc.leverageSpreads(t).set()
	return known == [3]bool{true, true, true}
}

// setShares derives what follows from the counts alone.
func (s *Signals) setShares() {
	total := float64(s.TotalSignals)
	s.LongSignalPct = pct(float64(s.NumLongSignals), total)
	s.ShortSignalPct = pct(float64(s.NumShortSignals), total)
	s.CloseSignalPct = pct(float64(s.NumCloseSignals), total)
	s.HoldSignalPct = pct(float64(s.NumHoldSignals), total)
	s.LongShortRatio = ratio(float64(s.NumLongSignals), float64(s.NumShortSignals))
}

// setMinutes derives minutes and shares from times in a unit of which a minute
// has so many.
func (s *Signals) setMinutes(long, short, flat, minute float64) {
	all := long + short + flat
	s.MinsLongCombined, s.PctMinsLongCombined = long/minute, pct(long, all)
	s.MinsShortCombined, s.PctMinsShortCombined = short/minute, pct(short, all)
	s.MinsFlatCombined, s.PctMinsFlatCombined = flat/minute, pct(flat, all)
}
