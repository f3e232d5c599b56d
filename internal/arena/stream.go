package arena

import (
	"context"
	"errors"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Types of events.
const (
	EventTrade        = "trade"         // a trade row
	EventPosition     = "position"      // {model_id, provider, status, position}
	EventEquity       = "equity"        // an account-totals row
	EventPrices       = "prices"        // {prices: [price row…]}, one per batch
	EventDecision     = "decision"      // a decision document
	EventConversation = "conversation"  // a thread
	EventAnalytics    = "analytics"     // {model_id}
	EventTraderState  = "trader_state"  // a trader-state row
	EventMarketAssets = "market_assets" // a market-assets row
	EventModel        = "model"         // a model row
	EventSymbol       = "symbol"        // a symbol row
	EventImport       = "import"        // {captured_at, kinds}: a snapshot was imported
)

// Event is one committed fact as it is told to the world.
type Event struct {
	// Sequence is its place in the order of all events. An event that is told
	// again, after a crash, has the same ID, by which it is known.
	Sequence int64
	ID       int64
	Type     string
	Model    string // "" for an event of no model
	At       time.Time
	Data     jsontext.Value
}

// Errors that end a Subscription.
var (
	// ErrSlowConsumer says that the subscriber did not keep up.
	ErrSlowConsumer = errors.New("the consumer is too slow")
	// ErrGone says that the events to resume from are no longer kept.
	ErrGone = errors.New("events to resume from are no longer kept")
	// ErrClosing says that the server is going away.
	ErrClosing = errors.New("the server is closing")
)

// Subscription is a feed of events in order.
type Subscription interface {
	// Events is closed when the subscription has ended; Err then says why.
	Events() <-chan Event
	Err() error
	Close()
}

// Streamer hands out subscriptions.
type Streamer interface {
	// Subscribe starts after a sequence, or with the next event where after is
	// negative. Errors wrap ErrGone or ErrUnavailable where they apply.
	Subscribe(ctx context.Context, after int64) (Subscription, error)
}
