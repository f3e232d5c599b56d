package recompute

import (
	"context"
	"slices"
	"time"

	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/wire"
	"nof0/repository"
)

// Within computes the metrics of a model from every fact in a transaction of the
// caller's, which holds repository.LockRecompute and the lock of the model. Metrics
// that have never been computed, and are not to be, stay so; with the last fact they
// go. The events are in the outbox, and are to be emitted after the commit.
func Within(ctx context.Context, tx repository.Repositories, model string, now time.Time) (events []entities.OutboxEvent, err error) {
	c := &computation{tx: tx, model: model, now: now.UTC().Truncate(time.Microsecond)}
	if err := c.load(ctx); err != nil {
		return nil, err
	}
	if c.stats.NumTrades == 0 && c.stats.NumDecisions == 0 {
		had, err := tx.Recompute.Drop(ctx, model)
		if err != nil || !had {
			return nil, err
		}
		event, err := analyticsEvent(model)
		if err != nil {
			return nil, err
		}
		events = []entities.OutboxEvent{event}
		return events, tx.Outbox.Append(ctx, events)
	}
	if c.state == nil {
		stale, err := tx.Recompute.Stale(ctx, Version)
		if err != nil || !slices.Contains(stale, model) {
			return nil, err
		}
	}
	_, events, err = c.run(ctx, true)
	return events, err
}

// analyticsEvent announces another document of a model.
func analyticsEvent(model string) (entities.OutboxEvent, error) {
	payload, err := wire.Marshal(map[string]string{"model_id": model})
	return entities.OutboxEvent{
		Aggregate: "analytics", ModelID: model, Type: arena.EventAnalytics, Payload: entities.JSON(payload),
	}, err
}
