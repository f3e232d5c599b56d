package cachelayer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"time"
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
// After Invalidate has returned in this process, no Fetch that begins later
// returns what was loaded before. After it has returned in another process, this
// one may answer from its memory for config.Cache.LocalTTL.
func Fetch[T any](ctx context.Context, c *Cache, key Key, load func(context.Context) (T, error)) (T, error) {
	if err := ctx.Err(); err != nil {
		var none T
		return none, err
	}
	r := newRequest(c, key, load)
	if e, fresh := c.local.get(key.Name, r.typ); fresh {
		r.maybeRefresh(ctx, e)
		c.metrics.hits.WithLabelValues(key.Family, levelLocal).Inc()
		return r.unpack(outcome{entry: e})
	}

	out, joined, err := r.lookup(ctx)
	// The load was overtaken by an invalidation in another process, which may
	// have been before this caller came: only a load that began later is sure
	// to see what it wrote.
	if err == nil && joined && out.superseded {
		out, _, err = r.lookup(ctx)
	}
	if err != nil {
		var none T
		return none, err
	}
	if out.level == "" {
		c.metrics.misses.WithLabelValues(key.Family).Inc()
	} else {
		c.metrics.hits.WithLabelValues(key.Family, out.level).Inc()
	}
	return r.unpack(out)
}

// Warm loads the value of key and stores it, whether it is in the cache or not.
// It is how a cold start and a dropped Redis are made warm again.
//
// Errors: those of Fetch, and one that is ErrUnavailable if the value was loaded
// and Redis did not take it. It is no error that a later write overtook the load.
func Warm[T any](ctx context.Context, c *Cache, key Key, load func(context.Context) (T, error)) error {
	r := newRequest(c, key, load)
	f, _ := c.flights.join(ctx, r.id(flightLoad), r.load(true))
	out, err := f.wait(ctx)
	if err != nil {
		return err
	}
	if out.err != nil {
		return out.err
	}
	return out.fillErr
}

// outcome is what a flight brings.
type outcome struct {
	entry *entry
	err   error
	// level is the one that answered, empty for a load.
	level string
	// superseded says that the key was invalidated in another process after
	// the load began.
	superseded bool
	// fillErr says why a loaded value is not in Redis. It is ErrUnavailable.
	fillErr error
}

// request is one caller's question.
type request[T any] struct {
	cache  *Cache
	key    Key
	loader func(context.Context) (T, error)
	typ    reflect.Type
}

func newRequest[T any](c *Cache, key Key, loader func(context.Context) (T, error)) *request[T] {
	return &request[T]{cache: c, key: key, loader: loader, typ: reflect.TypeFor[T]()}
}

func (r *request[T]) id(kind flightKind) flightID {
	return flightID{kind: kind, name: r.key.Name, typ: r.typ}
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

// lookup joins or starts the lookup of the key, and waits for it. joined says
// that it was under way before.
func (r *request[T]) lookup(ctx context.Context) (out outcome, joined bool, err error) {
	f, started := r.cache.flights.join(ctx, r.id(flightLookup), r.look)
	out, err = f.wait(ctx)
	return out, !started, err
}

// look finds the value in Redis or loads it.
func (r *request[T]) look(ctx context.Context, f *flight) outcome {
	held, fresh := r.cache.local.get(r.key.Name, r.typ)
	// The lookup that ended just before this one began has brought it.
	if fresh {
		return outcome{entry: held, level: levelLocal}
	}
	if r.cache.remote == nil || r.key.TTL <= 0 {
		return r.loadShared(ctx, false)
	}
	out, err := r.find(ctx, f, held)
	switch {
	case err == nil:
		r.maybeRefresh(ctx, out.entry)
		return out
	case errors.Is(err, errMiss):
		return r.loadShared(ctx, true)
	case errors.Is(err, errForeign):
		r.cache.metrics.foreign.WithLabelValues(r.key.Family).Inc()
		return r.loadShared(ctx, true)
	default:
		r.cache.redisFailed(r.key, err)
		// Redis has had its chance: a read waits for it once.
		return r.loadShared(ctx, false)
	}
}

// find reads the value from Redis: only its head if this process holds a value
// that it may be. The error is errMiss, errForeign or that of Redis.
func (r *request[T]) find(ctx context.Context, f *flight, held *entry) (outcome, error) {
	// What Redis answers was true at some time after it was asked.
	asked := r.cache.opts.Now()
	if held != nil {
		head, left, err := r.cache.remote.peek(ctx, r.key.Name)
		if err != nil {
			return outcome{}, err
		}
		if head == held.head {
			again := *held
			again.expiresAt = asked.Add(left)
			again.freshUntil = r.cache.localUntil(asked, r.key.TTL)
			r.hold(f, &again)
			return outcome{entry: &again, level: levelLocal}, nil
		}
		asked = r.cache.opts.Now()
	}
	sealed, left, err := r.cache.remote.get(ctx, r.key.Name)
	if err != nil {
		return outcome{}, err
	}
	value, err := decode[T](sealed, r.cache.schemas.of(r.typ))
	if err != nil {
		return outcome{}, err
	}
	e := &entry{
		typ: r.typ, value: value, absent: sealed.meta.Absent,
		head: sealed.head, size: sealed.size, cost: sealed.cost(),
		expiresAt: asked.Add(left), freshUntil: r.cache.localUntil(asked, r.key.TTL),
	}
	r.hold(f, e)
	return outcome{entry: e, level: levelRedis}, nil
}

// hold keeps e in this process, unless an invalidation has overtaken f.
func (r *request[T]) hold(f *flight, e *entry) {
	r.cache.flights.keep(f, func() { r.cache.local.set(r.key.Name, e) })
}

// maybeRefresh loads the value again in the background if it is near its end.
func (r *request[T]) maybeRefresh(ctx context.Context, e *entry) {
	if r.cache.remote == nil {
		return
	}
	left := e.expiresAt.Sub(r.cache.opts.Now())
	if !refreshEarly(e.cost, left, r.cache.opts.Rand.Float64()) {
		return
	}
	if _, started := r.cache.flights.join(ctx, r.id(flightLoad), r.load(true)); started {
		r.cache.metrics.refreshes.WithLabelValues(r.key.Family).Inc()
	}
}

// loadShared joins or starts the load of the key, and waits for it.
func (r *request[T]) loadShared(ctx context.Context, toRedis bool) outcome {
	f, started := r.cache.flights.join(ctx, r.id(flightLoad), r.load(toRedis))
	<-f.done
	if !started && f.out.superseded {
		f, _ = r.cache.flights.join(ctx, r.id(flightLoad), r.load(toRedis))
		<-f.done
	}
	return f.out
}

// load makes the flight that loads the value and, if toRedis, fills Redis.
func (r *request[T]) load(toRedis bool) func(context.Context, *flight) outcome {
	return func(ctx context.Context, f *flight) outcome {
		generation, fillErr := r.begin(ctx, toRedis)

		started := r.cache.opts.Now()
		value, err := r.call(ctx)
		cost := r.cache.opts.Now().Sub(started)
		ttl, absent := r.key.TTL, false
		if errors.Is(err, ErrAbsent) {
			ttl, absent = min(ttl, r.cache.cfg.AbsenceTTL), true
		} else if err != nil {
			return outcome{err: err}
		}

		out := outcome{err: err, fillErr: fillErr, entry: &entry{typ: r.typ, value: value, absent: absent, cost: cost}}
		if ttl <= 0 {
			return out
		}
		m := meta{
			Schema: r.cache.schemas.of(r.typ), FillID: r.cache.newID(),
			LoadedAt: started.UnixMilli(), Cost: cost.Milliseconds(), Absent: absent,
		}
		raw, err := seal(m, value)
		if err != nil {
			r.cache.opts.Logger.ErrorContext(ctx, "value cannot be cached", slog.String("key", r.key.Name), slog.Any("error", err))
			return out
		}
		out.entry.head, out.entry.size = string(raw[:headLen]), len(raw)
		r.settle(ctx, f, &out, generation, raw, ttl)
		return out
	}
}

// begin returns the generation under which the load begins, empty if the load
// must not fill Redis.
func (r *request[T]) begin(ctx context.Context, toRedis bool) (generation string, err error) {
	if r.cache.remote == nil || r.key.TTL <= 0 {
		return "", nil
	}
	if !toRedis {
		return "", ErrUnavailable
	}
	generation, err = r.cache.remote.begin(ctx, r.key.Name, r.cache.newID())
	if err != nil {
		r.cache.redisFailed(r.key, err)
		return "", unavailable(err)
	}
	return generation, nil
}

// call runs the loader within its time.
func (r *request[T]) call(ctx context.Context) (value T, err error) {
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
	failed = err != nil && !errors.Is(err, ErrAbsent)
	return value, err
}

// settle stores what was loaded, unless an invalidation has overtaken the load.
func (r *request[T]) settle(ctx context.Context, f *flight, out *outcome, generation string, raw []byte, ttl time.Duration) {
	stored := r.cache.opts.Now()
	if generation != "" && !r.cache.flights.overtaken(f) {
		switch err := r.cache.remote.fill(ctx, r.key.Name, generation, raw, ttl); {
		case err == nil:
			r.cache.metrics.fills.WithLabelValues(r.key.Family).Inc()
		case errors.Is(err, errSuperseded):
			r.cache.metrics.refused.WithLabelValues(r.key.Family).Inc()
			out.superseded = true
			return
		default:
			r.cache.redisFailed(r.key, err)
			out.fillErr = unavailable(err)
		}
	}
	out.entry.expiresAt = stored.Add(ttl)
	out.entry.freshUntil = r.cache.localUntil(stored, ttl)
	r.hold(f, out.entry)
}

// unavailable makes sure that err is ErrUnavailable, also where Redis did answer,
// but took no writes.
func unavailable(err error) error {
	if errors.Is(err, ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
