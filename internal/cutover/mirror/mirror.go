package mirror

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"nof0/internal/arena"
	"nof0/internal/catalogue"
	"nof0/internal/cutover/jsonstore"
	"nof0/internal/loop"
	"nof0/internal/snapshot"
	"nof0/internal/wire"
	"nof0/repository"
)

// Options are what a Mirror is made of.
type Options struct {
	Dir             string // the JSON directory
	Store           *repository.Store
	PrimaryProvider string
	// Competition is the configured default, which the files are of; "" is the
	// running one that started last.
	Competition string
	Registerer  prometheus.Registerer // nil registers nothing
	Logger      *slog.Logger
	Now         func() time.Time

	// Interval is how often the outbox is looked at; 0 is 500 ms.
	Interval time.Duration
	// MaxBackoff bounds the wait after a failure; 0 is 5 s.
	MaxBackoff time.Duration
	// LagInterval is how often the lag is measured; 0 is 5 s.
	LagInterval time.Duration
	// Rendered, where given, is called between the reading of a domain and the
	// replacement of its files.
	Rendered func(domain arena.Domain)
}

func (o Options) withDefaults() Options {
	o.Interval = cmp.Or(o.Interval, 500*time.Millisecond)
	o.MaxBackoff = cmp.Or(o.MaxBackoff, 5*time.Second)
	o.LagInterval = cmp.Or(o.LagInterval, 5*time.Second)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rendered == nil {
		o.Rendered = func(arena.Domain) {}
	}
	return o
}

// Mirror renders the files of a JSON directory from Postgres. Several processes
// may have one each on the same directory.
type Mirror struct {
	o       Options
	metrics *metrics
	loop    *loop.Loop
	// shown are the events that wait to be relayed and that files show already.
	shown map[snapshot.Kind]waiting
}

// waiting are events by type that are committed and not relayed.
type waiting map[string]repository.Waiting

// New makes a mirror.
func New(o Options) *Mirror {
	o = o.withDefaults()
	made := &Mirror{o: o, metrics: newMetrics(o.Registerer), shown: map[snapshot.Kind]waiting{}}
	made.loop = loop.New(loop.Options{
		Name: "render the JSON files", Interval: o.Interval, Apart: minPause, Rests: true, MaxBackoff: o.MaxBackoff, Logger: o.Logger,
		Registerer: o.Registerer,
		Round:      func(ctx context.Context) (more bool, err error) { return false, made.round(ctx) },
	})
	return made
}

// Render makes the files of domains what the store answers, and notes that they
// have followed up to now. It is for a transaction that holds the rollout lock;
// when the transaction is rolled back, the files are ahead of what is noted,
// which does no harm. On an error some files may have been replaced.
func (m *Mirror) Render(ctx context.Context, repos repository.Repositories, domains ...arena.Domain) error {
	repos, err := m.bound(ctx, repos)
	if err != nil {
		return err
	}
	// What is committed from here on comes with a later event.
	_, newest, err := repos.Outbox.Bounds(ctx)
	if err != nil {
		return err
	}
	for _, domain := range domains {
		if err := m.render(ctx, repos, domain, filesOf(domain)); err != nil {
			return err
		}
	}
	if slices.Contains(domains, arena.DomainPositions) {
		if err := m.renderLedger(ctx, repos); err != nil {
			return err
		}
	}
	return m.note(ctx, repos, domains, newest)
}

// bound returns the repositories of the competition that the files are of.
func (m *Mirror) bound(ctx context.Context, repos repository.Repositories) (repository.Repositories, error) {
	competition, err := arena.DefaultCompetition(ctx, repos, m.o.Competition)
	return repos.In(competition), err
}

// renderLedger lets those who write to the files alone from now on know, as
// Postgres does, which fills have been applied and which positions closed.
func (m *Mirror) renderLedger(ctx context.Context, repos repository.Repositories) error {
	closed, err := repos.Positions.NewestClosed(ctx, m.o.PrimaryProvider, jsonstore.LedgerSize)
	if err != nil {
		return err
	}
	trades, err := repos.Trades.Newest(ctx, jsonstore.LedgerSize)
	if err != nil {
		return err
	}
	facts, err := repos.Positions.LedgerFacts(ctx, m.o.PrimaryProvider, trades)
	if err != nil {
		return err
	}
	applied := make(map[string][]string)
	for _, t := range slices.Backward(trades) {
		applied[t.ModelID] = append(applied[t.ModelID], t.ID)
	}
	return snapshot.Edit(ctx, m.o.Dir, func(e *snapshot.Editing) error {
		return e.PutLedger(snapshot.Ledger{Applied: applied, Closed: closed, Facts: facts})
	})
}

func filesOf(domain arena.Domain) []file {
	return slices.DeleteFunc(files(), func(f file) bool { return f.domain != domain })
}

// render replaces files of a domain.
func (m *Mirror) render(ctx context.Context, repos repository.Repositories, domain arena.Domain, files []file) error {
	err := m.replace(ctx, repos, domain, files)
	if err != nil && ctx.Err() == nil {
		m.metrics.failures.WithLabelValues(string(domain)).Inc()
	}
	if err != nil {
		return fmt.Errorf("error rendering the JSON files of %s: %w", domain, err)
	}
	return nil
}

func (m *Mirror) replace(ctx context.Context, repos repository.Repositories, domain arena.Domain, files []file) error {
	r := &renderer{Store: arena.NewStore(repos, m.o.PrimaryProvider, m.o.Now), repos: repos}
	payloads := make([]any, len(files))
	for i, f := range files {
		var err error
		if payloads[i], err = f.render(ctx, r); err != nil {
			return err
		}
	}
	m.o.Rendered(domain)
	return snapshot.Edit(ctx, m.o.Dir, func(e *snapshot.Editing) error {
		for i, f := range files {
			replaced, err := e.Put(f.kind, "", payloads[i])
			if err != nil {
				return err
			}
			if replaced {
				m.metrics.replaced.WithLabelValues(snapshot.FileName(f.kind, "")).Inc()
			}
			if docs, ok := payloads[i].(wire.Analytics); ok {
				if err := removeSingles(e, docs); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// removeSingles removes the files of one model each that would add a document
// to those of analytics.json.
func removeSingles(e *snapshot.Editing, docs wire.Analytics) error {
	models, err := e.Models(snapshot.ModelAnalytics)
	if err != nil || len(models) == 0 {
		return err
	}
	listed := make(map[string]bool)
	for _, raw := range docs.Analytics {
		doc, err := wire.Decode[wire.AnalyticsDoc](raw)
		if err != nil {
			return err
		}
		listed[doc.ModelID] = true
	}
	for _, model := range models {
		if listed[model] {
			continue // analytics.json counts
		}
		if err := e.Remove(snapshot.ModelAnalytics, model); err != nil {
			return err
		}
	}
	return nil
}

func (m *Mirror) note(ctx context.Context, repos repository.Repositories, domains []arena.Domain, sequence int64) error {
	names := make([]string, len(domains))
	for i, d := range domains {
		names[i] = string(d)
	}
	return repos.Mirror.Set(ctx, names, sequence, m.o.Now())
}

// Kick makes Follow look at the outbox at once.
func (m *Mirror) Kick() { m.loop.Kick() }

// minPause is how far apart rounds begin at least that a kick asks for.
const minPause = 50 * time.Millisecond

// Follow keeps the files of the domains that are written to both sides up to
// date until ctx ends. After a failure it tries again and again: what waits is
// in Postgres.
func (m *Mirror) Follow(ctx context.Context) {
	var lag sync.WaitGroup
	lag.Go(func() {
		loop.New(loop.Options{Name: "measure the JSON files", Round: m.measureLag, Interval: m.o.LagInterval}).Run(ctx)
	})
	defer lag.Wait()
	m.loop.Run(ctx)
}

// round renders what events have changed since the last one. It holds the
// rollout lock from before it reads the switches until what it did is noted.
func (m *Mirror) round(ctx context.Context) error {
	var failed error
	err := m.o.Store.InTx(ctx, func(ctx context.Context, tx repository.Repositories) error {
		claimed, err := tx.Mirror.Claim(ctx)
		if err != nil || !claimed {
			return err
		}
		if err := tx.Locks.WorkBeside(ctx); err != nil {
			return err
		}
		if err := tx.Locks.Hold(ctx, []repository.Lock{repository.LockRollout}); err != nil {
			return err
		}
		followed, err := m.followed(ctx, tx)
		if err != nil || len(followed) == 0 {
			return err
		}
		if tx, err = m.bound(ctx, tx); err != nil {
			return err
		}
		failed, err = m.follow(ctx, tx, followed)
		return err
	})
	return errors.Join(failed, err)
}

// followed returns the domains that are written to both sides, each with the
// sequence up to which its files have followed, -1 where they never did.
func (m *Mirror) followed(ctx context.Context, repos repository.Repositories) (map[arena.Domain]int64, error) {
	switches, err := repos.Rollout.Switches(ctx)
	if err != nil {
		return nil, err
	}
	followed := make(map[arena.Domain]int64)
	for _, s := range switches {
		if s.WriteMode == string(arena.WriteBoth) {
			followed[arena.Domain(s.Domain)] = -1
		}
	}
	if len(followed) == 0 {
		return followed, nil
	}
	positions, err := repos.Mirror.Positions(ctx)
	for _, p := range positions {
		if _, follows := followed[arena.Domain(p.Domain)]; follows {
			followed[arena.Domain(p.Domain)] = p.Sequence
		}
	}
	return followed, err
}

// relayPatience is how long an event may wait for the relay before the files
// show it without. The relay waits for Redis; the files do not.
const relayPatience = 500 * time.Millisecond

// follow renders the files of domains that events change. A domain that fails
// keeps no other from following, and what they did is to be committed: failed is
// distinguished from an error of the transaction.
func (m *Mirror) follow(ctx context.Context, tx repository.Repositories, followed map[arena.Domain]int64) (failed, err error) {
	oldest, newest, err := tx.Outbox.Bounds(ctx)
	if err != nil {
		return nil, err
	}
	since := newest
	for _, position := range followed {
		since = min(since, position)
	}
	types, err := tx.Outbox.TypesSince(ctx, since, catalogue.EventsOfAccounts())
	if err != nil {
		return nil, err
	}
	stuck, err := tx.Outbox.WaitingSince(ctx, m.o.Now().Add(-relayPatience), catalogue.EventsOfAccounts())
	if err != nil {
		return nil, err
	}
	var done []arena.Domain
	for domain, position := range followed {
		files := filesOf(domain)
		if isKept := position >= oldest-1 && position <= newest && position >= 0; isKept {
			files = slices.DeleteFunc(files, func(f file) bool {
				return !f.changed(types, position) && maps.Equal(f.among(stuck), m.shown[f.kind])
			})
		}
		if len(files) > 0 {
			if err := m.render(ctx, tx, domain, files); err != nil {
				failed = errors.Join(failed, err)
				continue
			}
		}
		for _, f := range files {
			m.shown[f.kind] = f.among(stuck)
		}
		if position != newest {
			done = append(done, domain)
		}
	}
	if len(done) > 0 {
		err = m.note(ctx, tx, done, newest)
	}
	return failed, err
}

// typesOf are the events that change any file of domains.
func typesOf(domains map[arena.Domain]int64) []string {
	var types []string
	for _, f := range files() {
		if _, follows := domains[f.domain]; follows {
			types = append(types, f.events...)
		}
	}
	slices.Sort(types)
	return slices.Compact(types)
}

// measureLag brings the gauges up to date.
func (m *Mirror) measureLag(ctx context.Context) (more bool, err error) {
	events, since, err := m.lag(ctx)
	if err != nil {
		return false, err
	}
	m.metrics.waiting.Set(float64(events))
	age := 0.0
	if !since.IsZero() {
		age = max(m.o.Now().Sub(since).Seconds(), 0)
	}
	m.metrics.lag.Set(age)
	return false, nil
}

// lag returns how many committed events change files that have not followed
// them, and since when the oldest does.
func (m *Mirror) lag(ctx context.Context) (events int64, since time.Time, err error) {
	followed, err := m.followed(ctx, m.o.Store.Repositories)
	if err != nil || len(followed) == 0 {
		return 0, time.Time{}, err
	}
	behind := int64(-1)
	for _, position := range followed {
		if behind < 0 || position < behind {
			behind = position
		}
	}
	return m.o.Store.Outbox.Behind(ctx, behind, typesOf(followed))
}
