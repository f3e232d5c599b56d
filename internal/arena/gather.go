package arena

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"nof0/repository"
)

// Writes share transactions: while one commits, those of its kind that arrive are gathered,
// and the next transaction stores all of them. Nobody waits for others to arrive.
//
// What is shared is no more than the transaction. Each write has its own outcome, reply
// and idempotency key, as if the items were those of one batch that is not atomic; and
// where a shared transaction fails, or would wait for others, each of its writes goes on
// alone.
type gathering struct {
	mu sync.Mutex
	// waiting has those that wait for the transaction of their kind that is under way;
	// there is an entry as long as one is.
	waiting map[shareable]*[]*member
	// locked are the models that a shared transaction has waited for in vain, until one
	// write of theirs got through: those that come meanwhile go on alone as well.
	locked map[string]bool
}

// shareable is what writes have in common that share a transaction.
type shareable struct {
	kind     IngestKind
	register bool
}

// member is a write that shares a transaction.
type member struct {
	ctx  context.Context //nolint:containedctx // of the request that waits
	w    *write
	turn chan turn
}

// turn is what becomes of a member: it stores a group, which begins with itself, or goes
// on alone, or is answered.
type turn struct {
	group []*member
	alone bool
	err   error
}

const (
	// fewItems is the most that a write brings which shares its transaction, and
	// groupItems the most of a shared one: what is large costs more than its commit.
	fewItems   = 16
	groupItems = 256
	// longestGathering is how many may wait for a transaction.
	longestGathering = 4 * longestLine
	// sharedWait bounds how long a shared transaction waits for what others hold; each
	// write then waits alone.
	sharedWait = 250 * time.Millisecond
)

// share stores a write together with others, where it may be.
func (g *Intake) share(ctx context.Context, w *write, kind kind) error {
	models := w.models()
	if !kind.shared || w.batch.Atomic || len(w.entries) > fewItems || len(w.accepted()) == 0 || g.gathering.isLocked(models) {
		return g.writeAlone(ctx, w, kind)
	}
	m := &member{ctx: ctx, w: w, turn: make(chan turn, 1)}
	t := g.gathering.join(m, g.o.WriterWait)
	if t.group != nil {
		t = g.lead(ctx, t.group, kind)
	}
	if t.alone {
		defer g.gathering.unlock(models)
		return g.writeAlone(ctx, w, kind)
	}
	return t.err
}

func (g *Intake) writeAlone(ctx context.Context, w *write, kind kind) error {
	if err := g.write(ctx, w, kind, g.o.WriterWait); err != nil {
		return err
	}
	g.committed(ctx, w)
	return w.requests[0].err
}

// lead stores a group, lets the next one begin, and says to each of the group what came
// of it: to the first by returning it.
func (g *Intake) lead(ctx context.Context, group []*member, kind kind) (own turn) {
	answered := turn{alone: true}
	handOver := sync.OnceFunc(func() { g.gathering.next(group[0]) })
	defer func() {
		handOver()
		if why := recover(); why != nil {
			// Alone it panics again, in the request that is at fault.
			g.o.Logger.ErrorContext(ctx, "a shared transaction panicked", slog.Any("panic", why), slog.String("stack", string(debug.Stack())))
			answered, own = turn{alone: true}, turn{alone: true}
		}
		for _, m := range group[1:] {
			m.turn <- answered
		}
	}()
	if len(group) > 1 {
		var cancel context.CancelFunc
		ctx, cancel = together(ctx, group)
		defer cancel()
	}
	w := g.merge(group)
	err := g.write(ctx, w, kind, sharedWait)
	if errors.Is(err, repository.ErrLocked) || errors.Is(err, ErrBusy) {
		g.gathering.lock(w.models())
	}
	handOver()
	if err == nil {
		g.committed(ctx, w)
		for i, m := range group {
			m.w.requests = []*request{w.requests[i]}
		}
		answered = turn{}
	} else if errors.Is(err, repository.ErrUnavailable) || errors.Is(err, ErrUnavailable) {
		answered = turn{err: err}
	}
	return answered
}

// merge makes one write of those of a group.
func (g *Intake) merge(group []*member) *write {
	first := group[0].w.batch
	w := &write{intake: g, shared: true, batch: Batch{Kind: first.Kind, Register: first.Register}}
	for _, m := range group {
		r := *m.w.requests[0]
		r.from = len(w.entries)
		w.entries = append(w.entries, m.w.entries...)
		w.batch.Items = append(w.batch.Items, m.w.batch.Items...)
		r.to = len(w.entries)
		w.requests = append(w.requests, &r)
	}
	return w
}

// together is the context of a group: no one of them ends it, and it has the time of the
// one that has most.
func together(ctx context.Context, group []*member) (context.Context, context.CancelFunc) {
	ctx = context.WithoutCancel(ctx)
	var last time.Time
	for _, m := range group {
		deadline, ok := m.ctx.Deadline()
		if !ok {
			return ctx, func() {}
		}
		if deadline.After(last) {
			last = deadline
		}
	}
	return context.WithDeadline(ctx, last)
}

func (m *member) shareable() shareable { return shareable{m.w.batch.Kind, m.w.batch.Register} }

// join waits until it is the member's turn: at once where no transaction of its kind is
// under way. The error wraps ErrBusy.
func (g *gathering) join(m *member, atMost time.Duration) turn {
	g.mu.Lock()
	waiting := g.waiting[m.shareable()]
	if waiting == nil {
		if g.waiting == nil {
			g.waiting = make(map[shareable]*[]*member)
		}
		g.waiting[m.shareable()] = new([]*member)
		g.mu.Unlock()
		return turn{group: []*member{m}}
	}
	if n := len(*waiting); n >= longestGathering {
		g.mu.Unlock()
		return turn{err: fmt.Errorf("%w: %d writes of %s wait already", ErrBusy, n, m.w.batch.Kind)}
	}
	*waiting = append(*waiting, m)
	g.mu.Unlock()
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	select {
	case t := <-m.turn:
		return t
	case <-timer.C:
	case <-m.ctx.Done():
	}
	if g.leave(m) {
		return turn{err: cmp.Or(busyCause(m.ctx), fmt.Errorf("%w: the writes before this one have not ended within %v", ErrBusy, atMost))}
	}
	return <-m.turn // somebody stores it at the moment
}

func busyCause(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return nil
}

// leave takes out a member that waits, and reports whether it did.
func (g *gathering) leave(m *member) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	waiting := g.waiting[m.shareable()]
	if waiting == nil {
		return false
	}
	i := slices.Index(*waiting, m)
	if i >= 0 {
		*waiting = slices.Delete(*waiting, i, i+1)
	}
	return i >= 0
}

// next lets those that wait for the transaction of a member begin theirs. Of two with one
// idempotency key, the second waits for what the first is answered.
func (g *gathering) next(done *member) {
	g.mu.Lock()
	defer g.mu.Unlock()
	waiting := g.waiting[done.shareable()]
	if len(*waiting) == 0 {
		delete(g.waiting, done.shareable())
		return
	}
	var group, rest []*member
	items, keys := 0, make(map[RequestKey]bool)
	for _, m := range *waiting {
		var key RequestKey
		if k := m.w.batch.Key; k != nil {
			key = RequestKey{TokenID: k.TokenID, Key: k.Key}
		}
		if len(group) > 0 && items+len(m.w.entries) > groupItems || m.w.batch.Key != nil && keys[key] {
			rest = append(rest, m)
			continue
		}
		group, keys[key], items = append(group, m), true, items+len(m.w.entries)
	}
	*waiting = rest
	group[0].turn <- turn{group: group}
}

// isLocked reports whether writes of one of the models go on alone.
func (g *gathering) isLocked(models []string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.ContainsFunc(models, func(model string) bool { return g.locked[model] })
}

// lock notes that a shared transaction has waited in vain for one of the models.
func (g *gathering) lock(models []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.locked == nil {
		g.locked = make(map[string]bool)
	}
	for _, model := range models {
		g.locked[model] = true
	}
}

// unlock notes that a write of the models has got through.
func (g *gathering) unlock(models []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, model := range models {
		delete(g.locked, model)
	}
}
