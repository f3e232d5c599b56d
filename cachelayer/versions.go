package cachelayer

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"nof0/internal/catalogue"
)

// A document is kept with the tokens of the versions that it was made from, and
// is good for as long as all of them are current. So a write invalidates every
// document that its rows are in, whatever its key, by making a few versions anew,
// and a load that began before cannot bring its value back: it has the old tokens.
//
// A token is random and lies in Redis, so that one that was lost in a restart,
// evicted or expired is followed by another one that nothing has been kept under.
// It becomes current here only once Redis has taken it, so that no load under it
// began before. Where Redis did not answer, this process goes on with tokens of
// its own, of which no document is exchanged, and makes the version anew in Redis
// before it believes what Redis says: it may have missed that others could not
// either.
//
// A version is asked for by a command that writes, of no effect where there is a token:
// what Redis refuses to take may be what an invalidation brought. Every document is made
// of versionOfAll as well. Where a process may have missed that others could not
// invalidate, or could not itself, it makes that one anew before it reads documents again,
// so that nobody reads what was kept before.

const (
	tokenLen = 16
	// versionTTL is longer than any document lives; a token that expires costs a
	// load.
	versionTTL = time.Hour
	// maxVersions bounds the versions that a process remembers. Clients may ask
	// for as many models as they think of.
	maxVersions = 8192
	// versionOfAll is explained above.
	versionOfAll catalogue.Version = "all"
)

// version is what is known of one. It never changes: what is learnt later makes
// another one.
type version struct {
	token string
	// seen is when it was current, at the latest.
	seen time.Time
	// shared says that the token is that in Redis.
	shared bool
}

// state is the current tokens of the versions of a key.
type state struct {
	tokens string
	// shared says that Redis has all of them.
	shared bool
}

// versions are those that this process knows. It is safe for concurrent use.
type versions struct {
	rdb redis.UniversalClient // nil where there is no Redis
	// life is how long a version is believed without asking Redis again.
	life     time.Duration
	now      func() time.Time
	newToken func() string

	mu    sync.RWMutex
	known map[catalogue.Version]*version
	// generation counts the changes of known.
	generation atomic.Uint64
}

// memo is what is remembered of a key by a cache.
type memo struct {
	states atomic.Pointer[stateOf]
	hits   prometheus.Counter // in memory
}

// stateOf is the state of a key's versions at a generation, and from when on Redis has to
// be asked again.
type stateOf struct {
	state

	generation uint64
	until      time.Time
}

func newVersions(rdb redis.UniversalClient, life time.Duration, now func() time.Time, newToken func() string) *versions {
	return &versions{rdb: rdb, life: life, now: now, newToken: newToken, known: map[catalogue.Version]*version{}}
}

// Prepared is a key that this cache is asked for again and again.
func (c *Cache) Prepared(key Key) Key {
	key.memo = &memo{hits: c.metrics.hits.WithLabelValues(key.Family, levelLocal)}
	return key
}

// of returns the state of a key's versions, and whether it may be used without asking
// Redis.
func (v *versions) of(key *Key, now time.Time) (s state, fresh bool) {
	if len(key.Versions) == 0 {
		return state{shared: v.rdb != nil}, true
	}
	if key.memo == nil {
		s, until := v.get(key.Versions)
		return s, now.Before(until)
	}
	// Read first: what changes meanwhile makes what is remembered old at once.
	generation := v.generation.Load()
	if known := key.memo.states.Load(); known != nil && known.generation == generation {
		return known.state, now.Before(known.until)
	}
	s, until := v.get(key.Versions)
	if !until.IsZero() {
		key.memo.states.Store(&stateOf{s, generation, until})
	}
	return s, now.Before(until)
}

// get returns the state of names as it is known, and until when it may be used without
// asking Redis; zero where not all of them are known.
func (v *versions) get(names []catalogue.Version) (s state, until time.Time) {
	if len(names) == 0 {
		return state{shared: v.rdb != nil}, v.now().Add(v.life)
	}
	s.shared = true
	var tokens strings.Builder
	tokens.Grow((1 + len(names)) * tokenLen)
	v.mu.RLock()
	defer v.mu.RUnlock()
	add := func(name catalogue.Version) bool {
		known := v.known[name]
		if known == nil {
			return false
		}
		if end := known.seen.Add(v.life); until.IsZero() || end.Before(until) {
			until = end
		}
		s.shared = s.shared && known.shared
		tokens.WriteString(known.token)
		return true
	}
	whole := add(versionOfAll)
	for _, name := range names {
		whole = whole && add(name)
	}
	if !whole {
		// A state that nothing else has.
		return state{tokens: v.newToken()}, time.Time{}
	}
	s.tokens = tokens.String()
	return s, until
}

// set makes next what is known of name, unless that is no longer before.
func (v *versions) set(name catalogue.Version, before, next *version) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.known[name] != before {
		return
	}
	if before == nil && len(v.known) >= maxVersions {
		missed := slices.ContainsFunc(slices.Collect(maps.Values(v.known)), func(known *version) bool { return !known.shared })
		clear(v.known)
		if missed {
			v.doubtLocked()
		}
	}
	v.known[name] = next
	v.generation.Add(1)
}

// refresh asks Redis for names and for versionOfAll. The error is that of Redis: names
// then have tokens of this process.
func (v *versions) refresh(ctx context.Context, names []catalogue.Version) error {
	names = append([]catalogue.Version{versionOfAll}, names...)
	asked := v.now()
	before := make([]*version, len(names))
	v.mu.RLock()
	for i, name := range names {
		before[i] = v.known[name]
	}
	v.mu.RUnlock()
	tokens, err := v.ask(ctx, names, before)
	for i, name := range names {
		next := &version{token: tokens[i], seen: asked, shared: tokens[i] != ""}
		if !next.shared {
			next.token = v.newToken()
		}
		if old := before[i]; name == versionOfAll && !next.shared && old != nil {
			// Nobody learnt anything, unless it was refused: see below. That names were not
			// answered keeps this process from Redis; a lost packet need not keep everybody
			// from all that is in it.
			next.token, next.shared = old.token, old.shared
		}
		v.set(name, before[i], next)
	}
	if refusalOf(err) != "" {
		v.doubt()
	}
	return err
}

// doubt makes this process not read documents from Redis before it has made versionOfAll
// anew there.
func (v *versions) doubt() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.doubtLocked()
}

func (v *versions) doubtLocked() {
	next := &version{token: v.newToken()}
	if old := v.known[versionOfAll]; old != nil && !old.shared {
		next.token, next.seen = old.token, old.seen // what is in memory stays good
	}
	v.known[versionOfAll] = next // a new one, so that nobody who asked before sets it
	v.generation.Add(1)
}

// trusts says whether this process has no doubt.
func (v *versions) trusts() bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	all := v.known[versionOfAll]
	return all == nil || all.shared
}

// ask returns the tokens that Redis has, "" for those of which it did not say. It
// sets those anew that Redis may have missed, and makes those that it lacks.
func (v *versions) ask(ctx context.Context, names []catalogue.Version, before []*version) ([]string, error) {
	tokens := make([]string, len(names))
	if v.rdb == nil {
		return tokens, nil
	}
	writes, gets := make(map[int]*redis.BoolCmd), make(map[int]*redis.StringCmd)
	sets := make([]int, 0, len(names))
	// Its error is that of one of the commands.
	_, _ = v.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, name := range names {
			if before[i] != nil && !before[i].shared {
				sets = append(sets, i)
				continue
			}
			writes[i] = p.SetNX(ctx, versionName(name), v.newToken(), versionTTL)
			gets[i] = p.Get(ctx, versionName(name))
		}
		return nil
	})
	var errs []error
	for i, get := range gets {
		token, err := get.Result()
		switch refused := writes[i].Err(); {
		case refused != nil:
			errs = append(errs, refused)
		case err == nil && len(token) == tokenLen:
			tokens[i] = token
		case err == nil, errors.Is(err, redis.Nil), redis.HasErrorPrefix(err, "WRONGTYPE"):
			sets = append(sets, i) // it has just expired, or something else has written there
		default:
			errs = append(errs, err)
		}
	}
	return tokens, errors.Join(append(errs, v.put(ctx, names, sets, tokens))...)
}

// put sets the versions at the given places to new tokens.
func (v *versions) put(ctx context.Context, names []catalogue.Version, at []int, tokens []string) error {
	var errs []error
	for part := range slices.Chunk(at, maxPipeline) {
		sets := make([]*redis.StatusCmd, len(part))
		fresh := make([]string, len(part))
		_, _ = v.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
			for n, i := range part {
				fresh[n] = v.newToken()
				sets[n] = p.Set(ctx, versionName(names[i]), fresh[n], versionTTL)
			}
			return nil
		})
		for n, i := range part {
			if err := sets[n].Err(); err != nil {
				errs = append(errs, err)
				continue
			}
			tokens[i] = fresh[n]
		}
	}
	return errors.Join(errs...)
}

// renew makes names anew: here at once, and in Redis, for the others. The error
// is that of Redis, which refresh then sets anew.
func (v *versions) renew(ctx context.Context, names []catalogue.Version) error {
	now := v.now()
	mine := make([]*version, len(names))
	v.mu.Lock()
	for i, name := range names {
		mine[i] = &version{token: v.newToken(), seen: now}
		v.known[name] = mine[i]
	}
	v.generation.Add(1)
	v.mu.Unlock()
	if v.rdb == nil {
		return nil
	}
	tokens, at := make([]string, len(names)), make([]int, len(names))
	for i := range at {
		at[i] = i
	}
	err := v.put(ctx, names, at, tokens)
	for i, token := range tokens {
		if token != "" {
			v.set(names[i], mine[i], &version{token: token, seen: now, shared: true})
		}
	}
	if refusalOf(err) != "" {
		v.doubt()
	}
	return err
}

// distrust makes every known version anew, here and as soon as it is asked for in
// Redis.
func (v *versions) distrust() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for name := range v.known {
		v.known[name] = &version{token: v.newToken()}
	}
	v.generation.Add(1)
}

// Invalidate makes every Fetch that begins after it returned see what was
// committed before it was called, of every key that depends on one of the
// versions. No load that began earlier, in any process, can put its value back.
// This process sees it at once; another one may answer from its memory for
// config.Cache.LocalTTL more.
//
// The error is ErrUnavailable: other processes may not know it yet, and the
// caller has to try again. It holds in this process all the same, which uses
// nothing that it finds in Redis under these versions before Redis has taken
// them.
func (c *Cache) Invalidate(ctx context.Context, names ...catalogue.Version) error {
	if len(names) == 0 {
		return nil
	}
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	if err := c.versions.renew(ctx, names); err != nil {
		c.metrics.failures.WithLabelValues(familyVersion).Inc()
		return unavailableAs("error invalidating versions", err)
	}
	return nil
}

// Trusts says whether this process reads what others keep in Redis, as far as Redis
// answers.
func (c *Cache) Trusts() bool { return c.remote != nil && c.versions.trusts() }

// Doubt is for who could not invalidate and does not try again: this process reads
// nothing from Redis before it has made everything in it unreadable, for all.
func (c *Cache) Doubt() { c.versions.doubt() }

// recover makes up for doubts as soon as Redis takes writes again, also where nobody reads
// here.
func (c *Cache) recover(ctx context.Context, missed bool) {
	if missed {
		c.versions.doubt()
	}
	if c.versions.trusts() {
		return
	}
	if err := c.versions.refresh(ctx, nil); err != nil {
		c.opts.Logger.DebugContext(ctx, "redis failed", slog.Any("error", err))
	}
}
