package relay

import (
	"context"
	"errors"
	"time"

	"nof0/repository"
)

// Keep is how long relayed events are kept, from which streams resume, and
// idempotency keys.
const Keep = 24 * time.Hour

// Pruned is what a Prune removed.
type Pruned struct{ Events, Keys int64 }

// Prune removes what is older than Keep at now: relayed events, but for the
// newest, and idempotency keys. What is not relayed stays.
func Prune(ctx context.Context, store *repository.Store, now time.Time) (Pruned, error) {
	events, eventsErr := store.Outbox.Prune(ctx, now.Add(-Keep))
	keys, keysErr := store.Idempotency.Prune(ctx, now.Add(-Keep))
	return Pruned{Events: events, Keys: keys}, errors.Join(eventsErr, keysErr)
}
