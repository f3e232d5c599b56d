package arena

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/cachelayer"
	"nof0/internal/catalogue"
	"nof0/internal/stitch"
	"nof0/internal/wire"
)

// Account totals are put together from segments of segmentHours hourly
// markers. A segment whose hours are over is rendered once and kept; only the
// hours that still run are asked for again.
const segmentHours = catalogue.SegmentHours

// runningHours is how many of the newest markers may still change: models
// began at different minutes, so that one's hour ends while another's runs.
const runningHours = 2

// defaultLargeBody is the size from which a document is streamed from its
// segments and never in memory whole.
const defaultLargeBody = 32 << 20

// segment is the rendered rows of a range of hours.
type segment struct {
	ETag string `json:"etag"`
	// Rows is an array; its brackets are left out when segments are joined.
	Rows jsontext.Value `json:"rows"`
}

func (g *segment) empty() bool   { return len(g.Rows) == len("[]") }
func (g *segment) inner() []byte { return g.Rows[1 : len(g.Rows)-1] }

// accountTotals returns the document that a question asks for, or what streams it where
// it is large.
func (s *Service) accountTotals(ctx context.Context, q *question) (*rendering, *totals, error) {
	last, err := q.lastMarker.fetch(ctx)
	if err != nil {
		return nil, nil, err
	}
	document := q.totals(last)
	if q.req.FromMarker > last && q.req.FromMarker > 0 {
		if document, err = s.ahead(q); err != nil {
			return nil, nil, err
		}
	}
	r, err := document.fetch(ctx)
	if big, ok := errors.AsType[*tooLargeError](err); ok {
		return nil, big.totals, nil
	}
	return r, nil, err
}

// totalsOf makes the load of the document from a marker on. With ahead it says which
// competition it is of.
func (s *Service) totalsOf(q *question, from int64, ahead bool) func(context.Context) (*rendering, error) {
	return func(ctx context.Context) (*rendering, error) {
		last, err := q.lastMarker.fetch(ctx)
		if err != nil {
			return nil, err
		}
		t, err := s.gather(ctx, q.scope, from, last, ahead)
		if err != nil {
			return nil, err
		}
		if t.size > s.o.LargeBody {
			return nil, &tooLargeError{t}
		}
		return t.whole(ctx)
	}
}

// tooLargeError carries a document out of the cache's load that is not to be kept.
type tooLargeError struct{ totals *totals }

func (*tooLargeError) Error() string { return "the document is streamed" }

// totals is an account-totals document in parts.
type totals struct {
	service    *Service
	scope      scope
	head, tail []byte
	hours      []hours
	etag       string
	size       int
	renderedAt time.Time
}

// hours is a range of markers, both inclusive, with the digest of its rows.
type hours struct {
	from, to int64
	closed   bool
	etag     string
	empty    bool
	// rendered is what the digest is of; nil of closed hours of a document that
	// is too large for the memory.
	rendered *segment
}

// gather finds the segments of the document and their digests. With ahead it says which
// competition it is of.
func (s *Service) gather(ctx context.Context, sc scope, from, last int64, ahead bool) (*totals, error) {
	store := s.store(sc)
	t := &totals{service: s, scope: sc, renderedAt: s.o.Now(), head: []byte(`{"accountTotals":[`)}
	t.tail = strconv.AppendInt([]byte(`],"lastHourlyMarkerRead":`), last, 10)
	if ahead {
		id, err := wire.Marshal(sc.competition)
		if err != nil {
			return nil, fmt.Errorf("error rendering the id of a competition: %w", err)
		}
		t.tail = append(append(t.tail, `,"competition":`...), id...)
	}
	t.tail = appendServerTime(t.tail, t.renderedAt.UnixMilli())
	var etags strings.Builder
	fmt.Fprintf(&etags, "%d", last)
	if ahead {
		etags.WriteString(" of " + sc.competition)
	}
	for begin := from; begin <= last; {
		end := min(begin-begin%segmentHours+segmentHours-1, last)
		h := hours{from: begin, to: end, closed: begin%segmentHours == 0 && end-begin == segmentHours-1 && end <= last-runningHours}
		g, err := s.segment(ctx, sc, h)
		if err != nil {
			return nil, err
		}
		h.etag, h.empty, h.rendered = g.ETag, g.empty(), g
		t.hours = append(t.hours, h)
		if t.size += len(g.Rows); t.size > s.o.LargeBody {
			t.letGo()
		}
		etags.WriteString(" " + g.ETag)
		begin = end + 1
		if !h.empty || begin > last {
			continue
		}
		// A gap costs the same however wide it is: one marker may be far from all others.
		next, err := store.NextMarker(ctx, begin)
		if err != nil {
			return nil, err
		}
		if next < 0 {
			break
		}
		begin = max(begin, next-next%segmentHours)
	}
	t.etag = digestOf([]byte(etags.String()))
	return t, nil
}

// letGo holds on to the running hours alone: they may change at any moment, and
// there are few.
func (t *totals) letGo() {
	for i := range t.hours {
		if t.hours[i].closed {
			t.hours[i].rendered = nil
		}
	}
}

// segment returns the rendered rows of a range of hours: from the cache where
// it is closed.
func (s *Service) segment(ctx context.Context, sc scope, h hours) (*segment, error) {
	load := func(ctx context.Context) (*segment, error) {
		var rows []wire.AccountTotal
		err := s.read(ctx, sc, func(ctx context.Context, store *Store) (err error) {
			rows, err = store.Hours(ctx, h.from, h.to)
			return err
		})
		if err != nil {
			return nil, err
		}
		raw, err := s.marshal(ctx, catalogue.ViewAccountTotals, rows)
		return &segment{ETag: digestOf(raw), Rows: raw}, err
	}
	if !h.closed {
		return load(ctx)
	}
	kept := through(s.o.Cache, sc.keys.EquitySegment(sc.competition, h.from), load)
	return kept.fetch(ctx)
}

// whole puts the document together in memory.
func (t *totals) whole(ctx context.Context) (*rendering, error) {
	var body bytes.Buffer
	body.Grow(t.size + len(t.head) + len(t.tail))
	if err := t.each(ctx, func(part []byte) error {
		_, err := body.Write(part)
		return err
	}); err != nil {
		return nil, err
	}
	return &rendering{ETag: t.etag, Modified: t.renderedAt.UnixMilli(), Body: jsontext.Value(body.Bytes())}, nil
}

// each hands out the parts of the document in order, one in memory at a time.
// It fails where closed hours are no longer what they were when the document
// began, as a late write may make them.
func (t *totals) each(ctx context.Context, write func(part []byte) error) error {
	if err := write(t.head); err != nil {
		return err
	}
	separate := false
	for _, h := range t.hours {
		if h.empty {
			continue
		}
		g := h.rendered
		if g == nil {
			var err error
			if g, err = t.service.segment(ctx, t.scope, h); err != nil {
				return err
			}
		}
		if g.ETag != h.etag {
			return fmt.Errorf("hours %d to %d changed while the season was being sent", h.from, h.to)
		}
		if separate {
			if err := write([]byte{','}); err != nil {
				return err
			}
		}
		separate = true
		if err := write(g.inner()); err != nil {
			return err
		}
	}
	return write(t.tail)
}

func (t *totals) answer(o origin) *Answer {
	return &Answer{Origin: o.source, MaxAge: o.maxAge, ETag: t.etag, Modified: t.renderedAt, Stream: t}
}

var _ Stream = (*totals)(nil)

// Identity implements Stream.
func (t *totals) Identity(ctx context.Context, w io.Writer) error {
	return t.each(ctx, func(part []byte) error {
		_, err := w.Write(part)
		return err
	})
}

// Gzip implements Stream: the parts are compressed once each and stitched to
// one gzip member.
func (t *totals) Gzip(ctx context.Context, w io.Writer) error {
	gz := stitch.NewWriter(w)
	if err := t.each(ctx, func(part []byte) error {
		p, err := t.service.compressed(ctx, part)
		if err != nil {
			return err
		}
		return gz.Append(p)
	}); err != nil {
		return err
	}
	return gz.Close()
}

// compressed returns a part of a document deflated, from this process's memory
// where it has been before.
func (s *Service) compressed(ctx context.Context, part []byte) (*stitch.Part, error) {
	key := s.keys.Own("deflated", digestOf(part), s.o.TTLs.Long)
	return cachelayer.Fetch(ctx, s.o.Cache, key, func(context.Context) (*stitch.Part, error) { return stitch.Deflate(part) })
}
