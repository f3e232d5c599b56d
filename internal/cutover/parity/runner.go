package parity

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/loop"
	"nof0/internal/wire"
	"nof0/repository"
)

// RunnerOptions are what a Runner is made of.
type RunnerOptions struct {
	// Compare says what is compared; its Repos are those of Database. Where its
	// JSON is nil, nothing can be compared, and Follow only shows what others
	// have.
	Compare  Options
	Database *repository.Store
	// Interval is how far apart comparisons on schedule begin; 0 is 15 minutes.
	Interval time.Duration
	// Look is how often Follow looks at the newest reports; 0 is 10 s.
	Look       time.Duration
	Registerer prometheus.Registerer // nil registers nothing
	Logger     *slog.Logger
}

// Runner compares on demand and on schedule, keeps the reports, and shows the
// newest in metrics.
type Runner struct {
	o       RunnerOptions
	metrics *metrics
}

var _ arena.Parity = (*Runner)(nil)

const (
	defaultInterval = 15 * time.Minute
	defaultLook     = 10 * time.Second
	// kept is for how long reports are.
	kept = 30 * 24 * time.Hour
)

// NewRunner returns a Runner.
func NewRunner(o RunnerOptions) *Runner {
	o.Interval = cmp.Or(o.Interval, defaultInterval)
	o.Look = cmp.Or(o.Look, min(defaultLook, o.Interval))
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Compare.Now == nil {
		o.Compare.Now = time.Now
	}
	return &Runner{o: o, metrics: newMetrics(o.Registerer)}
}

// Run compares domains, all where none is named, and keeps the reports. It
// fails with arena.ErrUnavailable where there is no JSON side.
func (r *Runner) Run(ctx context.Context, domains ...arena.Domain) (*Report, error) {
	if r.o.Compare.JSON == nil {
		return nil, errNoJSON
	}
	o := r.o.Compare
	o.Domains = domains
	report, err := Run(ctx, o)
	if err != nil {
		r.metrics.failures.Inc()
		return nil, err
	}
	r.metrics.took(report.Took)
	runs := make([]*wire.ParityRun, len(report.Domains))
	for i := range report.Domains {
		runs[i] = &report.Domains[i]
		r.metrics.show(runs[i])
	}
	return report, record(ctx, r.o.Compare.Repos.Parity, runs...)
}

// Runs returns the newest n reports of a domain, of all where it is "", newest
// first.
func (r *Runner) Runs(ctx context.Context, domain arena.Domain, n int) ([]wire.ParityRun, error) {
	rows, err := r.o.Compare.Repos.Parity.List(ctx, string(domain), n)
	if err != nil {
		return nil, err
	}
	runs := make([]wire.ParityRun, len(rows))
	for i, row := range rows {
		if runs[i], err = recorded(row); err != nil {
			return nil, err
		}
	}
	return runs, nil
}

// Compare implements arena.Parity.
func (r *Runner) Compare(ctx context.Context, domains ...arena.Domain) (*wire.ParityRuns, error) {
	report, err := r.Run(ctx, domains...)
	if err != nil {
		return nil, arena.Unavailable(err)
	}
	return &wire.ParityRuns{Runs: report.Domains}, nil
}

// List implements arena.Parity.
func (r *Runner) List(ctx context.Context, d arena.Domain, limit int) (*wire.ParityRuns, error) {
	runs, err := r.Runs(ctx, d, limit)
	if err != nil {
		return nil, arena.Unavailable(err)
	}
	return &wire.ParityRuns{Runs: runs}, nil
}

// Follow shows the newest reports, whoever made them, and compares the domains
// once their reports are older than the interval, until ctx ends. Of several
// processes one compares. Domains whose writes go to the store alone are left out:
// their files grow old, and what these lack is no news.
func (r *Runner) Follow(ctx context.Context) {
	loop.New(loop.Options{
		Name: "compare the two sources", Interval: r.o.Look, Logger: r.o.Logger, Registerer: r.o.Registerer,
		Round: func(ctx context.Context) (more bool, err error) { return false, r.look(ctx) },
	}).Run(ctx)
}

func (r *Runner) look(ctx context.Context) error {
	due, _, err := r.due(ctx)
	if err != nil || !due || r.o.Compare.JSON == nil {
		return err
	}
	return r.o.Database.InTx(ctx, func(ctx context.Context, tx repository.Repositories) error {
		if locked, err := tx.Parity.TryLock(ctx); err != nil || !locked {
			return err
		}
		if err := tx.Locks.WorkBeside(ctx); err != nil {
			return err
		}
		// Somebody may have done it since.
		due, domains, err := r.due(ctx)
		if err != nil || !due {
			return err
		}
		report, err := r.Run(ctx, domains...)
		if err != nil {
			return err
		}
		r.log(ctx, report)
		_, err = tx.Parity.Prune(ctx, r.o.Compare.Now().Add(-kept))
		return err
	})
}

// due shows the newest report of each domain that is compared on schedule, and reports
// whether one is missing or too old.
func (r *Runner) due(ctx context.Context) (due bool, domains []arena.Domain, err error) {
	switches, err := r.o.Compare.Repos.Rollout.Switches(ctx)
	if err != nil {
		return false, nil, err
	}
	for _, d := range arena.Domains() {
		if slices.ContainsFunc(switches, func(s entities.RolloutSwitch) bool {
			return s.Domain == string(d) && s.WriteMode == string(arena.WriteStore)
		}) {
			r.metrics.forget(d)
			continue
		}
		domains = append(domains, d)
		newest, err := r.Runs(ctx, d, 1)
		if err != nil {
			return false, nil, err
		}
		if len(newest) == 0 {
			due = true
			continue
		}
		r.metrics.show(&newest[0])
		due = due || r.o.Compare.Now().Sub(wire.Time(newest[0].RanAt)) >= r.o.Interval
	}
	return due, domains, nil
}

func (r *Runner) log(ctx context.Context, report *Report) {
	for _, run := range report.Domains {
		level := slog.LevelInfo
		if run.Verdict == wire.VerdictDifferent {
			level = slog.LevelWarn
		}
		r.o.Logger.Log(ctx, level, "the two sources were compared",
			slog.String("domain", run.Domain), slog.String("verdict", run.Verdict),
			slog.Int("differences", run.Counts.Differences), slog.Int("compared", run.Counts.Compared))
	}
}
