package handlers

import (
	"context"
	"testing"
	"time"

	"nof0/internal/arena"
)

func TestARequestPastItsDeadline(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.Config.RequestTimeout = time.Nanosecond })
	b.answers.answer = func(ctx context.Context, _ arena.Request) (*arena.Answer, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	w := b.do("GET", "/api/trades")
	if p := problemIn(t, w); p.Status != 503 || p.Type != problemTimeout {
		t.Errorf("%+v", p)
	}
	wantHeader(t, w.Header(), "Retry-After", "5")
	if got := b.metrics.last(t); got.status != 503 {
		t.Errorf("observed %+v", got)
	}
}

func TestTheDeadlineIsTheConfiguredOne(t *testing.T) {
	t.Parallel()
	for limit, want := range map[time.Duration]bool{time.Minute: true, 0: false} {
		b := setup(t, func(o *Options) { o.Config.RequestTimeout = limit })
		b.answers.answer = func(ctx context.Context, _ arena.Request) (*arena.Answer, error) {
			if _, has := ctx.Deadline(); has != want {
				t.Errorf("limit %s: deadline %t", limit, has)
			}
			return smallAnswer(), nil
		}
		b.do("GET", "/api/trades")
	}
}
