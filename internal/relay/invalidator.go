package relay

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"nof0/entities"
	"nof0/internal/loop"
)

const (
	// afterCommitTimeout bounds what a writer may wait for after its commit. It is longer
	// than other processes take to notice that Redis is away.
	afterCommitTimeout = time.Second
	// afterCommitPause is how far apart tries are.
	afterCommitPause = 25 * time.Millisecond
)

// AfterCommit makes the next reads of this process see what events changed, and
// sends the relay on its way. The writer calls it right after its commit. It
// takes no longer than Redis' short timeouts; where Redis has only just failed it
// tries again, since others may not have noticed and would read on what is old. What it
// fails to do the relay does soon after, or whoever reads from Redis next.
func (r *Relay) AfterCommit(ctx context.Context, events []entities.OutboxEvent) {
	defer r.Kick()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterCommitTimeout)
	defer cancel()
	c, _ := changesOf(events, r.o.PrimaryProvider) // the relay reports what cannot be read
	err := r.invalidate(ctx, c)
	for err != nil && r.o.Cache.Trusts() && loop.Sleep(ctx, afterCommitPause) == nil {
		err = r.invalidate(ctx, c)
	}
	if err != nil {
		r.o.Cache.Doubt()
		if leftOut, ok := r.unsaid.Pass(time.Now()); ok {
			r.o.Logger.WarnContext(ctx, "views not invalidated after a commit; the relay will", slog.Any("error", err), slog.Int64("left_out", leftOut))
		}
	}
}

// invalidate makes the next reads of views that are made from what c is about see
// it. The error is cachelayer.ErrUnavailable.
func (r *Relay) invalidate(ctx context.Context, c *changes) error {
	if r.o.Cache == nil {
		return nil
	}
	return r.o.Cache.Invalidate(ctx, slices.Collect(maps.Keys(c.versions))...)
}
