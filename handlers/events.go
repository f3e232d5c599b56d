package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"nof0/internal/arena"
	"nof0/internal/catalogue"
	"nof0/internal/wire"
)

const (
	contentEvents = "text/event-stream"

	defaultMaxStreams = 1000
	// heartbeat is how often an idle stream says that it is alive: proxies drop
	// what is silent for a minute, some for half of it.
	heartbeat = 15 * time.Second
	// reconnect is how long a client waits before it comes back.
	reconnect = 2 * time.Second
	// eventStall is how long one write may wait for its client. It is shorter
	// than a shutdown, which a stuck client must not hold up.
	eventStall = 10 * time.Second
)

// subscription is what a stream is asked for: the events that every filter lets pass.
type subscription struct {
	filters []func(arena.Event) bool
	// competition is the one that is named; "" is none.
	competition string
	after       arena.Position
}

func (s *subscription) wants(e arena.Event) bool {
	for _, passes := range s.filters {
		if !passes(e) {
			return false
		}
	}
	return true
}

func (s *subscription) filter(passes func(arena.Event) bool) { s.filters = append(s.filters, passes) }

func subscriptionParameters() []parameter[subscription] {
	types := form[string]{
		parse: func(raw string) (string, bool) {
			for name := range strings.SplitSeq(raw, ",") {
				if !slices.Contains(catalogue.EventTypes(), name) {
					return "", false
				}
			}
			return raw, true
		},
		wrong: "is no list of " + strings.Join(catalogue.EventTypes(), ","),
	}
	model, symbol := identifier("is not the id of a model"), identifier("is not the name of a symbol")
	position := form[arena.Position]{parse: parsePosition, wrong: "is not the id of an event"}
	after := func(s *subscription, v arena.Position) { s.after = v }
	return []parameter[subscription]{
		query("types", types, func(s *subscription, v string) {
			wanted := strings.Split(v, ",")
			s.filter(func(e arena.Event) bool { return slices.Contains(wanted, e.Type) })
		}),
		query("model_id", model, func(s *subscription, v string) {
			s.filter(func(e arena.Event) bool { return e.Model == v })
		}),
		query("symbol", symbol, func(s *subscription, v string) {
			s.filter(func(e arena.Event) bool { return slices.Contains(symbolsOf(e), v) })
		}),
		competition(func(s *subscription, v string) {
			s.competition = v
			s.filter(func(e arena.Event) bool { return e.Competition == v })
		}),
		query("last_event_id", position, after),
		// After the parameter: a browser that comes back sends the header, and
		// the parameter is still that of its first request.
		header("Last-Event-ID", position, after),
	}
}

// identifier is what CheckID takes.
func identifier(wrong string) form[string] {
	return form[string]{parse: func(raw string) (string, bool) { return raw, wire.CheckID(raw) == nil }, wrong: wrong}
}

// symbolsOf are the symbols that the data of an event name: of a row, of the position or
// the fact in it, or of each price.
func symbolsOf(e arena.Event) []string {
	type row struct {
		Symbol string `json:"symbol"`
	}
	var data struct {
		row
		Position row   `json:"position"`
		Fact     row   `json:"fact"`
		Prices   []row `json:"prices"`
	}
	if err := wire.Unmarshal(e.Data, &data); err != nil {
		return nil
	}
	symbols := []string{data.Symbol, data.Position.Symbol, data.Fact.Symbol}
	for _, price := range data.Prices {
		symbols = append(symbols, price.Symbol)
	}
	return symbols
}

// parsePosition reads the id of an event: the sequence with the tag of the
// history, or alone.
func parsePosition(raw string) (p arena.Position, ok bool) {
	sequence, history, tagged := strings.Cut(raw, "-")
	p.Sequence, ok = parseInteger(sequence, 0)
	p.History = history
	return p, ok && tagged == (strings.Trim(history, "0123456789abcdef") == "" && history != "")
}

// events is the stream of events.
type events struct {
	from   arena.Streamer
	known  arena.Competitions
	open   chan struct{} // holds one for each open stream
	limits *limits
	frames frames
	now    func() time.Time
}

func newEvents(opts Options, limits *limits) *events {
	return &events{limits: limits, from: opts.Stream, known: opts.Competitions, open: make(chan struct{}, opts.MaxStreams), now: opts.Now}
}

// serve streams events until the client leaves or the subscription ends. The
// deadline of requests does not hold for it.
func (s *events) serve(c *gin.Context) {
	if s.from == nil {
		fail(c, errNotConfigured)
		return
	}
	wanted := subscription{after: arena.Position{Sequence: -1}}
	if err := readParameters(c, &wanted, subscriptionParameters()); err != nil {
		fail(c, err)
		return
	}
	if err := s.isKnown(c.Request.Context(), wanted.competition); err != nil {
		fail(c, err)
		return
	}
	if c.Request.Method == http.MethodHead {
		s.describe(c)
		return
	}
	giveBack, ok := s.limits.streams.take(s.limits.addressOf(c))
	if !ok {
		fail(c, errTooManyRequests)
		return
	}
	defer giveBack()
	select {
	case s.open <- struct{}{}:
		defer func() { <-s.open }()
	default:
		fail(c, errTooManyStreams)
		return
	}

	record := recordOf(c.Request.Context())
	ctx, cancel := context.WithCancel(record)
	defer cancel()
	feed, err := s.from.Subscribe(ctx, wanted.after)
	if err != nil {
		fail(c, err)
		return
	}
	defer feed.Close()

	control := http.NewResponseController(unwrap(c.Writer))
	// The next request on this connection does not inherit the last deadline.
	defer func() { _ = control.SetWriteDeadline(time.Time{}) }()
	s.describe(c)
	sending := &sending{
		wanted: wanted, frames: &s.frames, seen: wanted.after, announced: wanted.after,
		to: &clientWriter{ctx: ctx, to: c.Writer, control: control, stall: eventStall, now: s.now},
	}
	record.begun = s.now()
	recordEnd(ctx, record, sending.all(ctx, feed))
}

// isKnown refuses a competition that there is not.
func (s *events) isKnown(ctx context.Context, competition string) error {
	if competition == "" {
		return nil
	}
	if s.known == nil {
		return &arena.UnknownCompetitionError{ID: competition}
	}
	_, err := s.known.Competition(ctx, competition)
	return err
}

func (s *events) describe(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("Content-Type", contentEvents)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	c.Writer.WriteHeader(http.StatusOK)
	c.Writer.WriteHeaderNow()
}

// recordEnd records how a stream ended. That its client left is how most end, and
// no failure.
func recordEnd(ctx context.Context, r *record, err error) {
	switch {
	case errors.Is(err, errStreamBroken):
		r.status, r.err = problemOf(ctx, err).Status, err
	case errors.Is(err, os.ErrDeadlineExceeded):
		r.clientGone(fmt.Errorf("the client is stuck: %w", err))
	case errors.Is(err, arena.ErrSlowConsumer), errors.Is(err, arena.ErrClosing), errors.Is(err, arena.ErrGone):
		r.err = err
	}
}

// errStreamBroken says that a stream ended by a fault of ours.
var errStreamBroken = errors.New("the stream broke")

// sending is one stream on its way to its client.
type sending struct {
	wanted subscription
	frames *frames
	to     *clientWriter
	// seen is the newest position that the subscription brought, and announced the
	// newest that the client knows of: it was sent other ids only.
	seen, announced arena.Position
}

// all sends events as they come, and heartbeats between them. Its error says
// why it ended.
func (s *sending) all(ctx context.Context, feed arena.Subscription) error {
	if err := s.write(fmt.Appendf(nil, "retry: %d\n\n", reconnect.Milliseconds()), true); err != nil {
		return err
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	incoming := feed.Events()
	for {
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-beat.C:
			err = s.write(s.mark([]byte(": alive\n")), true)
		case e, more := <-incoming:
			if !more {
				return s.end(ctx, feed.Err())
			}
			err = s.event(ctx, e, len(incoming) == 0)
		}
		if err != nil {
			return err
		}
	}
}

// event sends an event that is wanted. While others wait, it is not yet
// flushed.
func (s *sending) event(ctx context.Context, e arena.Event, last bool) error {
	s.seen = e.Position
	var frame []byte
	if s.wanted.wants(e) {
		var err error
		if frame, err = s.frames.of(e); err != nil {
			return s.end(ctx, err)
		}
		s.announced = e.Position
	}
	return s.write(frame, last)
}

// end says why nothing more comes.
func (s *sending) end(ctx context.Context, cause error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var reason string
	switch {
	case errors.Is(cause, arena.ErrSlowConsumer):
		reason = "slow_consumer"
	case errors.Is(cause, arena.ErrClosing):
		reason = "closing"
	case errors.Is(cause, arena.ErrGone):
		reason = "gone"
	default:
		reason = "failure"
		cause = errors.Join(errStreamBroken, cause)
	}
	frame := fmt.Appendf(nil, "event: end\ndata: {\"reason\":%q}\n", reason)
	if err := s.write(s.mark(frame), true); err != nil {
		return err
	}
	return cause
}

// mark completes a frame. Where the client has missed events that it did not
// want, it gets the id of the last one, or it would one day come back with an
// id that is no longer kept.
func (s *sending) mark(frame []byte) []byte {
	if s.seen.Sequence > s.announced.Sequence {
		frame = fmt.Appendf(frame, "id: %s\n", s.seen)
		s.announced = s.seen
	}
	return append(frame, '\n')
}

func (s *sending) write(frame []byte, flush bool) error {
	if len(frame) > 0 {
		if _, err := s.to.Write(frame); err != nil {
			return err
		}
	}
	if flush {
		return s.to.flush()
	}
	return nil
}
