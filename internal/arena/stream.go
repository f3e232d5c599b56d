package arena

import (
	"context"
	"errors"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/internal/catalogue"
)

// Types of events; internal/catalogue says what they are.
const (
	EventTrade        = catalogue.EventTrade
	EventPosition     = catalogue.EventPosition
	EventEquity       = catalogue.EventEquity
	EventPrices       = catalogue.EventPrices
	EventDecision     = catalogue.EventDecision
	EventConversation = catalogue.EventConversation
	EventAnalytics    = catalogue.EventAnalytics
	EventTraderState  = catalogue.EventTraderState
	EventMarketAssets = catalogue.EventMarketAssets
	EventModel        = catalogue.EventModel
	EventSymbol       = catalogue.EventSymbol
	EventImport       = catalogue.EventImport
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
