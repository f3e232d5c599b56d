package analytics

import (
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

// Compute returns the published metrics of one model from its whole history.
// It is what a Running comes to that is given the same facts one by one.
func Compute(in Input) Document {
	r := NewRunning(Origin{})
	for i := range in.Trades {
		r.AddTrade(&in.Trades[i])
	}
	for _, d := range chronological(in.Decisions) {
		// They are in order; one that is there twice is refused, and counts once.
		_ = r.AddDecision(d)
	}
	doc, _ := r.Document(in.Model, in.Symbols, in.UpdatedAt) // nothing was forgotten
	if in.History == HistoryUnstated {
		doc.Coverage = wire.Opt[Coverage]{}
	} else if c, ok := doc.Coverage.Get(); ok {
		c.Whole = in.History == HistoryWhole
		doc.Coverage = wire.Some(c)
	}
	return doc
}
