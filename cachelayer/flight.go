package cachelayer

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"sync"
)

// errNoReturn reports a load that ended its goroutine.
var errNoReturn = errors.New("load did not return")

// PanicError reports that a load panicked. Everyone who waited for it gets the
// error, and the next caller loads again.
type PanicError struct {
	Value any    // what the load panicked with
	Stack []byte // where, as debug.Stack prints it
}

func (e *PanicError) Error() string { return fmt.Sprintf("load panicked: %v", e.Value) }

// flightKind separates looking a value up from loading it, so that an early
// refresh is joined by those who miss the value and not by those who find it.
type flightKind int

const (
	flightLookup flightKind = iota
	flightLoad
	flightVersions
)

// flightID says which callers share a flight: those who ask for the same key
// as the same type, under the same versions, of the same owner.
type flightID struct {
	kind     flightKind
	name     string
	tokens   string
	typ      reflect.Type
	identity *marked
}

// flight is one lookup or load that is under way, and those who wait for it.
type flight struct {
	id   flightID
	done chan struct{}
	// out may be read once done is closed.
	out outcome
}

// flights are what this process is looking up and loading.
type flights struct {
	mu       sync.Mutex
	under    map[flightID]*flight
	panicked func(name string, err *PanicError)
}

func newFlights(panicked func(name string, err *PanicError)) *flights {
	return &flights{under: make(map[flightID]*flight), panicked: panicked}
}

// join returns the flight id, and whether it was started now, by running run in
// a goroutine of its own. run's context has the values of ctx and not its end:
// whoever starts a flight may leave it to the others.
func (g *flights) join(ctx context.Context, id flightID, run func(context.Context, *flight) outcome) (f *flight, started bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f := g.under[id]; f != nil {
		return f, false
	}
	f = &flight{id: id, done: make(chan struct{})}
	g.under[id] = f
	go g.run(context.WithoutCancel(ctx), f, run)
	return f, true
}

func (g *flights) run(ctx context.Context, f *flight, run func(context.Context, *flight) outcome) {
	f.out = outcome{err: errNoReturn}
	defer func() {
		if value := recover(); value != nil {
			err := &PanicError{Value: value, Stack: debug.Stack()}
			g.panicked(f.id.name, err)
			f.out = outcome{err: err}
		}
		g.mu.Lock()
		delete(g.under, f.id)
		g.mu.Unlock()
		close(f.done)
	}()
	f.out = run(ctx, f)
}

// wait returns the flight's outcome, or the context's error as soon as it ends.
func (f *flight) wait(ctx context.Context) (outcome, error) {
	select {
	case <-f.done:
		return f.out, nil
	case <-ctx.Done():
		return outcome{}, ctx.Err()
	}
}
