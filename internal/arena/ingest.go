package arena

import (
	"context"
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/internal/catalogue"
	"nof0/internal/wire"
)

// IngestKind is what a write brings; internal/catalogue says what it touches.
type IngestKind = catalogue.WriteKind

// The kinds, named as their routes are.
const (
	IngestPrices        = catalogue.WritePrices
	IngestPositions     = catalogue.WritePositions
	IngestTrades        = catalogue.WriteTrades
	IngestEquity        = catalogue.WriteEquity
	IngestConversations = catalogue.WriteConversations
	IngestDecisions     = catalogue.WriteDecisions
	IngestAnalytics     = catalogue.WriteAnalytics
	IngestTraderState   = catalogue.WriteTraderState
	IngestMarketAssets  = catalogue.WriteMarketAssets
	IngestModels        = catalogue.WriteModels
	IngestSymbols       = catalogue.WriteSymbols
	IngestCompetitions  = catalogue.WriteCompetitions
)

// MaxBatch is the most items that one write may bring.
const MaxBatch = 1000

// Errors of a whole write. Those of its items stand in the reply.
var (
	// ErrBusy says that other writers were in the way too often; nothing was
	// done, and the same write may be tried again.
	ErrBusy = errors.New("too many writers at once")
	// ErrUncertain says that the store went away during the commit: what the write brings
	// is stored or is not. It wraps ErrUnavailable too.
	ErrUncertain = errors.New("whether it was stored is not known")
	// ErrKeyReused says that an idempotency key came with another body before.
	ErrKeyReused = errors.New("idempotency key was used for another request")
)

// Batch is one write: one item, or up to MaxBatch of a kind.
type Batch struct {
	Kind  IngestKind
	Items []jsontext.Value
	// Single says that the write was one item and not a list of one: its
	// outcome is then the status of the reply.
	Single bool
	// Competition is that of the items that name none themselves; "" is the default
	// one. It does not matter to what belongs to none, such as prices.
	Competition string
	// Atomic stores all items or none.
	Atomic bool
	// Register makes unknown models, symbols and competitions known instead of refusing
	// them.
	Register bool
	// Key makes a repeated write get the first one's response; nil is none. Respond
	// then renders that response, in the transaction that stores the write.
	Key     *RequestKey
	Respond func(*Reply) (Response, error)
}

// RequestKey identifies a write by the token of the writer and the key it
// chose. Digest is that of the whole request.
type RequestKey struct{ TokenID, Key, Digest string }

// Response is what a request is answered with. It is kept under the key of the
// request as Respond has made it, and nothing here looks into it.
type Response struct {
	Status int
	Body   []byte
}

// Rejection is why an item was not taken.
type Rejection string

// The rejections.
const (
	RejectedInvalid  Rejection = "invalid"  // its content is wrong, whatever is stored
	RejectedUnknown  Rejection = "unknown"  // it names a model, a symbol or a competition that is not known
	RejectedConflict Rejection = "conflict" // it contradicts what is stored
	RejectedSibling  Rejection = "sibling"  // another item of its atomic batch was rejected
)

// Result is what became of one item.
type Result struct {
	ID      string
	Outcome string // inserted, updated, unchanged or rejected
	// Competition is that of the item, as far as it is known; "" where it belongs to
	// none.
	Competition string
	// Rejected says why the item was rejected; nil where it was taken.
	Rejected *Rejected
	// Equity is the outcome of the equity row that came along with a trade,
	// superseded where the JSON files hold a newer one of its hour.
	Equity string
	// Detail says of an accepted item what a sender might not expect.
	Detail string
}

// Rejected is why an item was rejected, for programs and for people.
type Rejected struct {
	Why    Rejection
	Detail string
	Faults wire.Faults // of RejectedInvalid
}

// Reply is the answer to a write.
type Reply struct {
	Results []Result // in the order of the items
	// Rejection is that of a single item, or of the first item at fault of an
	// atomic batch, and then nothing was stored; "" otherwise.
	Rejection Rejection
	// Response is what Respond made of this reply or, for a repeated key, of the
	// first one, whose Results are not kept; nil without a key.
	Response *Response
}

// Ingester takes in writes. A reply without an error is a promise: what it
// calls inserted or updated is durable. On an error nothing was stored. Errors
// wrap ErrUnavailable, ErrBusy or ErrKeyReused where they apply.
type Ingester interface {
	Ingest(ctx context.Context, b Batch) (*Reply, error)
}
