// Package deadline has contexts that end at a time and that hardly anybody waits for.
package deadline

import (
	"context"
	"sync/atomic"
	"time"
)

// Context is what context.WithDeadline returns, with a timer only from when somebody asks
// for Done: who answers from memory never does. The zero value is not usable; see Set.
type Context struct {
	parent context.Context //nolint:containedctx // this is a context
	at     time.Time
	// timed is the context that has the timer, once there is one.
	timed atomic.Pointer[timed]
}

type timed struct {
	context.Context //nolint:containedctx // this is a context

	cancel context.CancelFunc
}

var _ context.Context = (*Context)(nil)

// After returns a context that ends after limit, if not with its parent. Cancel frees what
// it has.
func After(parent context.Context, limit time.Duration) *Context {
	c := new(Context)
	c.Set(parent, time.Now().Add(limit))
	return c
}

// Set makes c a context that ends at a time, if not with its parent. Nobody may have used
// it before.
func (c *Context) Set(parent context.Context, at time.Time) { c.parent, c.at = parent, at }

// Deadline implements context.Context.
func (c *Context) Deadline() (at time.Time, ok bool) {
	if of, ok := c.parent.Deadline(); ok && of.Before(c.at) {
		return of, true
	}
	return c.at, true
}

// Done implements context.Context.
func (c *Context) Done() <-chan struct{} { return c.start().Done() }

// Err implements context.Context.
func (c *Context) Err() error {
	if t := c.timed.Load(); t != nil {
		return t.Err()
	}
	if err := c.parent.Err(); err != nil || time.Now().Before(c.at) {
		return err
	}
	return c.start().Err()
}

// Value implements context.Context.
func (c *Context) Value(key any) any {
	if t := c.timed.Load(); t != nil && t != over {
		return t.Value(key)
	}
	return c.parent.Value(key)
}

// Cancel ends the context now.
func (c *Context) Cancel() {
	if !c.timed.CompareAndSwap(nil, over) {
		c.timed.Load().cancel()
	}
}

// over is that of a context which ended before anybody waited for it.
var over = func() *timed {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return &timed{ctx, cancel}
}()

func (c *Context) start() *timed {
	if t := c.timed.Load(); t != nil {
		return t
	}
	ctx, cancel := context.WithDeadline(c.parent, c.at)
	if !c.timed.CompareAndSwap(nil, &timed{ctx, cancel}) {
		cancel()
	}
	return c.timed.Load()
}
