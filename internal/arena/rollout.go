package arena

import (
	"context"
	"time"

	"nof0/internal/catalogue"
)

// Domain is a part of the data that moves from the JSON store to Postgres as
// one.
type Domain = catalogue.Domain

// The domains, in the order in which they move.
const (
	DomainPrices        = catalogue.DomainPrices
	DomainTrades        = catalogue.DomainTrades
	DomainPositions     = catalogue.DomainPositions
	DomainAccounts      = catalogue.DomainAccounts
	DomainAnalytics     = catalogue.DomainAnalytics
	DomainConversations = catalogue.DomainConversations
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

// InitialModes are those of a domain whose switches nobody has set: everything
// is where it always was, in the JSON files where there are any.
func InitialModes(jsonFiles bool) Modes {
	if jsonFiles {
		return Modes{Read: ReadJSON, Write: WriteJSON}
	}
	return Modes{Read: ReadStore, Write: WriteStore}
}

// Domains lists the domains in the order in which they move.
func Domains() []Domain { return catalogue.Domains() }

// Rollout shows and sets the switches.
type Rollout interface {
	// List returns the switches of every domain and the newest changes.
	List(ctx context.Context) (*RolloutState, error)
	// Set brings a domain to other modes. It returns once they hold for every
	// write, and every process knows them within a second. Errors wrap
	// ErrUnavailable or ErrBusy where they apply, or are a *RefusedError; on
	// each of them nothing has changed.
	Set(ctx context.Context, f Flip) (*DomainState, error)
}

// Flip asks for other modes of a domain.
type Flip struct {
	Domain Domain
	// Read and Write are the modes that it shall have; "" leaves one as it is.
	Read  ReadMode
	Write WriteMode
	// By is who asks, and Reason why. Force overrides what can be overridden,
	// for a Reason.
	By, Reason string
	Force      bool
}

// RefusedError says why the modes of a domain were not changed.
type RefusedError struct {
	// Invalid says that the request could never be followed; otherwise it is the
	// state of things that is in the way.
	Invalid bool
	Reason  string
}

// Error implements error.
func (e *RefusedError) Error() string { return e.Reason }

// RolloutState is where every domain is, and how it came there.
type RolloutState struct {
	Domains []DomainState   `json:"domains"` // in the order in which they move
	Changes []RolloutChange `json:"changes"` // the newest first
}

// DomainState is where a domain is.
type DomainState struct {
	Domain Domain    `json:"domain"`
	Read   ReadMode  `json:"read"`  // where answers come from; in shadow from the JSON files, and the store answers a sample to be compared
	Write  WriteMode `json:"write"` // where writes go; in both the files follow Postgres
	// Changed is the last change; absent where nobody has made one.
	Changed *RolloutChange `json:"changed,omitzero"`
	// Moves are those to each other pair of modes; only in a list.
	Moves []Move `json:"moves,omitzero"`
}

// Move says what it would be to bring a domain to other modes now.
type Move struct {
	Read    ReadMode  `json:"read"`
	Write   WriteMode `json:"write"`
	Effects []string  `json:"effects"` // what it does, and what holds from then on
	// Refused is why it cannot be made, and Forceable whether force overrides that.
	Refused   string `json:"refused,omitzero"`
	Forceable bool   `json:"forceable,omitzero"`
}

// RolloutChange is one change of a domain.
type RolloutChange struct {
	Domain    Domain    `json:"domain"`
	At        time.Time `json:"at"`
	By        string    `json:"by"`
	Reason    string    `json:"reason"`
	Forced    bool      `json:"forced"` // something that was in the way has been overridden
	ReadFrom  ReadMode  `json:"read_from"`
	ReadTo    ReadMode  `json:"read_to"`
	WriteFrom WriteMode `json:"write_from"`
	WriteTo   WriteMode `json:"write_to"`
}
