package handlers

import (
	"net/http"

	"nof0/internal/arena"
	"nof0/internal/wire"
)

// results is the answer to a write: what became of each item, in their order.
type results struct {
	Results []result `json:"results"`
}

// result is what became of one item.
type result struct {
	Index   int          `json:"index"`
	ID      string       `json:"id"`
	Outcome string       `json:"outcome"`
	Error   *resultError `json:"error,omitzero"`
	Equity  string       `json:"equity,omitzero"`
	Detail  string       `json:"detail,omitzero"`
}

// resultError says why an item was rejected.
type resultError struct {
	Status int         `json:"status"`
	Detail string      `json:"detail"`
	Errors wire.Faults `json:"errors,omitempty"`
}

// respond renders the reply to a write.
func respond(reply *arena.Reply) (arena.Response, error) {
	body := results{Results: make([]result, len(reply.Results))}
	for i, r := range reply.Results {
		body.Results[i] = result{Index: i, ID: r.ID, Outcome: r.Outcome, Equity: r.Equity, Detail: r.Detail}
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
