package arena

import (
	"context"

	"nof0/internal/wire"
	"nof0/repository"
)

// ReadMode is where the answers of a domain come from.
type ReadMode string

// The read modes, in the order in which a domain moves through them.
const (
	ReadJSON ReadMode = "json"
	// ReadShadow answers from the JSON store; a sample of the requests is also
	// answered by Postgres, beside the request, and compared.
	ReadShadow ReadMode = "shadow"
	ReadStore  ReadMode = "store"
)

// WriteMode is where the writes of a domain go.
type WriteMode string

// The write modes, in the order in which a domain moves through them.
const (
	WriteJSON WriteMode = "json"
	// WriteBoth commits to Postgres; the JSON files follow from the outbox.
	WriteBoth  WriteMode = "both"
	WriteStore WriteMode = "store"
)

// Modes are the two switches of a domain.
type Modes struct {
	Read  ReadMode
	Write WriteMode
}

// Domains lists the domains in the order in which they move.
func Domains() []Domain {
	return []Domain{DomainPrices, DomainTrades, DomainPositions, DomainAccounts, DomainAnalytics, DomainConversations}
}

// Switches tells the modes of a domain as this process knows them now. It costs
// no query.
type Switches interface {
	Modes(d Domain) Modes
}

// Shadow compares, beside the request, what the two sources answer to a request
// of a domain that is in ReadShadow. Offer returns at once: it samples, and
// drops what it has no room for.
type Shadow interface {
	Offer(ctx context.Context, d Domain, req Request)
}

// JSONSide takes the writes of domains that are in WriteJSON.
type JSONSide interface {
	// Apply brings items of one kind, as their decoder left them, to the files
	// of the given domains. When it returns, the files have been replaced
	// durably. The caller holds the rollout lock (shared). Results are in the
	// order of the items; identity decides, as it does in Postgres.
	Apply(ctx context.Context, kind IngestKind, items []any, domains []Domain) ([]JSONResult, error)
}

// JSONResult is what became of one item in the files.
type JSONResult struct {
	Outcome repository.Outcome
	Reason  string // of a conflict
}

// SizedTrade is an item of trades with the size step of its symbol in coins, 0
// where it is not known. JSONSide takes it in the place of a wire.TradeItem.
type SizedTrade struct {
	wire.TradeItem

	SizeStep float64
}
