package cachelayer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// Identity says what the content of Redis was made from. Content of another
// identity is never shown.
type Identity struct {
	// Database is that of the database (see repository.Store.OnIdentity).
	Database string
	// Config are the settings that the content depends on.
	Config string
}

// marked is an identity as it stands in Redis.
type marked struct {
	Identity

	database, config string
}

func mark(i Identity) *marked {
	digest := func(of string) string {
		sum := sha256.Sum256([]byte(of))
		return hex.EncodeToString(sum[:8])
	}
	return &marked{i, digest(i.Database), digest(i.Config)}
}

// ErrForeign reports that Redis is kept by live processes of another database or
// with other settings. It is ErrUnavailable as well.
var ErrForeign = errors.New("redis is kept by another system")

// Redis belongs to one identity at a time. Under [ownerName] stands whose it is:
//
//	DATABASE CONFIG STATE DEADLINE
//
// STATE is "ready", or the random name of a process that is removing what the
// last owner left. DEADLINE, by the clock of Redis in ms, is put off by every
// process of the owner; once it has passed, another identity may take over. Who
// keeps the identity of the last owner may go on as soon as Redis is back.
//
// What is read through the cache says itself whose it is: its schema is that of
// the identity. Versions are tokens that mean nothing, whoever made them. Projections do not. Their writer looks who
// owns Redis after it has laid claim to them: who takes over sets the owner first
// and removes all claims then, so that a write whose claim still holds was
// allowed. The key is in the slot of the stream of trades, which is only written
// together with a look at it.
const (
	// ownerLease is how long Redis is kept for processes that do not show up.
	ownerLease = 5 * time.Second
	// ownerRenewal is how often they do. It is a write, so that each process learns within
	// as long that Redis takes none.
	ownerRenewal = 250 * time.Millisecond
	// claimLease is how long one may take to remove what is left of another.
	claimLease = 10 * time.Second
	ready      = "ready"
)

type ownerState int32

const (
	ownerUnknown ownerState = iota
	ownerSelf
	ownerClaiming  // this identity's, but not usable yet
	ownerConfig    // another configuration of this database keeps Redis
	ownerForeign   // another database
	ownerUnchecked // nobody said whose Redis shall be: it is used as it is
)

// owner is what a client knows of whose Redis is.
type owner struct {
	rdb    redis.UniversalClient
	seen   *histories
	logger *slog.Logger
	state  atomic.Int32
	kick   chan struct{}
	renew  *redis.Script
	finish *redis.Script

	// renewed, where given, is called after each renewal. Missed says that Redis may not
	// have taken what others wrote since the one before, or may have lost it.
	renewed func(ctx context.Context, missed bool)
	// refusal is why Redis last refused a write, "" where it has taken one since.
	refusal atomic.Pointer[string]

	identity atomic.Pointer[marked]

	mu sync.Mutex // held by one round at a time
	// last is when the last renewal was, deadline what it left in Redis, and failed says
	// that one has failed since; zero before the first.
	last     time.Time
	deadline int64
	failed   bool
}

func newOwner(rdb redis.UniversalClient, seen *histories, logger *slog.Logger) *owner {
	o := &owner{
		rdb: rdb, seen: seen, logger: logger, kick: make(chan struct{}, 1),
		// KEYS[1] is the owner. ARGV: database, config, a random name, the lease
		// and the claim's lease in ms. It returns the state in which Redis is, the deadline
		// that was there, 0 where there was none or it has passed, and the one that is.
		renew: redis.NewScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local held = redis.pcall('GET', KEYS[1])
local database, config, state, deadline
if type(held) == 'string' then
	database, config, state, deadline = string.match(held, '^(%x+) (%x+) (%w+) (%d+)$')
end
deadline = tonumber(deadline or 0)
local before = '0'
if deadline > now then before = string.format('%.0f', deadline) end
local function set(state, lease)
	local after = string.format('%.0f', now + lease)
	redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. state .. ' ' .. after)
	return {state, before, after}
end
local mine = database == ARGV[1] and config == ARGV[2]
if mine and state == 'ready' then
	return set('ready', ARGV[4])
end
if database and deadline > now then
	if mine then return {'claimed', before, before} end
	if database == ARGV[1] then return {'config', before, before} end
	return {'foreign', before, before}
end
return set(ARGV[3], ARGV[5])
`),
		// KEYS[1] is the owner. ARGV: database, config, the name under which it
		// was claimed, the lease in ms.
		finish: redis.NewScript(`
local held = redis.pcall('GET', KEYS[1])
local claim = ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. ARGV[3] .. ' '
if type(held) ~= 'string' or string.sub(held, 1, #claim) ~= claim then
	return 0
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2] .. ' ready ' .. string.format('%.0f', now + ARGV[4]))
return 1
`),
	}
	o.state.Store(int32(ownerUnchecked))
	return o
}

func (o *owner) is() ownerState { return ownerState(o.state.Load()) }

// set takes over what was found, and logs where it is another than before.
func (o *owner) set(ctx context.Context, state ownerState) {
	if before := ownerState(o.state.Swap(int32(state))); before == state {
		return
	}
	switch state {
	case ownerForeign, ownerConfig:
		o.logger.WarnContext(ctx, "redis is not used", slog.Any("error", o.err()))
	case ownerSelf:
		o.logger.InfoContext(ctx, "redis is kept for this database and its settings")
	default:
	}
}

// err says why Redis may not be used, nil where it may.
func (o *owner) err() error {
	switch o.is() {
	case ownerSelf, ownerUnchecked:
		if reason := o.refusal.Load(); reason != nil {
			return fmt.Errorf("%w: it takes no writes (%s), so that what it holds may be old", ErrUnavailable, *reason)
		}
		return nil
	case ownerForeign:
		return fmt.Errorf("%w: %w: it holds what live processes made of another database; give each database a Redis, or a database number, of its own", ErrUnavailable, ErrForeign)
	case ownerConfig:
		return fmt.Errorf("%w: %w: it holds what live processes with another arena.primary_provider made of this database; give all of them one setting", ErrUnavailable, ErrForeign)
	case ownerClaiming:
		return fmt.Errorf("%w: what another database left in it is not removed yet", ErrUnavailable)
	default:
		return fmt.Errorf("%w: it is not known whose content it holds", ErrUnavailable)
	}
}

// usable says whether Redis may be read and filled.
func (o *owner) usable() bool {
	state := o.is()
	return state == ownerSelf || state == ownerUnchecked
}

// round finds out whose Redis is, and takes it over where nobody keeps it.
func (o *owner) round(ctx context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	identity := o.identity.Load()
	if identity == nil {
		return nil
	}
	o.seen.look(ctx, o.rdb)
	database, config := identity.database, identity.config
	name := fmt.Sprintf("%016x", systemRand{}.Uint64())
	answer, err := o.renew.Run(ctx, o.rdb, []string{ownerName}, database, config, name,
		ownerLease.Milliseconds(), claimLease.Milliseconds()).StringSlice()
	if err != nil {
		o.failed = true
		return fmt.Errorf("error asking whose redis is: %w", unavailable(err))
	}
	missed := o.missed(answer[0], answer[1], answer[2])
	if o.identity.Load() != identity {
		return nil // asked for another
	}
	states := map[string]ownerState{ready: ownerSelf, "claimed": ownerClaiming, "config": ownerConfig, "foreign": ownerForeign}
	if state, ok := states[answer[0]]; ok {
		if state == ownerSelf && o.renewed != nil {
			o.renewed(ctx, missed)
		}
		o.refusal.Store(nil)
		o.set(ctx, state)
		return nil
	}
	o.set(ctx, ownerClaiming)
	r := &remote{rdb: o.rdb}
	// Claims first: a write whose claim is gone is refused, and what was written
	// before is removed with the rest.
	for _, pattern := range []string{lockPattern, prefix + "*"} {
		if _, err := r.drop(ctx, pattern, ownerName); err != nil {
			return fmt.Errorf("error removing what another database left in redis: %w", dropError(ctx, err))
		}
	}
	done, err := o.finish.Run(ctx, o.rdb, []string{ownerName}, database, config, name, ownerLease.Milliseconds()).Bool()
	if err != nil {
		return fmt.Errorf("error taking over redis: %w", unavailable(err))
	}
	if done && o.identity.Load() == identity {
		o.refusal.Store(nil)
		o.set(ctx, ownerSelf)
	}
	return nil
}

// missed takes in the deadlines of a renewal, and says whether this process can't tell what
// became of what others have written since the one before: it was not made in time, what
// it left in Redis is no longer there, or nobody has renewed for a whole lease.
func (o *owner) missed(state, before, after string) bool {
	found, _ := strconv.ParseInt(before, 10, 64) // of our own script
	late := !o.last.IsZero() && time.Since(o.last) > 2*ownerRenewal
	missed := o.failed || late || found == 0 || found < o.deadline
	o.deadline = 0
	if state == ready { // a claim is longer than a lease
		o.deadline, _ = strconv.ParseInt(after, 10, 64)
	}
	o.last, o.failed = time.Now(), false
	return missed
}

// refused notes that Redis has refused a write.
func (o *owner) refused(reason string) { o.refusal.Store(&reason) }

// check looks in Redis whether it is still this identity's, nil where it is. A
// claim that was made before, and holds after, was made by the owner.
func (o *owner) check(ctx context.Context) error {
	if o.is() == ownerUnchecked {
		return nil
	}
	held, err := o.rdb.Get(ctx, ownerName).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return unavailable(err)
	}
	if !strings.HasPrefix(held, o.mark()) {
		return o.lost()
	}
	return nil
}

// elsewhere says that Redis was found to be another's, in the way of state, and
// is not this identity's now: who takes it over has read the database since.
func (o *owner) elsewhere(ctx context.Context, state ownerState) bool {
	return o.is() == state && errors.Is(o.check(ctx), ErrForeign)
}

// mark is how the owner begins where Redis is this identity's, "" where nobody
// said whose it shall be.
func (o *owner) mark() string {
	identity := o.identity.Load()
	if identity == nil {
		return ""
	}
	return identity.database + " " + identity.config + " " + ready + " "
}

// lost is the error of who finds Redis to be another's.
func (o *owner) lost() error {
	select {
	case o.kick <- struct{}{}:
	default: // it has been kicked already
	}
	if err := o.err(); err != nil {
		return err
	}
	return fmt.Errorf("%w: it was emptied, or taken over", ErrUnavailable)
}

// Own looks once whose Redis is, and takes it over for the identity that was set
// where no live process keeps it for another. Where that is so, it is no error:
// [Client.Usable] returns. The error is ErrUnavailable. Without Redis it does
// nothing.
func (c *Client) Own(ctx context.Context) error {
	if c.rdb == nil {
		return nil
	}
	return c.owner.round(ctx)
}

// SetIdentity makes the content of Redis that of an identity from now on: what is
// there of another one is not used any more, and Redis not before Own or Run has
// looked whose it is. It returns at once. Each Cache on the client must be cleared
// then (see [Cache.Clear]).
func (c *Client) SetIdentity(identity Identity) {
	if c.rdb == nil {
		return
	}
	if before := c.owner.identity.Swap(mark(identity)); before == nil || before.Identity != identity {
		c.owner.state.Store(int32(ownerUnknown))
	}
	select {
	case c.owner.kick <- struct{}{}:
	default:
	}
}

// Run keeps Redis for the identity that was set until ctx ends.
func (c *Client) Run(ctx context.Context) {
	if c.rdb == nil {
		return
	}
	ticker := time.NewTicker(ownerRenewal)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-c.owner.kick:
		}
		bounded, cancel := context.WithTimeout(ctx, time.Minute)
		if err := c.owner.round(bounded); err != nil {
			c.owner.logger.DebugContext(ctx, "redis failed", slog.Any("error", err))
		}
		cancel()
	}
}

// Usable returns why Redis is not used, nil where it is or where there is none.
func (c *Client) Usable() error {
	if c.rdb == nil {
		return nil
	}
	return c.owner.err()
}
