package parity

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"nof0/internal/arena"
	"nof0/internal/cutover/jsonstore"
	"nof0/internal/loop"
	"nof0/internal/wire"
	"nof0/repository"
)

// Options say what is compared.
type Options struct {
	JSON *jsonstore.Source
	// Store answers from repositories.
	Store func(repository.Repositories) arena.Source
	Repos repository.Repositories
	// Competition is the configured default, which the JSON side has; "" is the
	// running one that started last.
	Competition string
	// Domains are those to compare; none is all of them.
	Domains []arena.Domain
	// Confirm is how both sides are read again where they differ.
	Confirm Confirm
	// Progress, where given, is called with how many rows of the JSON side have been
	// compared, of how many so far.
	Progress func(done, total int)
	Now      func() time.Time
}

// Confirm is how what differs is looked at again. Only what differs in the same
// way each time counts: the files follow the database by a moment.
type Confirm struct {
	Attempts int           // readings in all; below 2 is one
	Pause    time.Duration // between them
}

// DefaultConfirm outlasts the moments by which the files follow the database.
func DefaultConfirm() Confirm { return Confirm{Attempts: 5, Pause: 500 * time.Millisecond} }

// Report is the outcome of one comparison.
type Report struct {
	RanAt   float64          `json:"ran_at"` // unix seconds
	Took    time.Duration    `json:"took"`
	Verdict string           `json:"verdict"`
	Domains []wire.ParityRun `json:"domains"`
}

// Run compares the two sides, which are read past every cache. The error says
// that the store could not be asked, or that ctx has ended; what is wrong with
// the JSON side stands in the report.
func Run(ctx context.Context, o Options) (*Report, error) {
	began := o.Now()
	report := &Report{RanAt: wire.Seconds(began)}
	domains := o.Domains
	if len(domains) == 0 {
		domains = arena.Domains()
	}
	compared := make([]*comparison, len(domains))
	for i, d := range domains {
		compared[i] = &comparison{domain: d}
		for _, view := range views(d) {
			compared[i].requests = append(compared[i].requests, arena.Request{View: view})
		}
	}
	both := sources{json: o.JSON.Fresh(), files: true}
	if err := both.bind(ctx, o.Store, o.Repos, o.Competition); err != nil {
		return nil, err
	}
	done := 0
	read := func(ctx context.Context, d arena.Domain, req arena.Request) (*reading, error) {
		r, err := both.read(ctx, d, req)
		if err == nil && o.Progress != nil {
			done += r.counts.Compared
			o.Progress(done, done)
		}
		return r, err
	}
	if err := o.Confirm.compare(ctx, compared, read); err != nil {
		return nil, err
	}
	for _, c := range compared {
		report.Domains = append(report.Domains, c.run(began))
	}
	report.Took = o.Now().Sub(began)
	report.Verdict = VerdictOf(report.Domains)
	if o.JSON.Check() != nil || !slices.ContainsFunc(compared, func(c *comparison) bool { return c.held }) {
		if report.Verdict == wire.VerdictEqual {
			report.Verdict = wire.VerdictNotCompared
		}
		for i := range report.Domains {
			if report.Domains[i].Verdict == wire.VerdictEqual {
				report.Domains[i].Verdict = wire.VerdictNotCompared
			}
		}
	}
	return report, nil
}

// VerdictOf is the verdict on all domains: different where one differs, and equal where
// all are.
func VerdictOf(runs []wire.ParityRun) string {
	verdict := wire.VerdictEqual
	for _, run := range runs {
		switch {
		case run.Verdict == wire.VerdictDifferent:
			return run.Verdict
		case run.Verdict != wire.VerdictEqual:
			verdict = run.Verdict
		}
	}
	return verdict
}

// comparison is what has been found in a domain so far.
type comparison struct {
	domain   arena.Domain
	requests []arena.Request
	counts   wire.ParityCounts
	held     bool
	notHeld  []string
	suspects []wire.ParityFinding // seen in every reading
	refused  []wire.ParityFinding // rows of the JSON side
	informs  []wire.ParityFinding
}

// compare reads what is asked for, and again what differs, until it no longer
// does or has done so each time.
func (c Confirm) compare(ctx context.Context, all []*comparison, read func(context.Context, arena.Domain, arena.Request) (*reading, error)) error {
	pending := all
	for attempt := 1; len(pending) > 0; attempt++ {
		var again []*comparison
		for _, one := range pending {
			if err := one.reread(ctx, attempt == 1, read); err != nil {
				return err
			}
			if len(one.suspects) > 0 {
				again = append(again, one)
			}
		}
		if pending = again; len(pending) == 0 || attempt >= c.Attempts {
			return nil
		}
		if err := loop.Sleep(ctx, c.Pause); err != nil {
			return fmt.Errorf("error waiting to read both sides again: %w", err)
		}
	}
	return nil
}

// reread replaces what was found by what is still the same.
func (c *comparison) reread(ctx context.Context, first bool, read func(context.Context, arena.Domain, arena.Request) (*reading, error)) error {
	var found []wire.ParityFinding
	c.counts, c.held, c.notHeld, c.informs, c.refused = wire.ParityCounts{}, false, nil, nil, nil
	for _, req := range c.requests {
		r, err := read(ctx, c.domain, req)
		if err != nil {
			return err
		}
		if r.held {
			c.held = true
		} else {
			c.notHeld = append(c.notHeld, string(r.view))
		}
		c.counts.Compared += r.counts.Compared
		c.counts.Equal += r.counts.Equal
		c.counts.OnlyStore += r.counts.OnlyStore
		for _, f := range r.findings {
			switch f.Kind {
			case wire.FindingInformation:
				c.informs = append(c.informs, f)
			case wire.FindingRefused:
				c.refused = append(c.refused, f)
			default:
				found = append(found, f)
			}
		}
	}
	if first {
		c.suspects = found
	} else {
		seen := make(map[string]bool, len(found))
		for _, f := range found {
			seen[sameness(f)] = true
		}
		c.suspects = slices.DeleteFunc(c.suspects, func(f wire.ParityFinding) bool { return !seen[sameness(f)] })
	}
	c.counts.Moving = max(len(found)-len(c.suspects), 0)
	return nil
}

// sameness is what has to be the same in each reading. Of state that cannot be
// compared that is the JSON side's alone: the store's may go on.
func sameness(f wire.ParityFinding) string {
	store := string(f.Store)
	if f.Kind == wire.FindingNotCompared {
		store = ""
	}
	parts := []string{f.View, f.Model, f.ID, f.Field, f.Kind, presence(f.JSON != nil), string(f.JSON), presence(f.Store != nil), store}
	var key strings.Builder
	for _, p := range parts {
		fmt.Fprintf(&key, "%d:%s", len(p), p)
	}
	return key.String()
}

func presence(there bool) string { return fmt.Sprint(there) }

// run is the report of the domain.
func (c *comparison) run(ranAt time.Time) wire.ParityRun {
	run := wire.ParityRun{
		Domain: string(c.domain), RanAt: wire.Seconds(ranAt), Verdict: wire.VerdictEqual,
		Counts: c.counts, NotHeld: c.notHeld, Findings: []wire.ParityFinding{}, Information: c.informs,
	}
	for _, f := range c.suspects {
		if f.Fault() {
			run.Counts.Differences++
			run.Findings = append(run.Findings, f)
		}
	}
	for _, f := range c.suspects {
		if !f.Fault() {
			run.Counts.NotCompared++
			run.Findings = append(run.Findings, f)
		}
	}
	run.Findings = append(run.Findings, c.refused...)
	switch {
	case run.Counts.Differences > 0:
		run.Verdict = wire.VerdictDifferent
	case run.Counts.NotCompared > 0:
		run.Verdict = wire.VerdictNotCompared
	}
	return run
}
