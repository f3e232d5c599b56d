package jsonstore

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/internal/snapshot"
	"nof0/internal/wire"
)

// rowFile is a file while it is being changed: its rows in order, each with its
// rendering, so that a change costs what its own rows cost to render.
type rowFile[T any] struct {
	format[T]
	lines   []*line[T]
	byID    map[string]*line[T]
	places  int            // of rows that were ever added
	aside   []snapshot.Row // the rows at fault, which are written back as they were
	counted []string       // File.Counted
	changed bool
}

type line[T any] struct {
	id    string
	place int // among the rows as they came
	value T
	text  []byte
}

// format is how the rows of a kind of file are read, distinguished, ordered and written.
type format[T any] struct {
	kind   snapshot.Kind
	decode func(snapshot.Row) (T, error)
	// id is the identity of a row, which in a file of named rows is its name.
	id func(*T) string
	// order is that of the file, but for ties; nil keeps rows as they came.
	order func(a, b *T) int
	// render is the value that is written for a row; nil writes the row itself.
	render func(*T) any
	// unread, where given, names what rows that are served say otherwise, and that
	// cannot be read.
	unread func(*snapshot.File, snapshot.Decoded[T]) []snapshot.RowFault
}

func newRowFile[T any](f format[T]) *rowFile[T] {
	return &rowFile[T]{format: f, byID: make(map[string]*line[T])}
}

// get returns the row of an identity, nil where there is none.
func (s *rowFile[T]) get(id string) *T {
	if l := s.byID[id]; l != nil {
		return &l.value
	}
	return nil
}

// put adds a row, or replaces the one of its identity.
func (s *rowFile[T]) put(v T) error {
	text, err := s.text(&v)
	if err != nil {
		return err
	}
	l := s.newLine(v)
	l.text = text
	if old := s.byID[l.id]; old != nil {
		l.place = old.place
	}
	s.remove(l.id)
	at, _ := s.find(l)
	s.lines = slices.Insert(s.lines, at, l)
	s.byID[l.id] = l
	s.changed = true
	return nil
}

func (s *rowFile[T]) newLine(v T) *line[T] {
	s.places++
	return &line[T]{id: s.id(&v), place: s.places, value: v}
}

func (s *rowFile[T]) text(v *T) ([]byte, error) {
	var value any = v
	if s.render != nil {
		value = s.render(v)
	}
	text, err := wire.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("error rendering a row of %s: %w", snapshot.FileName(s.kind, ""), err)
	}
	return text, nil
}

func (s *rowFile[T]) remove(id string) {
	l := s.byID[id]
	if l == nil {
		return
	}
	at, _ := s.find(l)
	s.lines = slices.Delete(s.lines, at, at+1)
	delete(s.byID, id)
	s.changed = true
}

// find is where a row stands, or would.
func (s *rowFile[T]) find(l *line[T]) (int, bool) {
	return slices.BinarySearchFunc(s.lines, l, s.compare)
}

func (s *rowFile[T]) compare(a, b *line[T]) int {
	if s.order == nil {
		return cmp.Compare(a.place, b.place)
	}
	return cmp.Or(s.order(&a.value, &b.value), strings.Compare(a.id, b.id))
}

// from returns the rows from the first one on that is not before v.
func (s *rowFile[T]) from(v *T) []*line[T] {
	at, _ := slices.BinarySearchFunc(s.lines, v, func(a *line[T], v *T) int { return s.order(&a.value, v) })
	return s.lines[at:]
}

// fill takes over the rows of a file.
func (s *rowFile[T]) fill(f *snapshot.File) error {
	d, err := snapshot.Decode(f, s.decode, s.id)
	if err != nil {
		return err
	}
	for _, v := range d.Values {
		l := s.newLine(v)
		if l.text, err = s.text(&l.value); err != nil {
			return err
		}
		s.byID[l.id] = l
		s.lines = append(s.lines, l)
	}
	for _, fault := range d.Faults {
		s.aside = append(s.aside, f.Rows[fault.Row])
	}
	slices.SortFunc(s.lines, s.compare)
	s.counted = f.Counted
	return nil
}

// body renders the file. Members stand between the rows and serverTime.
func (s *rowFile[T]) body(now time.Time, members ...[]byte) ([]byte, error) {
	member, opening := snapshot.EnvelopeOf(s.kind)
	size := 100
	for _, l := range s.lines {
		size += len(l.text) + len(l.id) + 4
	}
	for _, r := range s.aside {
		size += len(r.Raw) + len(r.Key) + 4
	}
	b := append(make([]byte, 0, size), '{')
	b = strconv.AppendQuote(b, member)
	b = append(b, ':', opening)
	row := func(name string, text []byte) (err error) {
		if b[len(b)-1] != opening {
			b = append(b, ',')
		}
		if opening == '{' {
			if b, err = jsontext.AppendQuote(b, name); err != nil {
				return fmt.Errorf("error rendering the name of a row: %w", err)
			}
			b = append(b, ':')
		}
		b = append(b, text...)
		return nil
	}
	for _, l := range s.lines {
		if err := row(l.id, l.text); err != nil {
			return nil, err
		}
	}
	for _, r := range s.aside {
		if err := row(r.Key, r.Raw); err != nil {
			return nil, err
		}
	}
	b = append(b, opening+2) // ] or }
	for _, m := range members {
		b = append(b, ',')
		b = append(b, m...)
	}
	b = append(b, snapshot.ServerTimeMember...)
	b = strconv.AppendInt(b, wire.Millis(now), 10)
	return append(b, '}'), nil
}

// cachedFile is a rowFile as it was read or written, with the version of the file that
// it is. The file stays open meanwhile, so that no other gets its inode.
type cachedFile struct {
	file  *os.File
	stamp stamp
	rows  any
}

func cacheFile(path string, rows any) (*cachedFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	return &cachedFile{file: f, stamp: identityOf(info), rows: rows}, nil
}

// isCurrent reports whether the file at a path is the cached version.
func (h *cachedFile) isCurrent(path string) bool {
	info, err := os.Stat(path)
	return err == nil && h.stamp == identityOf(info)
}

// load returns the rows of a format, of the file as it stands. A file that is
// not there gives no rows.
func load[T any](w *Writer, f format[T]) (*rowFile[T], error) {
	name := snapshot.FileName(f.kind, "")
	path := filepath.Join(w.o.Dir, name)
	if h := w.cached[name]; h != nil {
		if s, ok := h.rows.(*rowFile[T]); ok && h.isCurrent(path) {
			return s, nil
		}
		w.forget(name)
	}
	s := newRowFile(ownRows(f, w.o.Competition, new(ownership)))
	h, err := cacheFile(path, s)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	w.cached[name] = h
	file, err := snapshot.ReadFile(w.o.Dir, name)
	if err == nil {
		err = s.fill(file)
	}
	if err != nil {
		w.forget(name)
	}
	if isMissing(err) {
		return s, nil // it states nothing
	}
	return s, err
}

// stageRowFile stages the file of rows that has changed.
func stageRowFile[T any](w *Writer, e *snapshot.Editing, s *rowFile[T], members ...[]byte) error {
	if s == nil || !s.changed {
		return nil
	}
	name := snapshot.FileName(s.kind, "")
	body, err := s.body(w.o.Now(), members...)
	if err != nil {
		return err
	}
	staged, err := e.Stage(s.kind, body)
	if err != nil {
		return err
	}
	h, err := cacheFile(staged, s)
	if err != nil {
		return err
	}
	w.forget(name)
	w.cached[name] = h
	s.changed = false
	return nil
}
