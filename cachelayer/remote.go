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

// errMiss reports that Redis has nothing under the key, or nothing that is
// current.
var errMiss = errors.New("miss")

// noSuchKey is what PTTL answers, as go-redis gives it, where there is no key.
const noSuchKey time.Duration = -2

// remote is the level in Redis. Its methods are not called where there is none.
type remote struct {
	rdb   redis.UniversalClient
	store *cache.Cache
}

// newRemote puts go-redis/cache on rdb, with neither its TTLs (in which what is
// below a second becomes an hour), nor its codec (msgpack, in which a renamed
// field reads as zero), nor its Once (which fails all for the one who leaves and
// recurses on what it can neither decode nor delete), nor its local level.
func newRemote(rdb redis.UniversalClient) *remote {
	return &remote{
		rdb: rdb,
		store: cache.New(&cache.Options{
			Redis: timedStore{rdb}, Marshal: marshalRaw, Unmarshal: unmarshalEnvelope,
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

// fill stores raw for ttl. The error is that of Redis.
func (r *remote) fill(ctx context.Context, name string, raw []byte, ttl time.Duration) error {
	err := r.store.Set(&cache.Item{Ctx: context.WithValue(ctx, ttlKey{}, ttl), Key: name, Value: raw, TTL: time.Second})
	if err != nil {
		return fmt.Errorf("error storing in redis: %w", err)
	}
	return nil
}

// timedStore is the Redis that go-redis/cache sees.
type timedStore struct{ rdb redis.UniversalClient }

// leftKey carries to Get where it puts the value's remaining life, and ttlKey to
// Set the true TTL: go-redis/cache has no other way through.
type (
	leftKey struct{}
	ttlKey  struct{}
)

// errUnused reports a use of go-redis/cache that there is none of.
var errUnused = errors.New("not a way into the cache")

// Get reads a value together with its remaining life, which is Redis' own word:
// the clocks of two processes need not agree.
func (s timedStore) Get(ctx context.Context, key string) *redis.StringCmd {
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

// Set stores a value for the TTL in ctx.
func (s timedStore) Set(ctx context.Context, key string, value any, _ time.Duration) *redis.StatusCmd {
	ttl, ok := ctx.Value(ttlKey{}).(time.Duration)
	if !ok {
		return redis.NewStatusResult("", errUnused)
	}
	return s.rdb.Set(ctx, key, value, max(ttl, time.Millisecond))
}

// SetXX is not used.
func (s timedStore) SetXX(context.Context, string, any, time.Duration) *redis.BoolCmd {
	return redis.NewBoolResult(false, errUnused)
}

// SetNX is not used.
func (s timedStore) SetNX(context.Context, string, any, time.Duration) *redis.BoolCmd {
	return redis.NewBoolResult(false, errUnused)
}

// Del is not used.
func (s timedStore) Del(context.Context, ...string) *redis.IntCmd {
	return redis.NewIntResult(0, errUnused)
}

// milliseconds spells a positive TTL for PX, which takes no zero.
func milliseconds(ttl time.Duration) string {
	return strconv.FormatInt(max(ttl.Milliseconds(), 1), 10)
}
