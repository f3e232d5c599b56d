package arena

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"nof0/cachelayer"
	"nof0/internal/catalogue"
)

// cached is a value that is read through the cache.
type cached[T any] struct {
	cache *cachelayer.Cache
	key   cachelayer.Key
	load  func(context.Context) (T, error)
}

// through returns what reads a value through the cache. That a model is unknown is
// remembered as an absence.
func through[T any](c *cachelayer.Cache, key cachelayer.Key, load func(context.Context) (T, error)) cached[T] {
	return cached[T]{c, c.Prepared(key), func(ctx context.Context) (T, error) {
		v, err := load(ctx)
		if errors.Is(err, ErrUnknownModel) {
			err = fmt.Errorf("%w: %w", cachelayer.ErrAbsent, err)
		}
		return v, err
	}}
}

// inMemory returns the value where it costs no waiting.
func (v *cached[T]) inMemory(ctx context.Context) (T, bool) {
	return cachelayer.InMemory(ctx, v.cache, v.key, v.load)
}

// fetch returns the value.
func (v *cached[T]) fetch(ctx context.Context) (T, error) {
	value, err := cachelayer.Fetch(ctx, v.cache, v.key, v.load)
	if errors.Is(err, cachelayer.ErrAbsent) {
		err = fmt.Errorf("%w: %w", ErrUnknownModel, err)
	}
	return value, err
}

// question is a request of the store with all that it takes to answer it, which is made
// once for all who ask the same.
type question struct {
	view  *view
	req   Request
	scope scope
	// of are the competitions that there were.
	of       *competitions
	document cached[*rendering]
	// competitors counts them, where the request asks for the first ones, and lastMarker
	// is the newest hourly marker, where it asks for account totals.
	competitors cached[int]
	lastMarker  cached[int64]
	// remembered is when its answer was remembered last, in nanoseconds of the epoch.
	remembered atomic.Int64
}

// maxQuestions bounds those that a process remembers. Clients may ask for as many as they
// think of.
const maxQuestions = 4096

// questions are those that were asked lately. It is safe for concurrent use.
type questions struct {
	mu    sync.RWMutex
	known map[Request]*question
}

func (q *questions) get(req Request) *question {
	q.mu.RLock()
	defer q.mu.RUnlock()
	return q.known[req]
}

func (q *questions) set(made *question) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.known) >= maxQuestions || q.known == nil {
		q.known = make(map[Request]*question)
	}
	q.known[made.req] = made
}

// question returns that of a request. Errors are an *UnknownCompetitionError, or wrap
// ErrUnknownModel or ErrUnavailable.
func (s *Service) question(ctx context.Context, v *view, req Request) (*question, error) {
	var all *competitions
	old := false
	if v.Across || v.OfCompetition() {
		var err error
		if all, old, err = s.competitions(ctx); err != nil {
			return nil, err
		}
	}
	return s.asked(v, req, all, old)
}

// asked is the question of a request with the given competitions; see scopeOf.
func (s *Service) asked(v *view, req Request, all *competitions, old bool) (*question, error) {
	if q := s.questions.get(req); q != nil && q.of == all && q.scope.old == old {
		return q, nil
	}
	sc, err := s.scopeOf(v, req, all, old)
	if err != nil {
		return nil, err
	}
	q, err := s.ask(v, req, sc)
	if err != nil {
		return nil, err
	}
	q.of = all
	s.questions.set(q)
	return q, nil
}

// ask makes a question. The error is ErrUnknownModel.
func (s *Service) ask(v *view, req Request, sc scope) (*question, error) {
	key, err := keyOf(v, sc, req)
	if err != nil {
		return nil, err
	}
	q := &question{view: v, req: req, scope: sc}
	own := func(family string) cachelayer.Key {
		return s.keys.Own(family, sc.competition, s.o.TTLs.Short, v.Versions("", sc.all...)...)
	}
	switch v.Name {
	case catalogue.ViewAccountTotals:
		q.lastMarker = through(s.o.Cache, own("last_marker"), s.store(sc).LastMarker)
		q.document = through(s.o.Cache, key, s.totalsOf(q, req.FromMarker, false))
		return q, nil
	case catalogue.ViewPositions:
		q.competitors = through(s.o.Cache, own("competitors"), func(ctx context.Context) (int, error) {
			ids, err := s.store(sc).competitors(ctx)
			return len(ids), err
		})
	}
	q.document = through(s.o.Cache, key, func(ctx context.Context) (r *rendering, err error) {
		began := s.o.Now()
		err = s.read(ctx, sc, func(ctx context.Context, store *Store) (err error) {
			r, err = s.load(ctx, store, v, req.in(sc))
			return err
		})
		if err == nil {
			s.outages.over()
			s.remember(key.Name, sc.competition, r, began) // also where nobody waits for it any more
		}
		return r, err
	})
	return q, nil
}

// inMemory returns the answer of a question where it costs no waiting.
func (s *Service) inMemory(ctx context.Context, q *question) (*Answer, bool) {
	document := q.document
	switch {
	case q.asksForFirst():
		n, ok := q.competitors.inMemory(ctx)
		if !ok {
			return nil, false
		}
		if n <= q.req.Limit {
			whole, err := s.whole(q)
			if err != nil {
				return nil, false
			}
			return s.inMemory(ctx, whole)
		}
	case q.req.FromMarker > 0 && q.view.Name == catalogue.ViewAccountTotals:
		last, ok := q.lastMarker.inMemory(ctx)
		if !ok || q.req.FromMarker > last {
			return nil, false
		}
		document = q.totals(last)
	}
	asked := s.o.Now()
	r, ok := document.inMemory(ctx)
	if !ok {
		return nil, false
	}
	if before := q.remembered.Load(); asked.UnixNano()-before >= int64(rememberEvery) && q.remembered.CompareAndSwap(before, asked.UnixNano()) {
		s.remember(q.document.key.Name, q.scope.competition, r, asked)
	}
	return r.answer(s.originOf(q)), true
}

// asksForFirst reports whether the request asks for the first competitors alone.
func (q *question) asksForFirst() bool {
	return q.view.Name == catalogue.ViewPositions && q.req.Limit > 0
}

// whole is the same question without its limit.
func (s *Service) whole(q *question) (*question, error) {
	req := q.req
	req.Limit = 0
	return s.asked(q.view, req, q.of, q.scope.old)
}

// uncut makes a limit that cuts nothing off none, by the number of competitors that was
// known last: there are as many as clients think of, and they then share what is kept of
// the whole view.
func (s *Service) uncut(q *question) (*question, error) {
	last, _ := s.competitors.Load(q.scope.competition)
	if n, known := last.(int); known && q.asksForFirst() && n <= q.req.Limit {
		return s.whole(q)
	}
	return q, nil
}

// normalize is uncut by the number that there is now. While the store cannot be asked,
// the one that was known last decides.
func (s *Service) normalize(ctx context.Context, q *question) (*question, error) {
	if !q.asksForFirst() {
		return q, nil
	}
	competitors, err := q.competitors.fetch(ctx)
	if err == nil {
		s.competitors.Store(q.scope.competition, competitors)
	}
	return s.uncut(q) // on an error the view itself fails
}

// totals is the document of account totals where the newest marker is not before theirs.
// In Redis is what clients poll, the whole season and its newest day; the rest, of which
// there are as many as hours, stays in this process.
func (q *question) totals(last int64) cached[*rendering] {
	document := q.document
	document.key.Local = q.req.FromMarker != 0 && q.req.FromMarker <= last-segmentHours
	return document
}

// ahead is the document for a client whose marker is beyond the newest, which comes from
// another competition: it gets the whole season, and which one that is.
func (s *Service) ahead(q *question) (cached[*rendering], error) {
	key, err := q.scope.keys.View(&q.view.View, "", "ahead", q.scope.all...)
	return through(s.o.Cache, key, s.totalsOf(q, 0, true)), err
}

// originOf returns which origin an answer to a question has, and how long clients keep it.
func (s *Service) originOf(q *question) origin {
	o := origin{source: originStore, maxAge: s.keys.TTL(q.view.MaxAge)}
	if q.scope.old {
		o = o.stale()
	}
	return o
}
