package parity

import "strings"

// place is where a row stands among those that are kept newest first: by time,
// ties by id.
type place struct {
	at float64 // unix seconds
	id string
}

func (p place) before(o place) bool {
	return p.at > o.at || p.at == o.at && strings.Compare(p.id, o.id) > 0
}

// window is what a list claims to hold that keeps the newest rows up to a cap:
// below the cap any, at the cap those that are newer than its oldest.
type window struct {
	n, cap int
	oldest place
}

func (w *window) add(p place) {
	if w.n++; w.n == 1 || w.oldest.before(p) {
		w.oldest = p
	}
}

func (w *window) claims(p place) bool { return w == nil || w.n < w.cap || p.before(w.oldest) }

// windows are those of several lists; one that has no row is below its cap.
type windows struct {
	cap  int
	list map[string]*window
}

func newWindows(limit int) *windows {
	return &windows{cap: limit, list: make(map[string]*window)}
}

func (w *windows) add(list string, p place) {
	if w.list[list] == nil {
		w.list[list] = &window{cap: w.cap}
	}
	w.list[list].add(p)
}

func (w *windows) claims(list string, p place) bool { return w.list[list].claims(p) }
