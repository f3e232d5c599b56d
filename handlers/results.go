package handlers

import (
	"net/http"

	"nof0/internal/arena"
	"nof0/internal/wire"
)

// results is the answer to a write: what became of each item, in their order.
type results struct {
	Results []result `json:"results" jsonschema_description:"One per item, in their order"`
}

// result is what became of one item.
type result struct {
	Index       int          `json:"index" jsonschema_description:"Place in the write, from 0"`
	ID          string       `json:"id" jsonschema_description:"Identity of the fact; empty where the item does not state it"`
	Outcome     string       `json:"outcome" enum:"inserted,updated,unchanged,rejected" jsonschema_description:"An unchanged one is a fact that was stored before"`
	Competition string       `json:"competition_id,omitzero" jsonschema_description:"Competition of the item; absent of what belongs to none, such as prices"`
	Error       *resultError `json:"error,omitzero" jsonschema_description:"Why it was rejected"`
	Equity      string       `json:"equity,omitzero" enum:"inserted,unchanged,superseded" jsonschema_description:"What became of the equity row that came along with a trade, which has an identity of its own; absent without one"`
	Detail      string       `json:"detail,omitzero" jsonschema_description:"What a sender may not expect of an accepted item, such as a fill that no position matched or that exceeds what was open"`
}

// resultError says why an item was rejected.
type resultError struct {
	Status int         `json:"status" jsonschema_description:"409 where other content is stored under the same identity, 424 where another item of an atomic batch was rejected, 422 otherwise"`
	Detail string      `json:"detail" jsonschema_description:"For people"`
	Errors wire.Faults `json:"errors,omitempty" jsonschema_description:"Paths are within the item"`
}

// respond renders the reply to a write.
func respond(reply *arena.Reply) (arena.Response, error) {
	body := results{Results: make([]result, len(reply.Results))}
	for i, r := range reply.Results {
		body.Results[i] = result{Index: i, ID: r.ID, Outcome: r.Outcome, Competition: r.Competition, Equity: r.Equity, Detail: r.Detail}
		if why := r.Rejected; why != nil {
			body.Results[i].Error = &resultError{Status: rejections[why.Why], Detail: why.Detail, Errors: why.Faults}
		}
	}
	response := arena.Response{Status: http.StatusOK}
	if reply.Rejection != "" {
		response.Status = rejections[reply.Rejection]
	}
	var err error
	response.Body, err = wire.Marshal(body)
	return response, err
}
