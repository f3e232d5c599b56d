package parity

// window is what a list claims to hold that keeps the first rows of an order, the
// newest, up to a cap: below the cap any, at the cap those before its last.
type window[T any] struct {
	n, cap  int
	last    T
	compare func(a, b T) int
}

func newWindow[T any](limit int, compare func(a, b T) int) *window[T] {
	return &window[T]{cap: limit, compare: compare}
}

func (w *window[T]) add(row T) {
	if w.n++; w.n == 1 || w.compare(w.last, row) < 0 {
		w.last = row
	}
}

func (w *window[T]) claims(row T) bool {
	return w == nil || w.n < w.cap || w.compare(row, w.last) < 0
}

// windows are those of several lists; one that has no row is below its cap.
type windows[T any] struct {
	cap     int
	compare func(a, b T) int
	list    map[string]*window[T]
}

func newWindows[T any](limit int, compare func(a, b T) int) *windows[T] {
	return &windows[T]{cap: limit, compare: compare, list: make(map[string]*window[T])}
}

func (w *windows[T]) add(list string, row T) {
	if w.list[list] == nil {
		w.list[list] = newWindow(w.cap, w.compare)
	}
	w.list[list].add(row)
}

func (w *windows[T]) claims(list string, row T) bool { return w.list[list].claims(row) }
