package arena

import (
	"context"
	"errors"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/entities"
	"nof0/repository"
)

// ErrUnknownFact says that there is no such fact, and that none was corrected.
var ErrUnknownFact = errors.New("no such fact")

// Corrector lets operators correct facts.
type Corrector interface {
	// Correct voids or replaces a fact. Errors wrap ErrUnknownFact, ErrUnavailable, ErrBusy or
	// ErrKeyReused where they apply, are wire.Faults for what is wrong with the
	// request, or a *RefusedError; on each of them nothing has changed.
	Correct(ctx context.Context, r CorrectionRequest) (*CorrectionReply, error)
	// Corrections lists what was corrected, newest first.
	Corrections(ctx context.Context, q CorrectionQuery) (*Corrections, error)
}

// CorrectionKinds lists the kinds of facts that can be corrected.
func CorrectionKinds() []string {
	return []string{entities.CorrectTrade, entities.CorrectEquity, entities.CorrectDecision}
}

// CorrectionQuery says which corrections are listed.
type CorrectionQuery = repository.CorrectionQuery

// CorrectionRequest asks for a correction.
type CorrectionRequest struct {
	// Competition is that of the fact; "" is the default one.
	Competition string

	Kind  string // one of CorrectionKinds
	Model string
	// ID is that of a trade or a decision; of an equity row its time in unix
	// seconds.
	ID string
	// Action is entities.CorrectionVoid or entities.CorrectionReplace.
	Action string
	// Fact is what takes the place of the fact, as an item of ingest; nil to void
	// it. The row of a trade alone leaves what its fill said of the position.
	Fact jsontext.Value
	// Reason is why, and By who asks.
	Reason, By string
	// Key makes a repeated request get the first one's response, which Respond
	// renders; nil is none.
	Key     *RequestKey
	Respond func(*CorrectionResult) (Response, error)
}

// CorrectionReply is the answer to a request for a correction. Response is what
// Respond made of this result or, for a repeated key, of the first one, which is not
// kept; nil without a key.
type CorrectionReply struct {
	CorrectionResult
	Response *Response
}

// The outcomes of a correction.
const (
	Voided      = "voided"
	Replaced    = "replaced"
	NotReplaced = "unchanged" // the fact is voided already, or says the same
)

// CorrectionResult is what became of a correction.
type CorrectionResult struct {
	Outcome     string `json:"outcome" enum:"voided,replaced,unchanged"` // what was done
	Competition string `json:"competition_id,omitzero"`                  // that the fact is of
	// Correction is the newest one of the fact, nil where it never was corrected.
	Correction *Correction `json:"correction,omitzero"`
	Detail     string      `json:"detail,omitzero"` // what the fill of a trade did not close
}

// Correction is one correction, as operators see it.
type Correction struct {
	ID     int64  `json:"id"`
	Kind   string `json:"kind" enum:"trade,equity,decision"`
	Model  string `json:"model_id"`
	FactID string `json:"fact_id"` // id of the trade or the decision; time of the equity row in unix seconds
	Action string `json:"action" enum:"void,replace"`
	// Before is the fact as it was served, null where it was void. A trade that moved a
	// position stands as {trade, remaining}, remaining absent where its fill did not
	// say.
	Before jsontext.Value `json:"before"`
	After  jsontext.Value `json:"after"` // the fact as it is, null where it is void
	Reason string         `json:"reason"`
	By     string         `json:"by"`
	At     time.Time      `json:"at"`
}

// Corrections is a page of corrections. The next one is asked for by Next, 0 where
// this is the last.
type Corrections struct {
	Corrections []Correction `json:"corrections"`
	Next        int64        `json:"next,omitzero"` // where the next page begins; absent on the last
}

func correctionOf(c *entities.Correction) *Correction {
	document := func(raw entities.JSON) jsontext.Value {
		if raw == nil {
			return jsontext.Value("null")
		}
		return jsontext.Value(raw)
	}
	return &Correction{
		ID: c.ID, Kind: c.Kind, Model: c.ModelID, FactID: c.FactID, Action: c.Action,
		Before: document(c.Before), After: document(c.After), Reason: c.Reason, By: c.Actor, At: c.CreatedAt.UTC(),
	}
}

// Corrections implements Corrector.
func (g *Intake) Corrections(ctx context.Context, q CorrectionQuery) (*Corrections, error) {
	q.Limit++
	rows, err := g.o.Store.Corrections.List(ctx, q)
	if err != nil {
		return nil, Unavailable(err)
	}
	page := &Corrections{Corrections: []Correction{}}
	if len(rows) == q.Limit {
		rows = rows[:q.Limit-1]
		page.Next = rows[len(rows)-1].ID
	}
	for i := range rows {
		page.Corrections = append(page.Corrections, *correctionOf(&rows[i]))
	}
	return page, nil
}

// refuseCorrected refuses those of the entries of which a fact was corrected, where
// it counts for them, and says how.
func (w *write) refuseCorrected(ctx context.Context, entries []*entry, counts func(*entities.Correction) bool) error {
	var refs []repository.FactRef
	for _, e := range entries {
		refs = append(refs, e.corrects...)
	}
	if len(refs) == 0 {
		return nil
	}
	newest, err := w.tx.Corrections.Of(ctx, refs)
	if err != nil {
		return err
	}
	for _, e := range entries {
		for _, ref := range e.corrects {
			if c := newest[ref]; c != nil && counts(c) {
				e.conflict(repository.Explain(c) + "; what an operator has corrected, only an operator changes (nof0 correct)")
				break
			}
		}
	}
	return nil
}

// isVoid reports corrections that took a fact away.
func isVoid(c *entities.Correction) bool { return c.Action == entities.CorrectionVoid }

// explainCorrected says of entries that were refused for a correction which one.
func (w *write) explainCorrected(ctx context.Context) error {
	var refused []*entry
	for i := range w.entries {
		if w.entries[i].corrected {
			refused = append(refused, &w.entries[i])
		}
	}
	return w.refuseCorrected(ctx, w.bound(refused), func(*entities.Correction) bool { return true })
}
