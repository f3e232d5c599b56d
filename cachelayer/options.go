package cachelayer

import (
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Options are the collaborators of a Client and of a Cache. The zero value is
// usable: no metrics, no log, the system's clock and randomness.
type Options struct {
	// Registerer receives the metrics. One Registerer takes one Client and one
	// Cache. Nil registers nothing.
	Registerer prometheus.Registerer
	// Logger receives what no caller sees: a load that panicked, a value that
	// cannot be encoded, a breaker that opens. Nil discards it.
	Logger *slog.Logger
	// Now is the clock. It must be safe for concurrent use. Nil is time.Now.
	// The breaker and the network timeouts always follow the system's clock.
	Now func() time.Time
	// Program names the binary that renders what is kept: processes with another
	// name never read it. Empty is the digest of the running binary.
	Program string
	// Rand is the randomness. It must be safe for concurrent use. Nil is a
	// source seeded by the operating system.
	Rand Rand
}

// Rand is the randomness that a Cache needs: Uint64 for ids that must never
// repeat, across processes and restarts, and Float64 in [0, 1) for the early
// refresh.
type Rand interface {
	Uint64() uint64
	Float64() float64
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = systemRand{}
	}
	if o.Program == "" {
		o.Program = programDigest()
	}
	return o
}

// systemRand draws from the runtime's generator, which the operating system
// seeds and which is safe for concurrent use. Its ids only have to be unique,
// not secret.
type systemRand struct{}

func (systemRand) Uint64() uint64   { return rand.Uint64() }  //nolint:gosec // see above: nothing secret
func (systemRand) Float64() float64 { return rand.Float64() } //nolint:gosec // see above: nothing secret
