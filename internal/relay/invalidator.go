package relay

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"nof0/entities"
)

// afterCommitTimeout bounds what a writer may wait for after its commit.
const afterCommitTimeout = time.Second

// AfterCommit makes the next reads of this process see what events changed, and
// sends the relay on its way. The writer calls it right after its commit. It
// takes no longer than Redis' short timeouts; what it fails to do the relay does
// soon after.
func (r *Relay) AfterCommit(ctx context.Context, events []entities.OutboxEvent) {
	defer r.Kick()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterCommitTimeout)
	defer cancel()
	c, _ := changesOf(events, r.o.PrimaryProvider) // the relay reports what cannot be read
	if err := r.invalidate(ctx, c); err != nil {
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
