package season

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"iter"
	"net/http"
	"sync"
	"time"

	"nof0/internal/apiclient"
	"nof0/internal/loop"
)

// Limits of PlayOptions, and what they are where nothing is said.
const (
	MaxPlayBatch       = 1000 // items that the API takes at once
	DefaultPlayBatch   = 200
	DefaultPlayWorkers = 4
	DefaultKeepTrying  = time.Minute
	DefaultMaxPause    = 2 * time.Second

	// maxPlayBytes keeps a batch well under the 8 MiB that the API takes.
	maxPlayBytes = 4 << 20
	// queued is how many events a worker may lie behind.
	queued = 256
)

// PlayOptions say how events are played. URL has to be given.
type PlayOptions struct {
	// URL of the API, such as http://127.0.0.1:8888.
	URL   string
	Token string
	// Competition is that of the accounts; "" is the default one of the API.
	Competition string
	// Speed is how many times faster than they happened events are sent: 1 is
	// real time, 0 as fast as it goes.
	Speed float64
	// Batch is the most items of one request. At a speed above 0 only what is
	// due together is sent together.
	Batch int
	// Workers share the models: each keeps the order of its own, and prices
	// have one more worker.
	Workers int
	// KeepTrying is for how long a request is tried again while the API is
	// busy, unavailable or not there.
	KeepTrying time.Duration
	// MaxPause bounds the pauses between two attempts, which grow.
	MaxPause time.Duration
	// Seed and Run make idempotency keys: the same request of the same seed and
	// run has the same key, so that a repetition after a lost answer is safe
	// and gets the first answer. A run of its own gets answers of its own.
	Seed uint64
	Run  string
	// Client, where given, sends the requests.
	Client *http.Client
	// Clock, where given, says what time it is, and waits.
	Clock Clock
	// Progress, where given, is called with how many items are acknowledged. It is called
	// by one goroutine at a time.
	Progress func(acknowledged int)
	// Acknowledged, where given, is called with the events of each request that was
	// answered, and its results in their order. It is called by one goroutine
	// at a time.
	Acknowledged func(events []Event, results []apiclient.Result)

	from time.Time     // what happened before it is sent at once; zero is the first event
	lead time.Duration // how far ahead of the clock events may be; 0 is as far as they like
}

// Clock says what time it is, and waits.
type Clock interface {
	Now() time.Time
	// Wait returns after d, or the error of ctx as soon as it is done.
	Wait(ctx context.Context, d time.Duration) error
}

// Played is what became of the events.
type Played struct {
	Items        int         `json:"items"`        // answered
	Acknowledged int         `json:"acknowledged"` // stored by this run
	Unchanged    int         `json:"unchanged"`    // stored before
	Rejected     int         `json:"rejected"`
	Requests     int         `json:"requests"` // answered
	Retries      int         `json:"retries"`
	Seconds      float64     `json:"seconds"`
	PerSecond    float64     `json:"per_second"` // items
	Rejections   []Rejection `json:"rejections"` // the first of them
}

// Rejection is an item that the API refused.
type Rejection struct {
	Kind   string `json:"kind"`
	Model  string `json:"model"`
	ID     string `json:"id"`
	Status int    `json:"status"`
	Reason string `json:"reason"`
}

// maxRejections is how many rejections are kept.
const maxRejections = 10

// Play plays events against the ingest API of a URL and reports what became of
// them, also on an error: then some were not sent, and of the last requests it
// is not known whether they arrived. Rejected items are no error.
//
// The events of a model are sent in their order, and so are the prices. What
// is of no model otherwise is acknowledged before anything after it is sent.
func Play(ctx context.Context, events iter.Seq2[Event, error], o PlayOptions) (Played, error) {
	o, err := o.withDefaults()
	if err != nil {
		return Played{}, err
	}
	p := &player{options: o, sender: &sender{apiclient.Client{URL: o.URL, Token: o.Token, HTTP: o.Client}, o}, played: Played{Rejections: []Rejection{}}}
	began := o.Clock.Now()
	err = p.play(ctx, events)
	p.played.Seconds = o.Clock.Now().Sub(began).Seconds()
	if p.played.Seconds > 0 {
		p.played.PerSecond = float64(p.played.Items) / p.played.Seconds
	}
	return p.played, err
}

func (o PlayOptions) withDefaults() (PlayOptions, error) {
	if o.Batch == 0 {
		o.Batch = DefaultPlayBatch
	}
	if o.Workers == 0 {
		o.Workers = DefaultPlayWorkers
	}
	if o.KeepTrying == 0 {
		o.KeepTrying = DefaultKeepTrying
	}
	if o.MaxPause == 0 {
		o.MaxPause = DefaultMaxPause
	}
	if o.Clock == nil {
		o.Clock = clock{}
	}
	if o.Client == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // it is one
		transport.MaxIdleConnsPerHost = o.Workers + 1
		o.Client = &http.Client{Transport: transport, Timeout: time.Minute}
	}
	var faults []error
	refuse := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if err := (apiclient.Client{URL: o.URL}).Check(); err != nil {
		faults = append(faults, err)
	}
	if !(o.Speed >= 0) {
		refuse("speed is %v; 0, which is as fast as it goes, or more is accepted", o.Speed)
	}
	if o.Batch < 1 || o.Batch > MaxPlayBatch {
		refuse("batch is %d; 1 to %d are accepted", o.Batch, MaxPlayBatch)
	}
	if o.Workers < 1 || o.Workers > 256 {
		refuse("workers is %d; 1 to 256 are accepted", o.Workers)
	}
	if len(faults) > 0 {
		return o, fmt.Errorf("error in the options of playing: %w", errors.Join(faults...))
	}
	return o, nil
}

// player is one run of Play.
type player struct {
	options PlayOptions
	sender  *sender
	queues  []chan task
	cancel  context.CancelCauseFunc

	mu     sync.Mutex
	played Played
}

// task is an event for a worker or, where flushed is not nil, the order to
// send what it holds and to say when that is done.
type task struct {
	event    Event
	position int
	flushed  *sync.WaitGroup
}

// play hands the events out to the workers.
func (p *player) play(ctx context.Context, events iter.Seq2[Event, error]) error {
	ctx, p.cancel = context.WithCancelCause(ctx)
	defer p.cancel(nil)
	var workers sync.WaitGroup
	for range p.options.Workers + 1 { // the last one sends prices
		queue := make(chan task, queued)
		p.queues = append(p.queues, queue)
		workers.Go(func() { p.work(ctx, queue) })
	}
	if err := p.handOut(ctx, events); err != nil {
		p.cancel(err)
	}
	for _, queue := range p.queues {
		close(queue)
	}
	workers.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// handOut gives each event to its worker as it is due.
func (p *player) handOut(ctx context.Context, events iter.Seq2[Event, error]) error {
	pace := pace{clock: p.options.Clock, speed: p.options.Speed, lead: p.options.lead}
	if from := p.options.from; !from.IsZero() {
		pace.origin, pace.began = from, pace.now()
	}
	position, wasCommon := 0, true
	for e, err := range events {
		if err != nil {
			return fmt.Errorf("error making the events: %w", err)
		}
		common := e.isCommon()
		if common != wasCommon {
			if err := p.flush(ctx, true); err != nil {
				return err
			}
			wasCommon = common
		}
		if wait := pace.until(e); wait > 0 {
			if err := p.flush(ctx, false); err != nil {
				return err
			}
			if err := p.options.Clock.Wait(ctx, wait); err != nil {
				return err
			}
		}
		if err := put(ctx, p.queues[p.queueOf(e)], task{event: e, position: position}); err != nil {
			return err
		}
		position++
	}
	return p.flush(ctx, true)
}

// isCommon reports whether all other events build on one.
func (e *Event) isCommon() bool { return e.Model == "" && e.Kind != KindPrices }

// queueOf returns the worker of an event.
func (p *player) queueOf(e Event) int {
	if e.Kind == KindPrices {
		return p.options.Workers
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(e.Model)) // a hash takes every write
	return int(h.Sum32() % uint32(p.options.Workers))
}

// flush makes every worker send what it holds, and may wait until all have.
func (p *player) flush(ctx context.Context, wait bool) error {
	var flushed sync.WaitGroup
	for _, queue := range p.queues {
		flushed.Add(1)
		if err := put(ctx, queue, task{flushed: &flushed}); err != nil {
			return err
		}
	}
	if wait {
		flushed.Wait() // a worker whose context is done answers at once
	}
	return ctx.Err()
}

func put(ctx context.Context, queue chan<- task, t task) error {
	select {
	case queue <- t:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pace says when events are due.
type pace struct {
	clock  Clock
	speed  float64
	lead   time.Duration // 0 is none that counts
	origin time.Time     // of the events
	began  time.Time     // by the clock
}

// now is the time on the wall: a clock that stands still while a machine sleeps would
// leave the season behind.
func (p *pace) now() time.Time { return p.clock.Now().Round(0) }

// until returns how long it is until an event is due.
func (p *pace) until(e Event) time.Duration {
	if p.speed == 0 || e.isCommon() {
		return 0
	}
	now := p.now()
	if p.began.IsZero() {
		p.origin, p.began = e.At, now
	}
	due := p.began.Add(time.Duration(float64(e.At.Sub(p.origin)) / p.speed))
	if earliest := e.At.Add(-p.lead); p.lead > 0 && due.Before(earliest) {
		due = earliest
	}
	return due.Sub(now)
}

// work sends the events of one queue until it is closed.
func (p *player) work(ctx context.Context, queue <-chan task) {
	w := worker{limit: p.options.Batch, send: func(b *batch) error { return p.send(ctx, b) }}
	for t := range queue {
		var err error
		switch {
		case ctx.Err() != nil: // only what waits is reported
		case t.flushed != nil:
			err = w.flush()
		default:
			err = w.add(t)
		}
		if err != nil {
			p.cancel(err)
		}
		if t.flushed != nil {
			t.flushed.Done()
		}
	}
}

// send sends a batch and books the answer.
func (p *player) send(ctx context.Context, b *batch) error {
	results, retries, err := p.sender.send(ctx, b)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.played.Retries += retries
	if err != nil {
		return err
	}
	p.played.Requests++
	for i, r := range results {
		p.book(b, i, r)
	}
	if p.options.Acknowledged != nil {
		p.options.Acknowledged(b.events, results)
	}
	if p.options.Progress != nil {
		p.options.Progress(p.played.Items)
	}
	return nil
}

func (p *player) book(b *batch, i int, r apiclient.Result) {
	p.played.Items++
	switch r.Outcome {
	case outcomeRejected:
		p.played.Rejected++
		if len(p.played.Rejections) < maxRejections {
			rejection := Rejection{Kind: b.kind, Model: b.modelOf(i), ID: r.ID}
			if r.Error != nil {
				rejection.Status, rejection.Reason = r.Error.Status, r.Error.Detail
			}
			p.played.Rejections = append(p.played.Rejections, rejection)
		}
	case outcomeUnchanged:
		p.played.Unchanged++
	default:
		p.played.Acknowledged++
	}
}

// clock is the clock on the wall.
type clock struct{}

func (clock) Now() time.Time { return time.Now() }

func (clock) Wait(ctx context.Context, d time.Duration) error { return loop.Sleep(ctx, d) }
