package season

import "slices"

// batch is the events of one request.
type batch struct {
	kind     string
	position int // of the first event among all
	events   []Event
	models   map[string]bool
	items    int
	bytes    int
}

// modelOf returns the model of an item.
func (b *batch) modelOf(item int) string {
	for i := range b.events {
		if item < b.events[i].Items {
			return b.events[i].Model
		}
		item -= b.events[i].Items
	}
	return ""
}

// body is that of the request: the one event's own, or a list.
func (b *batch) body() []byte {
	if len(b.events) == 1 {
		return b.events[0].Body
	}
	body := make([]byte, 0, b.bytes+len(b.events)+len(itemsPrefix)+len(itemsSuffix))
	body = append(body, itemsPrefix...)
	for i := range b.events {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, b.events[i].inner()...)
	}
	return append(body, itemsSuffix...)
}

// worker gathers events of a kind into batches. Events of different models
// may change places, those of one model never do: at any time only one batch
// has events of it.
type worker struct {
	limit   int
	send    func(*batch) error
	pending []*batch // one per kind at most
}

// add takes in an event, and sends what has to go before it or is full.
func (w *worker) add(t task) error {
	e := t.event
	for _, b := range slices.Clone(w.pending) {
		var due bool
		if b.kind == e.Kind {
			due = b.items+e.Items > w.limit || b.bytes+len(e.Body) > maxPlayBytes
		} else {
			due = b.models[e.Model]
		}
		if due {
			if err := w.acknowledge(b); err != nil {
				return err
			}
		}
	}
	at := slices.IndexFunc(w.pending, func(b *batch) bool { return b.kind == e.Kind })
	if at < 0 {
		at = len(w.pending)
		w.pending = append(w.pending, &batch{kind: e.Kind, position: t.position, models: make(map[string]bool)})
	}
	b := w.pending[at]
	b.events = append(b.events, e)
	b.models[e.Model] = true
	b.items += e.Items
	b.bytes += len(e.Body)
	if b.items < w.limit {
		return nil
	}
	return w.acknowledge(b)
}

func (w *worker) acknowledge(b *batch) error {
	w.pending = slices.DeleteFunc(w.pending, func(p *batch) bool { return p == b })
	return w.send(b)
}

// flush sends everything.
func (w *worker) flush() error {
	for len(w.pending) > 0 {
		if err := w.acknowledge(w.pending[0]); err != nil {
			return err
		}
	}
	return nil
}
