package relay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/prometheus/client_golang/prometheus"

	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/catalogue"
	"nof0/internal/loop"
	"nof0/repository"
)

// HubOptions are what a Hub is made of.
type HubOptions struct {
	Outbox     repository.Outbox
	Registerer prometheus.Registerer // nil registers nothing
	Logger     *slog.Logger

	// Interval is how often the outbox is looked at; 0 is 200 ms.
	Interval time.Duration
	// MaxBackoff bounds the wait after a failure; 0 is 1 s.
	MaxBackoff time.Duration
	// Buffer is how many events a subscriber may be behind; 0 is 256. One that
	// is further behind, as all are when many events are relayed at once, reads
	// by itself until it has caught up.
	Buffer int
	// Page is how many events are read at once; 0 is 500.
	Page int
	// Patience is how long a subscriber may take for one event; 0 is 10 s. One
	// that takes longer is ended with arena.ErrSlowConsumer.
	Patience time.Duration
}

// Hub hands the relayed events to the subscribers of this process. It reads each
// event once, however many they are, and not at all while there is none.
type Hub struct {
	o       HubOptions
	loop    *loop.Loop
	metrics hubMetrics
	closed  chan struct{}

	mu      sync.Mutex
	closing bool
	history string // whose sequences they are
	// last is the sequence up to which the live subscribers were served.
	last int64
	live map[*subscription]struct{}
	all  map[*subscription]struct{}
	ends sync.WaitGroup // of the subscriptions' goroutines
}

var _ arena.Streamer = (*Hub)(nil)

// NewHub makes a hub. Run serves its subscribers.
func NewHub(o HubOptions) *Hub {
	o.Interval = cmp.Or(o.Interval, 200*time.Millisecond)
	o.MaxBackoff = cmp.Or(o.MaxBackoff, time.Second)
	o.Buffer = cmp.Or(o.Buffer, 256)
	o.Page = cmp.Or(o.Page, 500)
	o.Patience = cmp.Or(o.Patience, 10*time.Second)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	h := &Hub{
		o:      o,
		closed: make(chan struct{}),
		live:   map[*subscription]struct{}{},
		all:    map[*subscription]struct{}{},
	}
	h.metrics = newHubMetrics(o.Registerer, h.open)
	h.loop = loop.New(loop.Options{
		Name: "read relayed events", Round: h.poll, Interval: o.Interval, MaxBackoff: o.MaxBackoff, Logger: o.Logger,
		Registerer: o.Registerer,
	})
	return h
}

// open is how many subscriptions there are.
func (h *Hub) open() float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return float64(len(h.all))
}

// Wake makes the hub look at the outbox at once. A relay of this process calls
// it as it has relayed.
func (h *Hub) Wake() { h.loop.Kick() }

// Close ends every subscription with arena.ErrClosing, and Run. It returns once
// they have ended.
func (h *Hub) Close() {
	h.mu.Lock()
	if !h.closing {
		h.closing = true
		close(h.closed)
	}
	for s := range h.all {
		s.end(arena.ErrClosing)
	}
	h.mu.Unlock()
	h.ends.Wait()
}

// SetHistory names the history of the events from now on, and ends every
// subscription with arena.ErrGone: the sequences of another database, or of another
// state of the same, are of other events.
func (h *Hub) SetHistory(history string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.history = history
	for s := range h.live {
		h.detach(s)
	}
	for s := range h.all {
		s.end(arena.ErrGone)
	}
}

// Run serves the subscribers until ctx ends or the hub is closed. While Postgres
// is away they wait.
func (h *Hub) Run(ctx context.Context) {
	// What is read serves until the hub is closed.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-h.closed:
			cancel()
		case <-ctx.Done():
		}
	}()
	h.loop.Run(ctx)
}

// poll hands out a page of what was relayed since the last time. More says that the
// page was full.
func (h *Hub) poll(ctx context.Context) (more bool, err error) {
	h.mu.Lock()
	from, idle := arena.Position{Sequence: h.last, History: h.history}, len(h.live) == 0
	h.mu.Unlock()
	if idle {
		return false, nil
	}
	rows, err := h.o.Outbox.Since(ctx, from.Sequence, h.o.Page)
	if err != nil {
		return false, err
	}
	h.publish(from, eventsOf(rows, from.History))
	return len(rows) == h.o.Page, nil
}

// publish hands events that follow from to the live subscribers. One whose
// buffer is full is left to itself: it slows down nobody else.
func (h *Hub) publish(from arena.Position, events []arena.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.last != from.Sequence || h.history != from.History {
		return // all for whom this was read have left, and others have come
	}
	for _, e := range events {
		gap := e.Sequence != h.last+1
		h.last = e.Sequence
		for s := range h.live {
			switch {
			case e.Sequence <= s.position: // it has come further by itself
			case gap && e.Sequence != s.position+1:
				// Nobody has read here for longer than events are kept.
				h.detach(s)
				s.end(arena.ErrGone)
			default:
				select {
				case s.queue <- e:
					s.position = e.Sequence
				default:
					h.detach(s)
				}
			}
		}
	}
}

// detach makes a live subscription read by itself once it has handed on what it
// was given. The hub is locked.
func (h *Hub) detach(s *subscription) {
	delete(h.live, s)
	close(s.queue)
}

// Subscribe implements arena.Streamer. The subscription ends with ctx.
func (h *Hub) Subscribe(ctx context.Context, after arena.Position) (arena.Subscription, error) {
	h.mu.Lock()
	history := h.history
	h.mu.Unlock()
	oldest, newest, err := h.o.Outbox.Bounds(ctx)
	known := after.History == history || after.Sequence <= 0 && after.History == ""
	if err == nil && !known && after.History == "" {
		known, err = h.o.Outbox.WasUntagged(ctx, after.Sequence)
	}
	if err != nil {
		return nil, arena.Unavailable(err)
	}
	switch {
	case !known:
		return nil, fmt.Errorf("%w: %s, and the history here is %s", arena.ErrGone, after, history)
	case after.Sequence < 0:
		after.Sequence = newest
	case after.Sequence < oldest-1, after.Sequence > newest:
		return nil, fmt.Errorf("%w: %s, of %d to %d", arena.ErrGone, after, oldest, newest)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	s := &subscription{
		hub:      h,
		cancel:   cancel,
		done:     ctx.Done(),
		cause:    func() error { return context.Cause(ctx) },
		out:      make(chan arena.Event),
		history:  history,
		position: after.Sequence,
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.history != history {
		cancel(arena.ErrGone) // what was looked at was of another database
		return nil, arena.ErrGone
	}
	if h.closing {
		cancel(arena.ErrClosing)
		return nil, arena.ErrClosing
	}
	h.all[s] = struct{}{}
	if after.Sequence == newest {
		// As of now there is nothing to catch up with.
		h.join(s)
	}
	_, live := h.live[s]
	h.ends.Go(func() { s.run(ctx, live) })
	return s, nil
}

// join makes a subscription live that has read all that was relayed, as far as
// it knows; false where the hub knows more. The hub is locked.
func (h *Hub) join(s *subscription) bool {
	if len(h.live) == 0 {
		h.last = s.position // nobody else needs what lies between
	}
	if s.position < h.last {
		return false
	}
	h.live[s] = struct{}{}
	s.queue = make(chan arena.Event, h.o.Buffer)
	return true
}

// subscription is a feed of events: it reads them by itself until it has caught
// up with the hub, and is served by the hub from then on.
type subscription struct {
	hub    *Hub
	cancel context.CancelCauseFunc
	done   <-chan struct{}
	cause  func() error
	out    chan arena.Event
	// queue comes from the hub while the subscription is live; the hub closes
	// it to detach the subscription.
	queue   chan arena.Event
	history string
	// position is the sequence of the last event that was sent or queued. It is
	// the hub's, under its lock, while the subscription is live.
	position int64
}

// errClosed ends a subscription that its consumer has closed.
var errClosed = errors.New("subscription closed")

func (s *subscription) Events() <-chan arena.Event { return s.out }

// Err says why the subscription ended: nil before it has, and where its
// consumer has closed it.
func (s *subscription) Err() error {
	if err := s.cause(); !errors.Is(err, errClosed) {
		return err
	}
	return nil
}

func (s *subscription) Close() { s.end(errClosed) }

func (s *subscription) end(why error) { s.cancel(why) }

// run feeds the consumer until the subscription ends.
func (s *subscription) run(ctx context.Context, live bool) {
	defer func() {
		s.hub.mu.Lock()
		delete(s.hub.live, s)
		delete(s.hub.all, s)
		s.hub.mu.Unlock()
		close(s.out)
	}()
	for live || s.catchUp(ctx) {
		live = false
		if !s.follow() {
			return
		}
	}
}

// follow hands on what the hub sends until it detaches the subscription; false
// where the subscription has ended.
func (s *subscription) follow() bool {
	for {
		select {
		case <-s.done:
			return false
		case e, live := <-s.queue:
			if !live {
				return true
			}
			if !s.send(e) {
				return false
			}
		}
	}
}

// catchUp reads page by page until the subscription is live; false where it has
// ended.
func (s *subscription) catchUp(ctx context.Context) bool {
	backoff := time.Duration(0)
	for {
		rows, err := s.hub.o.Outbox.Since(ctx, s.position, s.hub.o.Page)
		switch {
		case ctx.Err() != nil:
			return false
		case errors.Is(err, repository.ErrUnavailable):
			backoff = loop.Backoff(backoff, s.hub.o.MaxBackoff)
			_ = loop.Sleep(ctx, backoff) // ctx is looked at next
			continue
		case err != nil:
			s.end(err)
			return false
		}
		backoff = 0
		for _, e := range eventsOf(rows, s.history) {
			if e.Sequence != s.position+1 {
				s.end(arena.ErrGone) // removed while it was being caught up with
				return false
			}
			if !s.send(e) {
				return false
			}
			s.position = e.Sequence
		}
		if len(rows) == s.hub.o.Page {
			continue
		}
		s.hub.mu.Lock()
		joined := s.hub.join(s)
		s.hub.mu.Unlock()
		if joined {
			return true
		}
	}
}

// send waits for the consumer to take an event; false where the subscription
// has ended.
func (s *subscription) send(e arena.Event) bool {
	// Of several reasons the end comes first.
	select {
	case <-s.done:
		return false
	default:
	}
	impatient := time.NewTimer(s.hub.o.Patience)
	defer impatient.Stop()
	select {
	case s.out <- e:
		return true
	case <-s.done:
	case <-impatient.C:
		s.hub.metrics.slow.Inc()
		s.end(arena.ErrSlowConsumer)
	}
	return false
}

func eventsOf(rows []entities.OutboxEvent, history string) []arena.Event {
	events := make([]arena.Event, len(rows))
	for i, row := range rows {
		events[i] = arena.Event{
			ID:    row.ID,
			Type:  row.Type,
			Model: row.ModelID,
			At:    row.CreatedAt,
			Data:  jsontext.Value(row.Payload),
		}
		if declared := catalogue.EventOf(row.Type); declared.OfAccounts() {
			events[i].Competition = row.CompetitionID
		}
		events[i].History = history
		if row.Sequence != nil {
			events[i].Sequence = *row.Sequence
		}
	}
	return events
}
