package cachelayer

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// TradesStreamLength is about how many entries the stream of trades keeps.
const TradesStreamLength = 10_000

// TradeEvent is one entry of the stream of trades.
type TradeEvent struct {
	// ID is the same each time an event is told, so that consumers can drop
	// repeats.
	ID int64
	// Sequence is its place in the order of all events, 0 while it is not
	// known.
	Sequence int64
	Model    string
	Payload  []byte // a trade row
}

// PublishTrades adds events to the stream of trades, in their order. What else
// is under the stream's key makes way.
//
// The error is ErrUnavailable: some of the events may be in the stream, and the
// caller tells all of them again.
func (p *Projections) PublishTrades(ctx context.Context, events []TradeEvent) error {
	if p.rdb == nil {
		return nil
	}
	stream := p.keys.TradesStream().Name
	for len(events) > 0 {
		n, size := 0, 0
		for n < len(events) && n < maxPipeline && (n == 0 || size < maxPart) {
			size += len(events[n].Payload)
			n++
		}
		err := p.publish(ctx, stream, events[:n])
		if redis.HasErrorPrefix(err, "WRONGTYPE") {
			if err = p.rdb.Unlink(ctx, stream).Err(); err == nil {
				err = p.publish(ctx, stream, events[:n])
			}
		}
		if err != nil {
			return fmt.Errorf("error publishing trades: %w", unavailable(err))
		}
		events = events[n:]
	}
	return nil
}

// publish adds all of the events or none.
func (p *Projections) publish(ctx context.Context, stream string, events []TradeEvent) error {
	_, err := p.rdb.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, e := range events {
			pipe.XAdd(ctx, &redis.XAddArgs{
				Stream: stream,
				MaxLen: TradesStreamLength,
				Approx: true,
				Values: []any{"event_id", e.ID, "sequence", e.Sequence, "model_id", e.Model, "payload", e.Payload},
			})
		}
		return nil
	})
	return err //nolint:wrapcheck // the caller tells it by its prefix
}
