package arena

import (
	"context"
	"errors"
	"strconv"
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
	EventCompetition  = catalogue.EventCompetition
	EventImport       = catalogue.EventImport
	EventCorrection   = catalogue.EventCorrection
)

// Position is a place in the order of all events.
type Position struct {
	// Sequence counts the events of a database; negative is no position.
	Sequence int64
	// History says whose events they are: the database, at one state of it. It is
	// "" where a client does not say, as one of a server of before does.
	History string
}

// String is the id of an event on the stream, SEQUENCE-HISTORY.
func (p Position) String() string {
	id := strconv.FormatInt(p.Sequence, 10)
	if p.History != "" {
		id += "-" + p.History
	}
	return id
}

// Event is one committed fact as it is published.
type Event struct {
	// Position is its place in the order of all events. An event that comes
	// again, after a crash, has the same ID, by which it is known.
	Position

	ID    int64
	Type  string
	Model string // "" for an event of no model
	// Competition is that of the accounts which the event is of; "" for one of none.
	Competition string
	At          time.Time
	Data        jsontext.Value
}

// Errors that end a Subscription.
var (
	// ErrSlowConsumer says that the subscriber did not keep up.
	ErrSlowConsumer = errors.New("the consumer is too slow")
	// ErrGone says that the events to resume from are no longer kept, or those of
	// another database.
	ErrGone = errors.New("events to resume from are not kept here")
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
	// Subscribe starts after a position, or with the next event where it is none.
	// Errors wrap ErrGone or ErrUnavailable where they apply.
	Subscribe(ctx context.Context, after Position) (Subscription, error)
}
