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
)

// MaxBatch is the most items that one write may bring.
const MaxBatch = 1000

// Errors of a whole write. Those of its items stand in the reply.
var (
	// ErrBusy says that other writers were in the way too often; nothing was
	// done, and the same write may be tried again.
	ErrBusy = errors.New("too many writers at once")
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
	// Atomic stores all items or none.
	Atomic bool
	// Register makes unknown models and symbols known instead of refusing them.
	Register bool
	// Key makes a repeated write get the first one's reply; nil is none.
	Key *RequestKey
}

// RequestKey identifies a write by the token of the writer and the key it
// chose. Digest is that of the whole request.
type RequestKey struct{ TokenID, Key, Digest string }

// Result is what became of one item.
type Result struct {
	Index   int          `json:"index"`
	ID      string       `json:"id"`
	Outcome string       `json:"outcome"` // inserted, updated, unchanged or rejected
	Error   *ResultError `json:"error,omitzero"`
	// Equity is the outcome of the equity row that came along with a trade,
	// superseded where the JSON files hold a newer one of its hour.
	Equity string `json:"equity,omitzero"`
	// Detail says of an accepted item what a sender might not expect.
	Detail string `json:"detail,omitzero"`
}

// ResultError says why an item was rejected.
type ResultError struct {
	Status int         `json:"status"` // 409 or 422
	Detail string      `json:"detail"`
	Errors wire.Faults `json:"errors,omitempty"`
}

// Results is the body of a reply.
type Results struct {
	Results []Result `json:"results"`
}

// Reply is the answer to a write.
type Reply struct {
	// Status is 200; of a single item or an atomic batch that was rejected 409
	// or 422.
	Status int
	Body   []byte // JSON of Results
}

// Ingester takes in writes. A reply without an error is a promise: what it
// calls inserted or updated is durable. On an error nothing was stored. Errors
// wrap ErrUnavailable, ErrBusy or ErrKeyReused where they apply.
type Ingester interface {
	Ingest(ctx context.Context, b Batch) (*Reply, error)
}
