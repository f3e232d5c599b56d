package recompute

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/prometheus/client_golang/prometheus"

	"nof0/entities"
	"nof0/internal/loop"
	"nof0/repository"
)

// Options are what a Job is made of.
type Options struct {
	Store *repository.Store
	// AfterCommit, where given, is called with the events of each commit.
	AfterCommit func(ctx context.Context, events []entities.OutboxEvent)
	// NotFinite, where given, is called with the members that a document lacks because no
	// double can hold them.
	NotFinite  func(ctx context.Context, view string, absent []jsontext.Pointer)
	Registerer prometheus.Registerer // nil registers nothing
	Logger     *slog.Logger
	Now        func() time.Time

	// Debounce is how far apart rounds begin that kicks ask for; 0 is 1 s.
	Debounce time.Duration
	// Interval is how often the job looks without a kick; 0 is 1 min.
	Interval time.Duration
}

// Outcome is what became of the metrics of a model.
type Outcome string

// The outcomes.
const (
	Updated   Outcome = "updated"   // another document is stored
	Unchanged Outcome = "unchanged" // the stored one says the same
	NoFacts   Outcome = "no facts"  // there is neither trade nor decision
	Busy      Outcome = "busy"      // somebody else is computing
)

// Result is about one account: a model in a competition.
type Result struct {
	Competition string  `json:"competition"`
	Model       string  `json:"model"`
	Outcome     Outcome `json:"outcome"`
	// Whole says that every fact was read, not just what is new.
	Whole     bool          `json:"whole"`
	Trades    int64         `json:"trades"`    // that were read
	Decisions int64         `json:"decisions"` // that were read
	Elapsed   time.Duration `json:"elapsed_ns"`
}

// Job computes metrics when there are new facts.
type Job struct {
	o       Options
	metrics *metrics
	loop    *loop.Loop
}

// New makes a job.
func New(o Options) *Job {
	o.Debounce = cmp.Or(o.Debounce, time.Second)
	o.Interval = cmp.Or(o.Interval, time.Minute)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.AfterCommit == nil {
		o.AfterCommit = func(context.Context, []entities.OutboxEvent) {}
	}
	j := &Job{o: o, metrics: newMetrics(o.Registerer)}
	j.loop = loop.New(loop.Options{
		Name: "compute metrics", Round: j.next, Interval: o.Interval, Apart: o.Debounce, Logger: o.Logger, Registerer: o.Registerer,
	})
	return j
}

// Kick says that there may be new facts.
func (j *Job) Kick() { j.loop.Kick() }

// Run computes until ctx ends. A failure is logged, and tried again.
func (j *Job) Run(ctx context.Context) { j.loop.Run(ctx) }

// next is a round of the loop.
func (j *Job) next(ctx context.Context) (more bool, err error) {
	busy, err := j.round(ctx)
	if busy && err == nil {
		j.Kick() // whoever is at it may have begun before what is new
	}
	return false, err
}

// round computes every account that is behind. One that fails does not keep the
// others from it.
func (j *Job) round(ctx context.Context) (busy bool, err error) {
	competitions, err := j.o.Store.Competitions.All(ctx)
	if err != nil {
		return false, err
	}
	var errs []error
	for _, competition := range competitions {
		store := j.o.Store.In(competition.ID)
		models, err := store.Recompute.Stale(ctx, Version)
		if err != nil {
			return false, err
		}
		for _, model := range models {
			r, err := j.compute(ctx, store, model, false)
			switch {
			case errors.Is(err, repository.ErrUnavailable) || ctx.Err() != nil:
				return false, err
			case err != nil:
				errs = append(errs, err)
			case r.Outcome == Busy:
				return true, errors.Join(errs...)
			}
		}
	}
	return false, errors.Join(errs...)
}

// compute brings the metrics of one model up to date, in the competition of the
// store; whole reads every fact.
func (j *Job) compute(ctx context.Context, store *repository.Store, model string, whole bool) (r Result, err error) {
	began := time.Now()
	var events []entities.OutboxEvent
	var absent []jsontext.Pointer
	err = store.InTxRetrying(ctx, func(ctx context.Context, tx repository.Repositories) error {
		events = nil
		claimed, err := tx.Recompute.Begin(ctx)
		if err != nil {
			return err
		}
		if !claimed {
			r = Result{Model: model, Outcome: Busy}
			return nil
		}
		c := &computation{tx: tx, model: model, now: j.o.Now().UTC().Truncate(time.Microsecond)}
		r, events, err = c.run(ctx, whole)
		absent = c.absent
		return err
	})
	r.Competition = store.Competition()
	if err != nil {
		return r, fmt.Errorf("error computing the metrics of %s in %s: %w", model, r.Competition, err)
	}
	r.Elapsed = time.Since(began)
	j.metrics.observe(r)
	if len(absent) > 0 && j.o.NotFinite != nil {
		j.o.NotFinite(ctx, "analytics", absent)
	}
	if len(events) > 0 {
		j.o.AfterCommit(ctx, events)
	}
	return r, nil
}

// busyPause is how often All asks whether another run has ended.
const busyPause = 50 * time.Millisecond

// All computes the metrics of the given models from every fact, however far they
// have come, in each competition that they take part in. It waits for a run that is
// under way elsewhere. Progress, where given, is called with how many accounts are done.
func (j *Job) All(ctx context.Context, models []string, progress func(done, total int)) ([]Result, error) {
	competitions, err := j.o.Store.Competitions.All(ctx)
	if err != nil {
		return nil, err
	}
	type account struct {
		store *repository.Store
		model string
	}
	var accounts []account
	for _, competition := range competitions {
		store := j.o.Store.In(competition.ID)
		participants, err := store.Models.Participants(ctx)
		if err != nil {
			return nil, err
		}
		for _, model := range models {
			if slices.ContainsFunc(participants, func(m entities.Model) bool { return m.ID == model }) {
				accounts = append(accounts, account{store, model})
			}
		}
	}
	results := make([]Result, 0, len(accounts))
	for i, a := range accounts {
		for {
			r, err := j.compute(ctx, a.store, a.model, true)
			if err != nil {
				return results, err
			}
			if r.Outcome != Busy {
				results = append(results, r)
				break
			}
			if err := loop.Sleep(ctx, busyPause); err != nil {
				return results, err
			}
		}
		if progress != nil {
			progress(i+1, len(accounts))
		}
	}
	return results, nil
}
