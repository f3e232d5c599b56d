package relay

import (
	"context"
	"log/slog"
	"time"

	"nof0/entities"
)

// afterCommitTimeout bounds what a writer may wait for after its commit.
const afterCommitTimeout = time.Second

// AfterCommit makes the next reads of this process see what events tell of, and
// sends the relay on its way. The writer calls it right after its commit. It
// takes no longer than Redis' short timeouts; what it fails to do the relay does
// soon after.
func (r *Relay) AfterCommit(ctx context.Context, events []entities.OutboxEvent) {
	defer r.Kick()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterCommitTimeout)
	defer cancel()
	c, _ := concernOf(events, r.o.PrimaryProvider) // the relay reports what cannot be read
	repos := r.o.Store.Repositories
	if err := r.caches.invalidate(ctx, c, repos.Equity.LastMarker, modelsOf(repos)); err != nil {
		r.o.Logger.WarnContext(ctx, "views not invalidated after a commit; the relay will", slog.Any("error", err))
	}
}
