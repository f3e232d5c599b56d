package arena

import (
	"context"

	"nof0/internal/wire"
)

// Parity compares the JSON store with Postgres, and knows how that ended.
type Parity interface {
	// Compare compares domains, all where none is named, and keeps the reports,
	// which it returns. Errors wrap ErrUnavailable where one of the two cannot
	// be asked.
	Compare(ctx context.Context, domains ...Domain) (*wire.ParityRuns, error)
	// List returns the newest reports of a domain, at most limit, of every
	// domain where it is "", newest first.
	List(ctx context.Context, d Domain, limit int) (*wire.ParityRuns, error)
}
