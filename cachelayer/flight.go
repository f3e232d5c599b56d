package cachelayer

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"slices"
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
)

// flightID says which callers share a flight: those who ask for the same key
// as the same type.
type flightID struct {
	kind flightKind
	name string
	typ  reflect.Type
}

// flight is one lookup or load that is under way, and those who wait for it.
type flight struct {
	id   flightID
	done chan struct{}
	// out may be read once done is closed.
	out outcome
	// forgotten is guarded by flights.mu.
	forgotten bool
}

// flights are what this process is looking up and loading.
//
// A singleflight group would join callers as well. This one also knows which
// flights an invalidation has overtaken: they end for those who wait for them,
// nobody joins them any more, and what they bring is not kept.
type flights struct {
	mu       sync.Mutex
	byName   map[string][]*flight
	panicked func(name string, err *PanicError)
}

func newFlights(panicked func(name string, err *PanicError)) *flights {
	return &flights{byName: make(map[string][]*flight), panicked: panicked}
}

// join returns the flight id, and whether it was started now, by running run in
// a goroutine of its own. run's context has the values of ctx and not its end:
// whoever starts a flight may leave it to the others.
func (g *flights) join(ctx context.Context, id flightID, run func(context.Context, *flight) outcome) (f *flight, started bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, f := range g.byName[id.name] {
		if f.id == id {
			return f, false
		}
	}
	f = &flight{id: id, done: make(chan struct{})}
	g.byName[id.name] = append(g.byName[id.name], f)
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
		g.remove(f)
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

// keep runs store unless the flight is forgotten. No invalidation comes between
// the question and the storing.
func (g *flights) keep(f *flight, store func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !f.forgotten {
		store()
	}
}

// overtaken says whether the flight is forgotten.
func (g *flights) overtaken(f *flight) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return f.forgotten
}

// forget ends the flights of name for all who come later, and runs then before
// anyone can begin another.
func (g *flights) forget(name string, then func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, f := range g.byName[name] {
		f.forgotten = true
	}
	delete(g.byName, name)
	then()
}

// forgetAll is forget for every name.
func (g *flights) forgetAll(then func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, list := range g.byName {
		for _, f := range list {
			f.forgotten = true
		}
	}
	g.byName = make(map[string][]*flight)
	then()
}

// remove takes f off the list, which it may have left already.
func (g *flights) remove(f *flight) {
	list := slices.DeleteFunc(g.byName[f.id.name], func(other *flight) bool { return other == f })
	if len(list) == 0 {
		delete(g.byName, f.id.name)
		return
	}
	g.byName[f.id.name] = list
}
