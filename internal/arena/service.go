package arena

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/maypok86/otter/v2"

	"nof0/cachelayer"
	"nof0/config"
	"nof0/internal/catalogue"
	"nof0/internal/telemetry"
)

// Service answers the API: it asks the source that serves a domain, through
// the cache, and renders each content once.
type Service struct {
	o    ServiceOptions
	keys cachelayer.Keys
	// known are the last answers of the store by key, and those of other sources by
	// their versions.
	known *otter.Cache[string, known]
	// answered is when one of known was the newest, in nanoseconds of the epoch.
	answered atomic.Int64
	outages  outages
	// competitors is the number of them that was known last, by competition.
	competitors sync.Map
	// staleLines are those in the log.
	staleLines *telemetry.Throttle
	// competing are the competitions that were known last.
	competing atomic.Pointer[competitions]
}

// ServiceOptions are what a Service is made of.
type ServiceOptions struct {
	Store *Store
	// Competition is the configured default; "" is the running one that started last.
	Competition string
	Cache       *cachelayer.Cache
	TTLs        config.Cache
	// LargeBody is the size in bytes from which account totals are streamed
	// and not held whole; 0 is 32 MiB.
	LargeBody int
	// NotFinite, where given, is told the members that a view lacks because no
	// double can hold them.
	NotFinite func(ctx context.Context, view string, absent []jsontext.Pointer)
	Logger    *slog.Logger
	Now       func() time.Time
}

var _ Answerer = (*Service)(nil)

// known is the last answer of a key: of the store, for when it does not answer, the
// competition that it is of being its version; or of another source, for as long as that
// is of the version.
type known struct {
	rendering *rendering
	at        time.Time
	version   string
}

// knownOverhead is what a last known answer costs beside its body and its key, in bytes.
const knownOverhead = 512

// NewService returns the service of the given sources.
func NewService(o ServiceOptions) (*Service, error) {
	if o.LargeBody == 0 {
		o.LargeBody = defaultLargeBody
	}
	last, err := otter.New(&otter.Options[string, known]{
		MaximumWeight: uint64(max(o.TTLs.LocalBytes/2, 1)), // positive
		Weigher: func(key string, k known) uint32 {
			return uint32(len(key) + len(k.rendering.Body) + knownOverhead) // below 4 GiB
		},
		ExpiryCalculator: otter.ExpiryWriting[string, known](max(o.TTLs.Long, time.Minute)),
	})
	if err != nil {
		return nil, fmt.Errorf("error making the table of last answers: %w", err)
	}
	return &Service{o: o, keys: cachelayer.NewKeys(o.TTLs), known: last, staleLines: telemetry.OncePerOutage()}, nil
}

// Answer implements Answerer. Errors are an *UnknownCompetitionError, or wrap
// ErrUnknownModel or ErrUnavailable where they apply.
func (s *Service) Answer(ctx context.Context, req Request) (*Answer, error) {
	v, err := viewOf(req)
	if err != nil {
		return nil, err
	}
	if s.o.Store == nil {
		return nil, fmt.Errorf("%w: no database is configured", ErrUnavailable)
	}
	sc, err := s.scopeOf(ctx, v, req)
	if err != nil {
		return nil, err
	}
	if req.Format != "" {
		return s.downloaded(ctx, s.store(sc), v, req.in(sc), originStore)
	}
	answer := &Answer{MaxAge: s.keys.TTL(v.MaxAge), Origin: originStore}
	if sc.old {
		answer.MaxAge, answer.Origin = min(answer.MaxAge, staleMaxAge), originStale
	}
	return s.fromStore(ctx, v, req, sc, answer)
}

// viewOf returns the view that a request asks for.
func viewOf(req Request) (*view, error) {
	v, ok := views[req.View]
	if !ok {
		return nil, fmt.Errorf("no view %q", req.View)
	}
	return v, nil
}

// keyOf returns where the document that a request asks for is kept.
func keyOf(v *view, sc scope, req Request) (cachelayer.Key, error) {
	key, err := v.key(sc, req)
	if err != nil {
		return key, fmt.Errorf("%w: %w", ErrUnknownModel, err)
	}
	return key, nil
}

// What Answer.Origin tells.
const (
	originStore = "store"
	originStale = "stale"
)

func (s *Service) fromStore(ctx context.Context, v *view, req Request, sc scope, answer *Answer) (*Answer, error) {
	key, err := keyOf(v, sc, s.uncut(v, req, sc))
	if err != nil {
		return nil, err
	}
	whole, asked := ctx, s.o.Now()
	_, isKnown := s.lastOf(key, sc)
	ctx, patience, cancel := s.impatient(ctx, isKnown)
	defer cancel()
	var r *rendering
	req = s.normalize(ctx, v, req, sc)
	if key, err = keyOf(v, sc, req); err != nil {
		return nil, err
	}
	if req.View == catalogue.ViewAccountTotals {
		var large *totals
		r, large, err = s.accountTotals(ctx, v, req.FromMarker, sc)
		if large != nil {
			return large.answer(answer), nil
		}
	} else {
		r, err = fetch(ctx, s.o.Cache, key, func(ctx context.Context) (*rendering, error) {
			began := s.o.Now()
			r, err := s.load(ctx, s.store(sc), v, req.in(sc))
			if err == nil {
				s.outages.over()
				s.remember(key.Name, sc.competition, r, began) // also where nobody waits for it any more
			}
			return r, err
		})
	}
	if err != nil && ctx.Err() != nil && whole.Err() == nil {
		err = fmt.Errorf("%w: there was no answer within %v", ErrUnavailable, patience)
	}
	if errors.Is(err, ErrUnavailable) {
		s.outages.note(s.o.Now())
	}
	if err == nil {
		s.remember(key.Name, sc.competition, r, asked)
	}
	return s.orStale(whole, req, key, sc, r, err, answer)
}

// in returns the request with the competition that it is about.
func (r Request) in(sc scope) Request {
	r.Competition = sc.competition
	return r
}

// orStale is the answer, or the last one that was known where the store cannot
// be asked.
func (s *Service) orStale(ctx context.Context, req Request, key cachelayer.Key, sc scope, r *rendering, err error, answer *Answer) (*Answer, error) {
	if err == nil {
		return answer.of(r), nil
	}
	if _, isKnown := s.lastOf(key, sc); isKnown && errors.Is(err, ErrUnavailable) {
		if leftOut, ok := s.staleLines.Pass(s.o.Now()); ok {
			s.o.Logger.WarnContext(ctx, "serving stale answers", slog.String("view", string(req.View)), slog.Any("error", err), slog.Int64("left_out", leftOut))
		}
		return s.stale(key, sc, answer)
	}
	return nil, err
}

// lastOf returns the last answer of a key, where it may still be served.
func (s *Service) lastOf(key cachelayer.Key, sc scope) (known, bool) {
	last, ok := s.known.GetIfPresent(key.Name)
	return last, ok && last.version == sc.competition && s.o.Now().Sub(last.at) < s.o.TTLs.Long
}

// staleMaxAge is how long a client may keep a stale answer.
const staleMaxAge = 5 * time.Second

// stale is the last answer of a key, which lastOf has found.
func (s *Service) stale(key cachelayer.Key, sc scope, answer *Answer) (*Answer, error) {
	last, ok := s.lastOf(key, sc)
	if !ok {
		return nil, fmt.Errorf("%w: the last known answer is too old by now", ErrUnavailable)
	}
	answer.Origin = originStale
	answer.Age = s.o.Now().Sub(last.at)
	answer.MaxAge = min(answer.MaxAge, staleMaxAge)
	return answer.of(last.rendering), nil
}

// Knows says whether there are answers for when the store does not answer.
func (s *Service) Knows() bool {
	return s.o.Now().UnixNano()-s.answered.Load() < int64(s.o.TTLs.Long)
}

// Forget drops the answers that may be served stale: they are of another database.
func (s *Service) Forget() {
	s.known.InvalidateAll()
	s.answered.Store(0)
	s.competing.Store(nil)
	s.competitors.Clear()
}

// normalize makes a limit that cuts nothing off none: there are as many as
// clients think of, and they then share what is kept of the whole view. While the
// store cannot be asked, the number of competitors that was known last decides.
func (s *Service) normalize(ctx context.Context, v *view, req Request, sc scope) Request {
	if req.View != catalogue.ViewPositions || req.Limit == 0 {
		return req
	}
	count := s.keys.Own("competitors", sc.competition, s.o.TTLs.Short, v.Versions("", sc.all...)...)
	competitors, err := fetch(ctx, s.o.Cache, count, func(ctx context.Context) (int, error) {
		ids, err := s.store(sc).competitors(ctx)
		return len(ids), err
	})
	if err == nil {
		s.competitors.Store(sc.competition, competitors)
	}
	return s.uncut(v, req, sc) // on an error the view itself will tell
}

// uncut is normalize by what was known last.
func (s *Service) uncut(v *view, req Request, sc scope) Request {
	if v.Name != catalogue.ViewPositions {
		return req
	}
	last, _ := s.competitors.Load(sc.competition)
	if n, known := last.(int); known && n <= req.Limit {
		req.Limit = 0
	}
	return req
}

// load renders a view that is read from a source, or of what only a Store has.
func (s *Service) load(ctx context.Context, source Source, v *view, req Request) (*rendering, error) {
	store, _ := source.(*Store)
	payload, err := v.from(ctx, source, store, req)
	if err != nil {
		return nil, err
	}
	return s.render(ctx, req.View, payload)
}

// remember keeps an answer, which was the newest at a time, for as long as it may be
// served stale. A load that took long does not take the place of what began after it.
func (s *Service) remember(key, competition string, r *rendering, at time.Time) {
	last, ok := s.known.GetIfPresent(key)
	if ok && last.version == competition && (last.at.After(at) || last.rendering == r && at.Sub(last.at) < time.Second) {
		return
	}
	s.known.Set(key, known{rendering: r, at: at, version: competition})
	s.answered.Store(at.UnixNano())
}

// fetch reads through the cache. That a model is unknown is remembered as an
// absence.
func fetch[T any](ctx context.Context, c *cachelayer.Cache, key cachelayer.Key, load func(context.Context) (T, error)) (T, error) {
	v, err := cachelayer.Fetch(ctx, c, key, func(ctx context.Context) (T, error) {
		v, err := load(ctx)
		if errors.Is(err, ErrUnknownModel) {
			err = fmt.Errorf("%w: %w", cachelayer.ErrAbsent, err)
		}
		return v, err
	})
	if errors.Is(err, cachelayer.ErrAbsent) {
		err = fmt.Errorf("%w: %w", ErrUnknownModel, err)
	}
	return v, err
}

func (a *Answer) of(r *rendering) *Answer {
	if r == nil {
		return nil
	}
	a.ETag, a.Modified, a.Body, a.Next = r.ETag, time.UnixMilli(r.Modified).UTC(), r.Body, r.Next
	return a
}

// Warm renders every view that the store serves, so that the first clients
// find them in the cache. It returns how many it rendered.
func (s *Service) Warm(ctx context.Context) (int, error) {
	requests := make([]Request, 0, len(views))
	for name, v := range views {
		if !v.OfOne() {
			requests = append(requests, Request{View: name})
		}
	}
	if s.o.Store != nil {
		competition, err := s.Competition(ctx, "")
		if err != nil {
			return 0, err
		}
		competitors, err := s.o.Store.In(competition).competitors(ctx)
		if err != nil {
			return 0, err
		}
		for _, model := range competitors {
			requests = append(requests, Request{View: catalogue.ViewAnalyticsOf, Model: model})
		}
	}
	warmed := 0
	for _, req := range requests {
		switch _, err := s.Answer(ctx, req); {
		case errors.Is(err, ErrUnknownModel): // the files lack the analytics of this competitor
		case err != nil:
			return warmed, fmt.Errorf("error rendering %s: %w", req.View, err)
		default:
			warmed++
		}
	}
	return warmed, nil
}
