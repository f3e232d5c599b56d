package analytics

import (
	"cmp"
	"slices"
	"time"

	"nof0/internal/wire"
)

// Input are the facts of one model. Their order does not matter.
type Input struct {
	Model     string
	Trades    []wire.Trade    // all of the model's
	Decisions []wire.Decision // those of the model that are known
	// Symbols are the coins of the arena, for the minutes that a coin spends
	// in a state: one that the model never named was flat all along.
	Symbols   []string
	UpdatedAt time.Time // zero leaves updated_at out
	History   History
}

// History says whether Input.Decisions is all that the model decided.
type History uint8

// The answers to that question.
const (
	HistoryUnstated History = iota // the document has no coverage
	HistoryPartial
	HistoryWhole
)

// Compute returns the published metrics of one model.
func Compute(in Input) Document {
	doc := Document{ID: in.Model, ModelID: in.Model}
	if !in.UpdatedAt.IsZero() {
		doc.UpdatedAt = wire.Some(wire.Seconds(in.UpdatedAt))
	}

	var stats TradeStats
	var extremes tradeExtremes
	for i := range in.Trades {
		stats.Add(&in.Trades[i])
		extremes.add(&in.Trades[i])
	}
	stats.fill(&doc)
	extremes.fill(&doc)

	decisions := chronological(in.Decisions)
	signals := readSignals(decisions, in.Symbols)
	signals.fill(&doc)
	doc.Invocation = invocations(decisions)
	if n := len(decisions); n > 0 {
		newest := decisions[n-1]
		for i := n - 2; i >= 0 && decisions[i].Timestamp == newest.Timestamp; i-- {
			newest = decisions[i]
		}
		doc.LastConvoTimestamp = wire.Some(newest.Timestamp)
		doc.LastConvoDocID = wire.Some(newest.ID)
	}
	doc.Coverage = coverage(decisions, in.History)
	return doc
}

// chronological returns the decisions by time, then id.
func chronological(decisions []wire.Decision) []*wire.Decision {
	sorted := make([]*wire.Decision, len(decisions))
	for i := range decisions {
		sorted[i] = &decisions[i]
	}
	slices.SortFunc(sorted, func(a, b *wire.Decision) int {
		return cmp.Or(cmp.Compare(a.Timestamp, b.Timestamp), cmp.Compare(a.ID, b.ID))
	})
	return sorted
}

func coverage(decisions []*wire.Decision, history History) wire.Opt[Coverage] {
	if history == HistoryUnstated {
		return wire.Opt[Coverage]{}
	}
	c := Coverage{Whole: history == HistoryWhole}
	if len(decisions) > 0 {
		c.FirstDecisionID = wire.Some(decisions[0].ID)
		c.FirstDecisionTimestamp = wire.Some(decisions[0].Timestamp)
	}
	return wire.Some(c)
}

// invocations describes the gaps between decisions in order of time.
func invocations(decisions []*wire.Decision) Invocation {
	inv := Invocation{NumInvocations: int64(len(decisions))}
	var gaps Stats
	var shortest, longest int64
	for i := 1; i < len(decisions); i++ {
		us := microsBetween(decisions[i-1].Timestamp, decisions[i].Timestamp)
		var v value
		v.setMicros(us)
		gaps.add(&v)
		if i == 1 {
			shortest, longest = us, us
		}
		shortest, longest = min(shortest, us), max(longest, us)
	}
	inv.AvgInvocationBreakMins = gaps.Mean() / secondsPerMinute
	inv.StdInvocationBreakMins = gaps.Std() / secondsPerMinute
	inv.MinInvocationBreakMins = minutes(shortest)
	inv.MaxInvocationBreakMins = minutes(longest)
	return inv
}
