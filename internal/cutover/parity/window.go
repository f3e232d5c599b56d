package parity

// windows are what lists claim to hold that keep the first rows of an order, the newest,
// up to a cap: below the cap any, at the cap those before their last. A list without a row
// is below its cap.
type windows[T any] struct {
	cap     int
	list    func(T) string
	compare func(a, b T) int
	n       map[string]int
	last    map[string]T
}

func newWindows[T any](limit int, list func(T) string, compare func(a, b T) int, rows []T) windows[T] {
	w := windows[T]{cap: limit, list: list, compare: compare, n: make(map[string]int), last: make(map[string]T)}
	for _, row := range rows {
		name := list(row)
		if w.n[name]++; w.n[name] == 1 || compare(w.last[name], row) < 0 {
			w.last[name] = row
		}
	}
	return w
}

func (w windows[T]) claims(row T) bool {
	name := w.list(row)
	return w.n[name] < w.cap || w.compare(row, w.last[name]) < 0
}
