package cachelayer

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-redis/cache/v9"
	"github.com/redis/go-redis/v9"
)

var (
	// errMiss reports that Redis has nothing under the key.
	errMiss = errors.New("miss")
	// errSuperseded reports a fill that was refused: the key was invalidated
	// after the load began.
	errSuperseded = errors.New("key invalidated during the load")
)

// noSuchKey is what PTTL answers, as go-redis gives it, where there is no key.
const noSuchKey time.Duration = -2

// remote is the level in Redis. Its methods are not called where there is none.
type remote struct {
	rdb     redis.UniversalClient
	store   *cache.Cache
	scripts scripts
	// generationTTL is how long a generation outlives the load that asked last.
	generationTTL time.Duration
}

// newRemote puts go-redis/cache on rdb, with a store below it that guards every
// Set by the key's generation, and neither its codec (msgpack, in which a
// renamed field reads as zero), nor its Once (which fails all for the one who
// leaves and recurses on what it can neither decode nor delete), nor its local
// level.
func newRemote(rdb redis.UniversalClient, generationTTL time.Duration) *remote {
	s := newScripts()
	return &remote{
		rdb:           rdb,
		scripts:       s,
		generationTTL: generationTTL,
		store: cache.New(&cache.Options{
			Redis:     guardedStore{rdb: rdb, fill: s.fill},
			Marshal:   marshalRaw,
			Unmarshal: unmarshalEnvelope,
		}),
	}
}

// marshalRaw and unmarshalEnvelope are the codec: what is stored is a sealed
// envelope, and what is read is opened into one.
func marshalRaw(value any) ([]byte, error) {
	raw, ok := value.([]byte)
	if !ok {
		return nil, fmt.Errorf("cannot store %T: only sealed envelopes are stored", value)
	}
	return raw, nil
}

func unmarshalEnvelope(raw []byte, into any) error {
	e, ok := into.(*envelope)
	if !ok {
		return fmt.Errorf("cannot open an envelope into %T", into)
	}
	return e.open(raw)
}

// get reads a value and how long it will live. The error is errMiss, errForeign
// or that of Redis.
func (r *remote) get(ctx context.Context, name string) (*envelope, time.Duration, error) {
	e, left := &envelope{}, time.Duration(0)
	err := r.store.Get(context.WithValue(ctx, leftKey{}, &left), name, e)
	switch {
	case errors.Is(err, cache.ErrCacheMiss):
		return nil, 0, errMiss
	case redis.HasErrorPrefix(err, "WRONGTYPE"):
		return nil, 0, errForeign
	case err != nil:
		return nil, 0, fmt.Errorf("error reading from redis: %w", err)
	case left < 0:
		// A value that would never expire was not stored by a fill.
		return nil, 0, errForeign
	}
	return e, left, nil
}

// peek reads only the head of a value, and how long it will live. The error is
// errMiss, errForeign or that of Redis.
func (r *remote) peek(ctx context.Context, name string) (head string, left time.Duration, err error) {
	var start *redis.StringCmd
	var ttl *redis.DurationCmd
	_, err = r.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		start = p.GetRange(ctx, name, 0, int64(headLen)-1)
		ttl = p.PTTL(ctx, name)
		return nil
	})
	switch {
	case redis.HasErrorPrefix(err, "WRONGTYPE"):
		return "", 0, errForeign
	case err != nil:
		return "", 0, fmt.Errorf("error reading head from redis: %w", err)
	case start.Val() == "", ttl.Val() == noSuchKey:
		return "", 0, errMiss
	case ttl.Val() < 0:
		return "", 0, errForeign
	}
	return start.Val(), ttl.Val(), nil
}

// begin returns the generation under which a load begins. fresh becomes the
// generation where there is none.
func (r *remote) begin(ctx context.Context, name, fresh string) (string, error) {
	generation, err := r.scripts.begin.Run(ctx, r.rdb, []string{generationName(name)},
		fresh, r.generationTTL.Milliseconds()).Text()
	if err != nil {
		return "", fmt.Errorf("error reading generation from redis: %w", err)
	}
	return generation, nil
}

// fill stores raw for ttl if the generation is what it was when the load began.
// The error is errSuperseded or that of Redis.
func (r *remote) fill(ctx context.Context, name, generation string, raw []byte, ttl time.Duration) error {
	err := r.store.Set(&cache.Item{
		Ctx:   context.WithValue(ctx, guardKey{}, guard{generation: generation, ttl: ttl}),
		Key:   name,
		Value: raw,
		// Below a second it would become an hour there. The true TTL is the
		// guard's.
		TTL: max(ttl, time.Second),
	})
	if err != nil && !errors.Is(err, errSuperseded) {
		return fmt.Errorf("error storing in redis: %w", err)
	}
	return err
}

// invalidateBatch bounds the commands of one pipeline.
const invalidateBatch = 256

// invalidate deletes the values and their generations. Both keys of a name are
// in one slot and are deleted by one command.
func (r *remote) invalidate(ctx context.Context, names []string) error {
	for len(names) > 0 {
		batch := names[:min(len(names), invalidateBatch)]
		names = names[len(batch):]
		_, err := r.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, name := range batch {
				p.Unlink(ctx, name, generationName(name))
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("error deleting from redis: %w", err)
		}
	}
	return nil
}

// guardedStore is the Redis that go-redis/cache sees.
type guardedStore struct {
	rdb  redis.UniversalClient
	fill *redis.Script
}

// leftKey carries to Get where it puts the value's remaining life, and guardKey
// to Set under which generation and for how long it stores: go-redis/cache has
// no other way through.
type (
	leftKey  struct{}
	guardKey struct{}
)

type guard struct {
	generation string
	ttl        time.Duration
}

// errUnguarded reports a use of go-redis/cache that would go around the
// generations.
var errUnguarded = errors.New("unguarded write to the cache")

// Get reads a value together with its remaining life, which is Redis' own word:
// the clocks of two processes need not agree.
func (s guardedStore) Get(ctx context.Context, key string) *redis.StringCmd {
	var value *redis.StringCmd
	var ttl *redis.DurationCmd
	_, _ = s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		value, ttl = p.Get(ctx, key), p.PTTL(ctx, key)
		return nil
	})
	if left, ok := ctx.Value(leftKey{}).(*time.Duration); ok && value.Err() == nil {
		if ttl.Err() != nil {
			value.SetErr(ttl.Err())
		}
		*left = ttl.Val()
		// It expired between the two commands.
		if ttl.Val() == noSuchKey {
			value.SetErr(redis.Nil)
		}
	}
	return value
}

// Set stores a value if the generation in ctx is still that of the key.
func (s guardedStore) Set(ctx context.Context, key string, value any, _ time.Duration) *redis.StatusCmd {
	g, ok := ctx.Value(guardKey{}).(guard)
	if !ok {
		return redis.NewStatusResult("", errUnguarded)
	}
	stored, err := s.fill.Run(ctx, s.rdb, []string{key, generationName(key)},
		g.generation, value, milliseconds(g.ttl)).Bool()
	if err == nil && !stored {
		err = errSuperseded
	}
	return redis.NewStatusResult("", err)
}

// SetXX is not used.
func (s guardedStore) SetXX(context.Context, string, any, time.Duration) *redis.BoolCmd {
	return redis.NewBoolResult(false, errUnguarded)
}

// SetNX is not used.
func (s guardedStore) SetNX(context.Context, string, any, time.Duration) *redis.BoolCmd {
	return redis.NewBoolResult(false, errUnguarded)
}

// Del is not used.
func (s guardedStore) Del(context.Context, ...string) *redis.IntCmd {
	return redis.NewIntResult(0, errUnguarded)
}

// milliseconds spells a positive TTL for PX, which takes no zero.
func milliseconds(ttl time.Duration) string {
	return strconv.FormatInt(max(ttl.Milliseconds(), 1), 10)
}
