package relay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"nof0/cachelayer"
	"nof0/config"
	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/loop"
	"nof0/internal/telemetry"
	"nof0/repository"
)

// Options are what a Relay is made of.
type Options struct {
	Store           *repository.Store
	Projections     *cachelayer.Projections
	PrimaryProvider string
	// Competition is the configured default; "" is the running one that started last.
	Competition string
	TTLs        config.Cache
	// Cache is that of the views of this process; nil is none.
	Cache *cachelayer.Cache
	// Relayed, where given, is called after each commit that gave events their places.
	Relayed    func()
	Registerer prometheus.Registerer // nil registers nothing
	Tracer     trace.Tracer          // begins a span of each round that has events; nil begins none
	Logger     *slog.Logger
	Now        func() time.Time

	// Interval is how often the outbox is looked at; 0 is 200 ms.
	Interval time.Duration
	// MaxBackoff bounds the wait after a failure; 0 is 1 s.
	MaxBackoff time.Duration
	// BatchSize is how many events are relayed in one transaction, and Together of how
	// many models; 0 is 2000 and 16.
	BatchSize, Together int
	// BatchTimeout bounds that transaction; 0 is 10 s.
	BatchTimeout time.Duration
	// Workers is how many transactions are under way at once, each on a connection of
	// the pool; 0 is 4.
	Workers int
	// Tries is how often the projections of a model may fail to be built
	// before its events are relayed without those that fail; 0 is 3.
	Tries int
	// LagInterval is how often the lag is measured; 0 is 5 s.
	LagInterval time.Duration
}

func (o Options) withDefaults() Options {
	o.Interval = cmp.Or(o.Interval, 200*time.Millisecond)
	o.MaxBackoff = cmp.Or(o.MaxBackoff, time.Second)
	o.BatchSize = cmp.Or(o.BatchSize, 2000)
	o.Together = cmp.Or(o.Together, 16)
	o.BatchTimeout = cmp.Or(o.BatchTimeout, 10*time.Second)
	o.Workers = cmp.Or(o.Workers, 4)
	o.Tries = cmp.Or(o.Tries, 3)
	o.LagInterval = cmp.Or(o.LagInterval, 5*time.Second)
	if o.Relayed == nil {
		o.Relayed = func() {}
	}
	if o.Tracer == nil {
		o.Tracer = noop.Tracer{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Relay brings committed events to Redis. Several processes may run one each:
// the events of a model are relayed by one of them at a time, in order.
type Relay struct {
	o       Options
	builder *builder
	metrics *metrics
	loop    *loop.Loop
	// delivered, where given, is called between the delivery of events and the
	// commit that marks them; its error makes the commit fail.
	delivered func(events []entities.OutboxEvent) error

	redis outage // of the round alone

	mu sync.Mutex
	// failed counts by model the failures to build its projections since the
	// last time all of them could be built.
	failed map[string]int
	// unsaid are the lines about views that a commit did not invalidate.
	unsaid *telemetry.Throttle
}

// New makes a relay.
func New(o Options) *Relay {
	o = o.withDefaults()
	m := newMetrics(o.Registerer)
	keys := cachelayer.NewKeys(o.TTLs)
	r := &Relay{
		o: o,
		builder: &builder{
			projections: o.Projections, keys: keys, provider: o.PrimaryProvider, competition: o.Competition, logger: o.Logger, metrics: m,
		},
		metrics: m,
		failed:  map[string]int{},
		unsaid:  telemetry.OncePerOutage(),
	}
	r.loop = loop.New(loop.Options{
		Name: "relay events", Round: r.round, Interval: o.Interval, Apart: minPause, MaxBackoff: o.MaxBackoff, Logger: o.Logger,
		Registerer: o.Registerer,
	})
	return r
}

// Kick makes the relay look at the outbox at once.
func (r *Relay) Kick() { r.loop.Kick() }

// minPause is how far apart rounds begin that a kick asks for. A commit that
// comes alone is relayed at once; of many, those of this while go together, and
// each projection is built once for all of them.
const minPause = 50 * time.Millisecond

// Run relays until ctx ends, and returns once what was under way is finished.
// While Postgres or Redis is away it tries again and again; the events wait in
// the outbox.
func (r *Relay) Run(ctx context.Context) {
	var lag sync.WaitGroup
	lag.Go(func() {
		loop.New(loop.Options{Name: "measure the outbox", Round: r.measureLag, Interval: r.o.LagInterval}).Run(ctx)
	})
	defer lag.Wait()
	r.loop.Run(ctx)
}

// outage is how long Redis, which events are relayed to, is left alone.
type outage struct {
	backoff time.Duration // 0 where there is no outage
	until   time.Time
}

// round relays events of each model that has some, or only gives events their places
// while Redis is away: streams follow those. more says that some model has more
// of them. The error is an outage of the database, at which the round ended.
func (r *Relay) round(ctx context.Context) (more bool, err error) {
	if r.o.Projections.Yields(ctx) {
		return false, nil
	}
	if r.redis.backoff > 0 {
		if err := r.order(ctx); err != nil || time.Now().Before(r.redis.until) {
			return false, err
		}
	}
	more, err = r.relayAll(ctx)
	switch {
	case errors.Is(err, cachelayer.ErrUnavailable):
		if r.redis.backoff == 0 {
			r.o.Logger.WarnContext(ctx, "events wait for redis; streams follow without", slog.Any("error", err))
		}
		r.redis.backoff = loop.Backoff(r.redis.backoff, r.o.MaxBackoff)
		r.redis.until = time.Now().Add(r.redis.backoff)
		return false, r.order(ctx)
	case err == nil && r.redis.backoff > 0:
		r.o.Logger.InfoContext(ctx, "events are relayed to redis again")
		r.redis = outage{}
	}
	return more, err
}

// order gives the events that have none their places.
func (r *Relay) order(ctx context.Context) error {
	var ordered int64
	err := r.o.Store.InTx(ctx, func(ctx context.Context, tx repository.Repositories) (err error) {
		ordered, err = tx.Outbox.Order(ctx, r.o.Now())
		return err
	})
	if err == nil && ordered > 0 {
		r.o.Relayed()
	}
	return err
}

// relayAll relays events of each model. The error is an outage, of either store.
func (r *Relay) relayAll(ctx context.Context) (more bool, err error) {
	models, err := r.o.Store.Outbox.Pending(ctx)
	if err != nil || len(models) == 0 {
		return false, err
	}
	ctx, span := r.o.Tracer.Start(ctx, "relay", trace.WithAttributes(attribute.Int("nof0.models", len(models))))
	defer func() { telemetry.EndSpan(span, err) }()
	groups := r.grouped(models)
	var (
		mu    sync.Mutex
		group sync.WaitGroup
		queue = make(chan []string, len(groups))
	)
	for _, models := range groups {
		queue <- models
	}
	close(queue)
	for range min(r.o.Workers, len(groups)) {
		group.Go(func() {
			for models := range queue {
				mu.Lock()
				stop := err != nil || ctx.Err() != nil
				mu.Unlock()
				if stop {
					return
				}
				full, failed := r.relay(ctx, models)
				mu.Lock()
				more = more || full
				err = errors.Join(err, failed)
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return more, err
}

// grouped puts models together that share a transaction: each statement and each visit of
// Redis is then one for all of them. One whose projections could not be built is alone.
func (r *Relay) grouped(models []string) (groups [][]string) {
	var sound []string
	for _, model := range models {
		if r.failures(model) == 0 {
			sound = append(sound, model)
		} else {
			groups = append(groups, []string{model})
		}
	}
	return slices.AppendSeq(groups, slices.Chunk(sound, r.o.Together))
}

// relay relays events of models. The error is an outage. What fails of several is tried
// with each alone: what one of them is at fault for keeps no other waiting.
func (r *Relay) relay(ctx context.Context, models []string) (full bool, err error) {
	most := max(r.o.BatchSize/len(models), 1)
	events, abandoned, err := r.batch(ctx, models, most, len(models) == 1 && r.failures(models[0]) >= r.o.Tries)
	if err == nil {
		count := map[string]int{}
		for _, e := range events {
			r.metrics.relayed.WithLabelValues(typeLabel(e.Type)).Inc()
			count[e.ModelID]++
			full = full || count[e.ModelID] == most
		}
		if len(events) > 0 {
			r.o.Relayed()
		}
		if len(events) > 0 && abandoned == 0 && len(models) == 1 {
			r.setFailures(models[0], 0)
		}
		return full, nil
	}
	if len(models) > 1 && !isOutage(err) {
		for _, model := range models {
			one, err := r.relay(ctx, []string{model})
			if full = full || one; err != nil {
				return false, err
			}
		}
		return full, nil
	}
	r.metrics.failures.Inc()
	if isOutage(err) {
		return false, err
	}
	r.setFailures(models[0], r.failures(models[0])+1)
	r.o.Logger.ErrorContext(ctx, "events cannot be relayed", slog.String("model", models[0]), slog.Any("error", err))
	return false, nil
}

func (r *Relay) failures(model string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed[model]
}

func (r *Relay) setFailures(model string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n == 0 {
		delete(r.failed, model)
		return
	}
	r.failed[model] = n
}

// batch relays the oldest events of models, so many of each, in one transaction: what is
// delivered and not committed is delivered again, with the same ids. It leaves out a model
// that another relay is at.
func (r *Relay) batch(ctx context.Context, models []string, most int, lenient bool) (events []entities.OutboxEvent, abandoned int, err error) {
	// A batch that has been delivered should be marked, also when the process
	// is about to stop.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.o.BatchTimeout)
	defer cancel()
	err = r.o.Store.InTx(ctx, func(ctx context.Context, tx repository.Repositories) error {
		if events, err = tx.Outbox.Claim(ctx, models, most); err != nil || len(events) == 0 {
			return err
		}
		repos := tx
		if lenient {
			// A statement that fails must not take the transaction with it.
			repos = r.o.Store.Repositories
		}
		if abandoned, err = r.deliver(ctx, repos, events, lenient); err != nil {
			return err
		}
		if r.delivered != nil {
			if err := r.delivered(events); err != nil {
				return err
			}
		}
		return tx.Outbox.MarkRelayed(ctx, events, r.o.Now())
	})
	return events, abandoned, err
}

// deliver brings events to Redis: the views that no longer hold
// are dropped, the projections rebuilt, and the trades published, in this
// order, so that who reads of a trade in the stream finds it in the rest.
//
// A lenient delivery fails for an outage alone: what else cannot be done is left
// out, and abandoned counts it.
func (r *Relay) deliver(ctx context.Context, repos repository.Repositories, events []entities.OutboxEvent, lenient bool) (abandoned int, err error) {
	tolerate := func(what string, err error) error {
		if err == nil || !lenient || isOutage(err) {
			return err
		}
		abandoned++
		r.builder.abandon(ctx, what, err)
		return nil
	}
	c, unreadable := changesOf(events, r.o.PrimaryProvider)
	if err := tolerate("event", errors.Join(unreadable...)); err != nil {
		return abandoned, err
	}
	if err := r.invalidate(ctx, c); err != nil {
		return abandoned, err
	}
	left, err := r.builder.rebuild(ctx, repos, c, lenient)
	abandoned += left
	if err := tolerate("all", err); err != nil {
		return abandoned, err
	}
	var trades []cachelayer.TradeEvent
	for _, e := range events {
		if e.Type == arena.EventTrade {
			trades = append(trades, cachelayer.TradeEvent{ID: e.ID, Model: e.ModelID, Competition: e.CompetitionID, Payload: e.Payload})
		}
	}
	return abandoned, r.o.Projections.PublishTrades(ctx, trades)
}

// isOutage reports whether an error ends by itself, and does not come again with
// the same data.
func isOutage(err error) bool {
	return errors.Is(err, repository.ErrUnavailable) || errors.Is(err, cachelayer.ErrUnavailable) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// measureLag brings the gauges up to date.
func (r *Relay) measureLag(ctx context.Context) (more bool, err error) {
	waiting, since, err := r.o.Store.Outbox.Lag(ctx)
	if err != nil {
		return false, err
	}
	r.metrics.waiting.Set(float64(waiting))
	r.metrics.lag.Set(age(since, r.o.Now()))
	return false, nil
}

// age is how long ago a time was, in seconds; 0 for the zero time.
func age(since, now time.Time) float64 {
	if since.IsZero() {
		return 0
	}
	return max(now.Sub(since).Seconds(), 0)
}

// Warm rebuilds every projection from Postgres and drops the cached views, as
// after a Redis that came back empty. The error is an outage, or says that some
// projections could not be built, which the log names; the others are then
// rebuilt all the same.
func (r *Relay) Warm(ctx context.Context) error {
	c, _ := changesOf([]entities.OutboxEvent{{Type: arena.EventImport}}, r.o.PrimaryProvider)
	if err := r.invalidate(ctx, c); err != nil {
		return err
	}
	abandoned, err := r.builder.rebuild(ctx, r.o.Store.Repositories, c, true)
	if err == nil && abandoned > 0 {
		err = fmt.Errorf("%d projections could not be built", abandoned)
	}
	return err
}
