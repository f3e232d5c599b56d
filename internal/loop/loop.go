// Package loop does work in rounds, beside the requests, until the process stops.
package loop

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Options say what a Loop does, and when.
type Options struct {
	// Name says in the log what is done: "relay events".
	Name string
	// Round does the work once. More says that there is more to do at once.
	Round func(ctx context.Context) (more bool, err error)
	// Interval is from the end of a round to the beginning of the next, where no kick
	// comes before.
	Interval time.Duration
	// Apart is from the beginning of a round that a kick asked for to the beginning of the
	// next such one at least: a kick that comes alone is followed at once, and many share a
	// round.
	Apart time.Duration
	// Rests makes the pause after a kick at least as long as the last round took, so that
	// constant kicks take at most half of the time of one processor.
	Rests bool
	// MaxBackoff bounds the wait after a failure, which begins with 50 ms and doubles; 0 is
	// Interval. No kick shortens it: hurry mends no outage.
	MaxBackoff time.Duration
	Logger     *slog.Logger // nil logs nothing
	// Registerer takes the metrics of the loop, by its name; nil takes none.
	Registerer prometheus.Registerer
}

// Loop is work that is done in rounds.
type Loop struct {
	o      Options
	kicked chan struct{}
	// said is when the failure that lasts was last logged; zero is none.
	said    time.Time
	metrics metrics
}

// New makes a loop.
func New(o Options) *Loop {
	o.MaxBackoff = cmp.Or(o.MaxBackoff, o.Interval)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Loop{o: o, kicked: make(chan struct{}, 1), metrics: newMetrics(o)}
}

// Kick asks for a round before the interval is over.
func (l *Loop) Kick() {
	select {
	case l.kicked <- struct{}{}:
	default: // it has been kicked already
	}
}

const (
	minBackoff = 50 * time.Millisecond
	// reminder is how often a failure that lasts is logged.
	reminder = time.Minute
)

// Run does a round now and then again and again until ctx ends; it returns once the round
// under way has ended. A failure is logged when it begins, once a minute while it lasts, and
// when it is over.
func (l *Loop) Run(ctx context.Context) {
	var backoff time.Duration
	var asked time.Time // when the last round began that a kick asked for
	kicked := false
	for ctx.Err() == nil {
		select {
		case <-l.kicked: // this round serves whoever has kicked up to now
			kicked = true
		default:
		}
		began := time.Now()
		if kicked {
			asked, kicked = began, false
		}
		more, err := l.o.Round(ctx)
		took := time.Since(began)
		if ctx.Err() != nil {
			return
		}
		l.log(ctx, err)
		l.metrics.observe(took, err)
		if err != nil {
			backoff = Backoff(backoff, l.o.MaxBackoff)
			wait(ctx, nil, backoff)
			continue
		}
		backoff = 0
		if more {
			continue
		}
		if kicked = wait(ctx, l.kicked, l.o.Interval); kicked {
			pause := l.o.Apart - time.Since(asked)
			if l.o.Rests {
				pause = max(pause, 2*took-time.Since(began))
			}
			wait(ctx, nil, pause)
		}
	}
}

// Backoff is the wait after a failure that follows a wait of last, 0 for the first: 50 ms,
// then twice the last, up to most.
func Backoff(last, most time.Duration) time.Duration { return min(max(2*last, minBackoff), most) }

// Sleep waits for d. The error is that of ctx, where that ended before.
func Sleep(ctx context.Context, d time.Duration) error {
	wait(ctx, nil, d)
	return ctx.Err()
}

// wait waits for a kick, at most for a while, and reports whether one came.
func wait(ctx context.Context, kicked <-chan struct{}, atMost time.Duration) bool {
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-kicked:
		return true
	}
	return false
}

func (l *Loop) log(ctx context.Context, err error) {
	name := slog.String("work", l.o.Name)
	switch {
	case err != nil && time.Since(l.said) >= reminder:
		l.said = time.Now()
		l.o.Logger.WarnContext(ctx, "work fails and is tried again", name, slog.Any("error", err))
	case err == nil && !l.said.IsZero():
		l.said = time.Time{}
		l.o.Logger.InfoContext(ctx, "work goes on", name)
	}
}
