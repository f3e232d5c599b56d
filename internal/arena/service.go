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
	"go.opentelemetry.io/otel/attribute"

	"nof0/cachelayer"
	"nof0/config"
	"nof0/internal/catalogue"
	"nof0/internal/telemetry"
	"nof0/repository"
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
	// listed are those that there are, and questions what was asked lately.
	listed    cached[*competitions]
	questions questions
}

// ServiceOptions are what a Service is made of.
type ServiceOptions struct {
	Store *Store
	// Replicas are where views are loaded from, where they have what the store has; nil
	// where there are none.
	Replicas *repository.Replicas
	// Competition is the configured default; "" is the running one that started last.
	Competition string
	Cache       *cachelayer.Cache
	TTLs        config.Cache
	// LargeBody is the size in bytes from which account totals are streamed
	// and not kept in memory; 0 is 32 MiB.
	LargeBody int
	// NotFinite, where given, receives the members that a view lacks because no
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
	s := &Service{o: o, keys: cachelayer.NewKeys(o.TTLs), known: last, staleLines: telemetry.OncePerOutage()}
	s.listed = through(o.Cache, s.keys.Competitions(), func(ctx context.Context) (*competitions, error) {
		return o.Store.competitionIDs(ctx, o.Competition)
	})
	return s, nil
}

// KnownBytes is what the last known answers hold, as cache.local_bytes counts it.
func (s *Service) KnownBytes() uint64 { return s.known.WeightedSize() }

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
	q, err := s.question(ctx, v, req)
	if err != nil {
		return nil, err
	}
	if req.Format != "" {
		return s.downloaded(ctx, s.store(q.scope), v, req.in(q.scope), originStore)
	}
	if answer, ok := s.inMemory(ctx, q); ok {
		return answer, nil
	}
	return s.fromStore(ctx, q)
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

// What Answer.Origin says.
const (
	originStore = "store"
	originStale = "stale"
)

// origin is where an answer comes from, and how long clients may keep it.
type origin struct {
	source string
	maxAge time.Duration
}

// stale is the origin of what may no longer be the newest.
func (o origin) stale() origin { return origin{originStale, min(o.maxAge, staleMaxAge)} }

// fromStore answers what is not in memory.
func (s *Service) fromStore(ctx context.Context, q *question) (_ *Answer, err error) {
	ctx, span := telemetry.Span(ctx, "view", attribute.String("nof0.view", string(q.view.Name)))
	defer func() {
		if errors.Is(err, ErrUnknownModel) {
			span.End() // which is an answer
			return
		}
		telemetry.EndSpan(span, err)
	}()
	asked := s.o.Now()
	lately, err := s.uncut(q)
	if err != nil {
		return nil, err
	}
	_, isKnown := s.lastOf(lately.document.key, q.scope)
	impatient, patience, cancel := s.impatient(ctx, isKnown)
	defer cancel()
	f, err := s.find(impatient, q)
	if err != nil && impatient.Err() != nil && ctx.Err() == nil {
		if last, isKnown := s.lastOf(f.document.key, q.scope); isKnown {
			s.outages.note(s.o.Now())
			return s.stale(ctx, f.question, last, fmt.Errorf("%w: there was no answer within %v", ErrUnavailable, patience)), nil
		}
		f, err = s.find(ctx, q) // it has left the memory meanwhile, and there is nothing else to serve
	}
	if errors.Is(err, ErrUnavailable) {
		s.outages.note(s.o.Now())
		if last, isKnown := s.lastOf(f.document.key, q.scope); isKnown {
			return s.stale(ctx, f.question, last, err), nil
		}
	}
	if err != nil {
		return nil, err
	}
	if f.large != nil {
		return f.large.answer(s.originOf(f.question)), nil
	}
	s.remember(f.document.key.Name, f.scope.competition, f.rendering, asked)
	return f.rendering.answer(s.originOf(f.question)), nil
}

// found is the rendering of a question, or its document where that is large.
type found struct {
	*question
	rendering *rendering
	large     *totals
}

// find asks the cache, and else the store.
func (s *Service) find(ctx context.Context, q *question) (f found, err error) {
	f.question = q
	normal, err := s.normalize(ctx, q)
	if err != nil {
		return f, err
	}
	f.question = normal
	if normal.view.Name == catalogue.ViewAccountTotals {
		f.rendering, f.large, err = s.accountTotals(ctx, normal)
	} else {
		f.rendering, err = normal.document.fetch(ctx)
	}
	return f, err
}

// in returns the request with the competition that it is about.
func (r Request) in(sc scope) Request {
	r.Competition = sc.competition
	return r
}

// lastOf returns the last answer of a key, where it may still be served.
func (s *Service) lastOf(key cachelayer.Key, sc scope) (known, bool) {
	last, ok := s.known.GetIfPresent(key.Name)
	return last, ok && last.version == sc.competition && s.o.Now().Sub(last.at) < s.o.TTLs.Long
}

// staleMaxAge is how long a client may keep a stale answer.
const staleMaxAge = 5 * time.Second

// stale is the last answer to a question, where the store cannot be asked for a reason.
func (s *Service) stale(ctx context.Context, q *question, last known, why error) *Answer {
	if leftOut, ok := s.staleLines.Pass(s.o.Now()); ok {
		s.o.Logger.WarnContext(ctx, "serving stale answers", slog.String("view", string(q.view.Name)), slog.Any("error", why), slog.Int64("left_out", leftOut))
	}
	answer := last.rendering.newAnswer(s.originOf(q).stale())
	answer.Age = s.o.Now().Sub(last.at)
	return answer
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

// read runs fn with a store of a scope that has everything that was committed before: a
// replica, or the primary where none has, or where fn failed on it. Fn runs twice then.
func (s *Service) read(ctx context.Context, sc scope, fn func(ctx context.Context, store *Store) error) error {
	store := s.store(sc)
	if s.o.Replicas != nil {
		err := s.o.Replicas.Read(ctx, func(ctx context.Context, repos repository.Repositories) error {
			there := *store
			there.repos = repos.In(store.repos.Competition())
			return fn(ctx, &there)
		})
		if err == nil || errors.Is(err, ErrUnknownModel) || ctx.Err() != nil {
			return err
		}
	}
	return fn(ctx, store)
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

// rememberEvery is how exactly the age of a stale answer is known.
const rememberEvery = time.Second

// remember keeps an answer, which was the newest at a time, for as long as it may be
// served stale. A load that took long does not take the place of what began after it.
func (s *Service) remember(key, competition string, r *rendering, at time.Time) {
	last, ok := s.known.GetIfPresent(key)
	if ok && last.version == competition && (last.at.After(at) || last.rendering == r && at.Sub(last.at) < rememberEvery) {
		return
	}
	s.known.Set(key, known{rendering: r, at: at, version: competition})
	s.answered.Store(at.UnixNano())
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
