package relay

import (
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/repository"
)

// rendered are the documents of the newest trades of some models, as the last round that
// published them has made them. It is safe for concurrent use.
type rendered struct {
	mu sync.Mutex
	by map[subject]map[repository.TradeVersion]jsontext.Value
}

// keptModels bounds of how many models documents are kept, some 60 KB of each.
const keptModels = 64

// of returns the documents of a subject, which nobody changes.
func (r *rendered) of(s subject) map[repository.TradeVersion]jsontext.Value {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.by[s]
}

// keep replaces the documents of a subject.
func (r *rendered) keep(s subject, docs map[repository.TradeVersion]jsontext.Value) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by == nil || len(r.by) >= keptModels && r.by[s] == nil {
		r.by = make(map[subject]map[repository.TradeVersion]jsontext.Value)
	}
	r.by[s] = docs
}
