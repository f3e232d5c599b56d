package cachelayer

import (
	"context"
	"fmt"
)

// TradesStreamLength is about how many entries the stream of trades keeps.
const TradesStreamLength = 10_000

// TradeEvent is one entry of the stream of trades.
type TradeEvent struct {
	// ID is the same each time an event is published, so that consumers can drop
	// repeats.
	ID int64
	// Sequence is its place in the order of all events, 0 while it is not
	// known.
	Sequence int64
	Model    string
	// Competition is that of the account.
	Competition string
	Payload     []byte // a trade row
}

// PublishTrades adds events to the stream of trades, in their order. What else
// is under the stream's key makes way.
//
// The error is ErrUnavailable: some of the events may be in the stream, and the
// caller publishes all of them again.
func (p *Projections) PublishTrades(ctx context.Context, events []TradeEvent) error {
	if p.none(ctx) {
		return nil
	}
	stream := p.keys.TradesStream().Name
	for len(events) > 0 {
		n, size := 0, 0
		for n < len(events) && n < maxPipeline && (n == 0 || size < maxPart) {
			size += len(events[n].Payload)
			n++
		}
		if err := p.publish(ctx, stream, events[:n]); err != nil {
			return fmt.Errorf("error publishing trades: %w", unavailable(err))
		}
		events = events[n:]
	}
	return nil
}

// publish adds all of the events or none.
func (p *Projections) publish(ctx context.Context, stream string, events []TradeEvent) error {
	args := []any{p.owner.mark(), TradesStreamLength}
	for _, e := range events {
		args = append(args, e.ID, e.Sequence, e.Model, e.Competition, e.Payload)
	}
	done, err := p.scripts.publish.Run(ctx, p.rdb, []string{stream, ownerName}, args...).Bool()
	if err == nil && !done {
		return p.owner.lost()
	}
	return err
}
