package cachelayer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"nof0/internal/telemetry"
)

// ErrAbsent is for a load to say, wrapped as it likes, that there is no such
// thing. That answer is remembered for config.Cache.AbsenceTTL, and a Fetch that
// it answers from the cache returns an error that wraps ErrAbsent and nothing
// else of what the load said.
var ErrAbsent = errors.New("absent")

// Fetch returns the value of key: from this process' memory, from Redis, or from
// load, in that order.
//
// However many ask for a key at the same time, one load runs. It has the values
// of the context of the caller who started it and not its end, and must keep the
// deadline it is given, config.Cache.LoadTimeout: it may outlive the caller, so
// it must not use what ends with the caller, a transaction for instance. A caller
// whose ctx ends gets the context's error at once and the load goes on for the
// others.
//
// The value is shared between all callers: nothing in it may be changed. A
// T must come back from JSON as it went in; one that cannot be encoded is
// returned and logged and not kept. JSON that is already rendered is best held
// as a jsontext.Value, which is copied and checked but not parsed into a tree.
//
// A key whose TTL is not positive is loaded every time.
//
// Errors: the context's; what load returned, as it is, and never kept unless it
// is ErrAbsent; an error that is ErrAbsent; a *PanicError if load panicked. No
// state of Redis makes an error.
//
// After Invalidate of one of the key's versions has returned in this process, no
// Fetch that begins later returns what was loaded before. After it has returned in
// another process, this one may answer from its memory for config.Cache.LocalTTL.
func Fetch[T any](ctx context.Context, c *Cache, key Key, load func(context.Context) (T, error)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	if value, ok := InMemory(ctx, c, key, load); ok {
		return value, nil
	}
	return fetch(ctx, newRequest(c, key, load))
}

// fetch is Fetch of what is not in this process' memory, or not known to hold still.
func fetch[T any](ctx context.Context, r *request[T]) (value T, err error) {
	ctx, span := telemetry.Span(ctx, "cache.get", attribute.String("nof0.cache.family", r.key.Family))
	defer func() { telemetry.EndSpan(span, unlessAbsent(err)) }()
	var none T
	c := r.cache
	if err := r.resolve(ctx); err != nil {
		return none, err
	}
	if e := c.local.get(r.key.Name, r.typ, r.state.tokens, c.opts.Now()); e != nil {
		r.maybeRefresh(ctx, e)
		c.metrics.localHit(&r.key)
		span.SetAttributes(levelAttr.String(levelLocal))
		return r.unpack(outcome{entry: e})
	}
	f, _ := c.flights.join(ctx, r.id(flightLookup), r.look)
	out, err := f.wait(ctx)
	if err != nil {
		return none, err
	}
	if out.level == "" {
		c.metrics.misses.WithLabelValues(r.key.Family).Inc()
	} else {
		c.metrics.hits.WithLabelValues(r.key.Family, out.level).Inc()
	}
	span.SetAttributes(levelAttr.String(cmp.Or(out.level, "miss")))
	return r.unpack(out)
}

// levelAttr of a span is the level that answered.
const levelAttr = attribute.Key("nof0.cache.level")

// unlessAbsent is an error, but not that there is no such thing.
func unlessAbsent(err error) error {
	if errors.Is(err, ErrAbsent) {
		return nil
	}
	return err
}

// InMemory is Fetch of what this process has in its memory and need not ask Redis about:
// it never waits. It is false where there is no such value.
func InMemory[T any](ctx context.Context, c *Cache, key Key, load func(context.Context) (T, error)) (value T, ok bool) {
	now := c.opts.Now()
	state, fresh := c.versions.of(&key, now)
	if !fresh {
		return value, false
	}
	e := c.local.get(key.Name, reflect.TypeFor[T](), state.tokens, now)
	if e == nil || e.absent {
		return value, false
	}
	if c.remote != nil && c.isDue(e, now) {
		r := newRequest(c, key, load)
		r.state = state
		r.refresh(ctx)
	}
	c.metrics.localHit(&key)
	value, _ = e.value.(T) // a nil interface is not a T and is what value is already
	return value, true
}

// isDue draws whether a value is to be loaded again before its end.
func (c *Cache) isDue(e *entry, now time.Time) bool {
	left := e.expiresAt.Sub(now)
	return isNear(e.cost, left) && refreshEarly(e.cost, left, c.opts.Rand.Float64())
}

func newRequest[T any](c *Cache, key Key, load func(context.Context) (T, error)) *request[T] {
	return &request[T]{cache: c, key: key, loader: load, typ: reflect.TypeFor[T](), identity: c.identity()}
}

// outcome is what a flight brings.
type outcome struct {
	entry *entry
	err   error
	// level is the one that answered, empty for a load.
	level string
}

// request is one caller's question.
type request[T any] struct {
	cache  *Cache
	key    Key
	loader func(context.Context) (T, error)
	typ    reflect.Type
	// state is that of the key's versions when the question came, and identity
	// whose value was asked for.
	state    state
	identity *marked
}

// id distinguishes flights: those who ask under other tokens do not share one.
func (r *request[T]) id(kind flightKind) flightID {
	return flightID{kind: kind, name: r.key.Name, tokens: r.state.tokens, typ: r.typ, identity: r.identity}
}

// resolve finds the state of the key's versions, and asks Redis for it where this
// process has not lately. The error is the context's.
func (r *request[T]) resolve(ctx context.Context) error {
	var fresh bool
	if r.state, fresh = r.cache.versions.of(&r.key, r.cache.opts.Now()); fresh {
		return nil
	}
	id := flightID{kind: flightVersions, name: versionNames(r.key.Versions)}
	// A flight that was under way may have asked before this question came. What it
	// brought is good for as long as every answer is; where that time is over, the
	// flight after it is waited for, which began later.
	for range 2 {
		f, started := r.cache.flights.join(ctx, id, r.askVersions)
		if _, err := f.wait(ctx); err != nil {
			return err
		}
		if r.state, fresh = r.cache.versions.of(&r.key, r.cache.opts.Now()); started || fresh {
			break
		}
	}
	return nil
}

// askVersions is the flight that asks Redis for the key's versions.
func (r *request[T]) askVersions(ctx context.Context, _ *flight) outcome {
	if err := r.cache.versions.refresh(ctx, r.key.Versions); err != nil {
		r.cache.redisFailed(r.key, err)
	}
	return outcome{}
}

// isShared says whether the value is exchanged by way of Redis: not where one of
// its versions is known to this process alone.
func (r *request[T]) isShared() bool {
	return r.cache.remote != nil && r.key.TTL > 0 && !r.key.Local && r.state.shared && r.cache.owner.usable()
}

// unpack gives the caller its answer.
func (r *request[T]) unpack(out outcome) (T, error) {
	var value T
	if out.err != nil {
		return value, out.err
	}
	if out.entry.absent {
		return value, fmt.Errorf("%w: %s", ErrAbsent, r.key.Name)
	}
	// A nil interface is not a T and is what value is already.
	value, _ = out.entry.value.(T)
	return value, nil
}

// look finds the value in Redis or loads it.
func (r *request[T]) look(ctx context.Context, _ *flight) outcome {
	// The lookup that ended just before this one began has brought it.
	if e := r.cache.local.get(r.key.Name, r.typ, r.state.tokens, r.cache.opts.Now()); e != nil {
		return outcome{entry: e, level: levelLocal}
	}
	if !r.isShared() {
		return r.loadJoined(ctx, false)
	}
	out, err := r.find(ctx)
	switch {
	case err == nil:
		r.maybeRefresh(ctx, out.entry)
		return out
	case errors.Is(err, errMiss):
		return r.loadJoined(ctx, true)
	case errors.Is(err, errForeign):
		r.cache.metrics.foreign.WithLabelValues(r.key.Family).Inc()
		return r.loadJoined(ctx, true)
	default:
		r.cache.redisFailed(r.key, err)
		// Redis has had its chance: a read waits for it once.
		return r.loadJoined(ctx, false)
	}
}

// find reads the value from Redis. The error is errMiss, errForeign or that of
// Redis.
func (r *request[T]) find(ctx context.Context) (outcome, error) {
	// What Redis answers was true at some time after it was asked.
	asked := r.cache.opts.Now()
	sealed, left, err := r.cache.remote.get(ctx, r.key.Name)
	if err != nil {
		return outcome{}, err
	}
	value, err := decode[T](sealed, r.cache.schemas.of(r.typ, r.identity))
	if err != nil {
		return outcome{}, err
	}
	if sealed.meta.Key != r.key.Name {
		return outcome{}, fmt.Errorf("%w: stored for %s", errForeign, sealed.meta.Key)
	}
	if sealed.meta.Versions != r.state.tokens {
		return outcome{}, errMiss
	}
	e := &entry{
		typ: r.typ, value: value, absent: sealed.meta.Absent, tokens: r.state.tokens,
		size: sealed.size, cost: sealed.cost(), expiresAt: asked.Add(left),
	}
	r.hold(e)
	return outcome{entry: e, level: levelRedis}, nil
}

// hold keeps e in this process, unless its versions have been made anew.
func (r *request[T]) hold(e *entry) {
	if r.isCurrent() {
		r.cache.local.set(r.key.Name, e)
	}
}

// isCurrent says whether the versions are still what they were when the question
// came. It saves work and decides nothing: what is kept has its tokens with it.
func (r *request[T]) isCurrent() bool {
	if r.identity != r.cache.identity() {
		return false
	}
	if len(r.key.Versions) == 0 {
		return true
	}
	now, _ := r.cache.versions.get(r.key.Versions)
	return now == r.state
}

// maybeRefresh loads the value again in the background if it is near its end.
func (r *request[T]) maybeRefresh(ctx context.Context, e *entry) {
	if r.cache.isDue(e, r.cache.opts.Now()) {
		r.refresh(ctx)
	}
}

// refresh loads the value again in the background, where others have a use for it.
func (r *request[T]) refresh(ctx context.Context) {
	if !r.isShared() {
		return
	}
	if _, started := r.cache.flights.join(ctx, r.id(flightLoad), r.load(true)); started {
		r.cache.metrics.refreshes.WithLabelValues(r.key.Family).Inc()
	}
}

// loadJoined joins or starts the load of the key, and waits for it.
func (r *request[T]) loadJoined(ctx context.Context, toRedis bool) outcome {
	f, _ := r.cache.flights.join(ctx, r.id(flightLoad), r.load(toRedis))
	<-f.done
	return f.out
}

// load makes the flight that loads the value and, if toRedis, fills Redis.
func (r *request[T]) load(toRedis bool) func(context.Context, *flight) outcome {
	return func(ctx context.Context, _ *flight) outcome {
		started := r.cache.opts.Now()
		value, err := r.call(ctx)
		cost := r.cache.opts.Now().Sub(started)
		ttl, absent := r.key.TTL, false
		if errors.Is(err, ErrAbsent) {
			ttl, absent = min(ttl, r.cache.cfg.AbsenceTTL), true
		} else if err != nil {
			return outcome{err: err}
		}

		e := &entry{typ: r.typ, value: value, absent: absent, tokens: r.state.tokens, cost: cost}
		out := outcome{err: err, entry: e}
		if ttl <= 0 {
			return out
		}
		raw, err := seal(meta{
			Schema: r.cache.schemas.of(r.typ, r.identity), Key: r.key.Name, Versions: r.state.tokens,
			LoadedAt: started.UnixMilli(), Cost: cost.Milliseconds(), Absent: absent,
		}, value)
		if err != nil {
			r.cache.opts.Logger.ErrorContext(ctx, "value cannot be cached", slog.String("key", r.key.Name), slog.Any("error", err))
			return out
		}
		e.size, e.expiresAt = len(raw), r.cache.opts.Now().Add(ttl)
		if toRedis {
			r.fill(ctx, raw, ttl)
		}
		r.hold(e)
		return out
	}
}

// call runs the loader within its time.
func (r *request[T]) call(ctx context.Context) (value T, err error) {
	ctx, span := telemetry.Span(ctx, "cache.load", attribute.String("nof0.cache.family", r.key.Family))
	defer func() { telemetry.EndSpan(span, unlessAbsent(err)) }()
	ctx, cancel := context.WithTimeout(ctx, r.cache.cfg.LoadTimeout)
	defer cancel()
	r.cache.metrics.loads.WithLabelValues(r.key.Family).Inc()
	// A load that panics leaves through here too.
	failed := true
	defer func() {
		if failed {
			r.cache.metrics.loadErrors.WithLabelValues(r.key.Family).Inc()
		}
	}()
	value, err = r.loader(ctx)
	failed = unlessAbsent(err) != nil
	return value, err
}

// fill stores what was loaded in Redis, where a newer value must not make way for
// it.
func (r *request[T]) fill(ctx context.Context, raw []byte, ttl time.Duration) {
	if !r.isCurrent() {
		r.cache.metrics.refused.WithLabelValues(r.key.Family).Inc()
		return
	}
	if err := r.cache.remote.fill(ctx, r.key.Name, raw, ttl); err != nil {
		r.cache.redisFailed(r.key, err)
		return
	}
	r.cache.metrics.fills.WithLabelValues(r.key.Family).Inc()
}

// unavailable makes sure that err is ErrUnavailable, also where Redis did answer,
// but took no writes.
func unavailable(err error) error {
	if errors.Is(err, ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// unavailableAs is unavailable that says what was done.
func unavailableAs(what string, err error) error {
	return fmt.Errorf("%s: %w", what, unavailable(err))
}
