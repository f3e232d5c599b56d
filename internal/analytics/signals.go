package analytics

import (
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
	count      int64
	confidence Stats
	leverage   Stats
}

func (c *signalStats) add(s signal) {
	c.count++
	if v, ok := s.confidence.Get(); ok {
		c.confidence.Add(v)
	}
	if v, ok := s.leverage.Get(); ok {
		c.leverage.Add(v)
	}
}

// signalTotals are the figures of all signals of a model.
type signalTotals struct {
	all, longs, shorts, closes, holds, others signalStats

	entryLeverage  Stats
	confidences    []float64
	leverages      []float64
	entryLeverages []float64

	longMicros, shortMicros, flatMicros int64
}

// readSignals reads decisions in order of time.
func readSignals(decisions []*wire.Decision, symbols []string) *signalTotals {
	totals := new(signalTotals)
	state := make(map[string]string) // coin → its open entry signal, "" when flat
	for _, s := range symbols {
		state[s] = ""
	}
	var allMicros, longs, shorts int64
	for i, d := range decisions {
		for _, s := range signalsOf(d.LlmResponse) {
			totals.add(s)
			before := state[s.coin]
			after := stateAfter(before, s.word)
			state[s.coin] = after
			longs += count(after == SignalLong) - count(before == SignalLong)
			shorts += count(after == SignalShort) - count(before == SignalShort)
		}
		if i+1 < len(decisions) {
			gap := microsBetween(d.Timestamp, decisions[i+1].Timestamp)
			allMicros += gap
			totals.longMicros += gap * longs
			totals.shortMicros += gap * shorts
		}
	}
	totals.flatMicros = allMicros*int64(len(state)) - totals.longMicros - totals.shortMicros
	return totals
}

func stateAfter(state, word string) string {
	switch word {
	case SignalLong, SignalShort:
		return word
	case SignalClose:
		return ""
	}
	return state
}

func count(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func (t *signalTotals) add(s signal) {
	t.all.add(s)
	t.class(s.word).add(s)
	if v, ok := s.confidence.Get(); ok {
		t.confidences = append(t.confidences, v)
	}
	if v, ok := s.leverage.Get(); ok {
		t.leverages = append(t.leverages, v)
		if s.word == SignalLong || s.word == SignalShort {
			t.entryLeverage.Add(v)
			t.entryLeverages = append(t.entryLeverages, v)
		}
	}
}

func (t *signalTotals) class(word string) *signalStats {
	switch word {
	case SignalLong:
		return &t.longs
	case SignalShort:
		return &t.shorts
	case SignalClose:
		return &t.closes
	case SignalHold:
		return &t.holds
	}
	return &t.others
}

func (t *signalTotals) fill(doc *Document) {
	s := &doc.Signals
	s.NumLongSignals = t.longs.count
	s.NumShortSignals = t.shorts.count
	s.NumCloseSignals = t.closes.count
	s.NumHoldSignals = t.holds.count
	s.NumOtherSignals = t.others.count
	s.TotalSignals = t.all.count
	s.setShares()

	s.AvgConfidence, s.StdConfidence = t.all.confidence.Mean(), t.all.confidence.Std()
	s.MedianConfidence = median(t.confidences)
	s.AvgConfidenceLong, s.StdConfidenceLong = t.longs.confidence.Mean(), t.longs.confidence.Std()
	s.AvgConfidenceShort, s.StdConfidenceShort = t.shorts.confidence.Mean(), t.shorts.confidence.Std()
	s.AvgConfidenceClose, s.StdConfidenceClose = t.closes.confidence.Mean(), t.closes.confidence.Std()
	s.AvgConfidenceHold, s.StdConfidenceHold = t.holds.confidence.Mean(), t.holds.confidence.Std()

	s.AvgLeverage, s.StdLeverage = t.all.leverage.Mean(), t.all.leverage.Std()
	s.MedianLeverage = median(t.leverages)
	s.AvgLeverageLong, s.StdLeverageLong = t.longs.leverage.Mean(), t.longs.leverage.Std()
	s.AvgLeverageShort, s.StdLeverageShort = t.shorts.leverage.Mean(), t.shorts.leverage.Std()
	doc.OverallTradesOverview.AvgConvoLeverage = t.entryLeverage.Mean()
	doc.OverallTradesOverview.MedianConvoLeverage = median(t.entryLeverages)

	all := float64(t.longMicros + t.shortMicros + t.flatMicros)
	s.MinsLongCombined, s.PctMinsLongCombined = minutes(t.longMicros), pct(float64(t.longMicros), all)
	s.MinsShortCombined, s.PctMinsShortCombined = minutes(t.shortMicros), pct(float64(t.shortMicros), all)
	s.MinsFlatCombined, s.PctMinsFlatCombined = minutes(t.flatMicros), pct(float64(t.flatMicros), all)
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
