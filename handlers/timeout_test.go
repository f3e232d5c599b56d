package handlers

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
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

func TestTheReadTimeoutIsForReading(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.Now = time.Now })
	synctest.Test(t, func(t *testing.T) {
		client := b.serve(t, &http.Server{ReadTimeout: 15 * time.Second})
		b.answers.answer = func(ctx context.Context, _ arena.Request) (*arena.Answer, error) {
			select {
			case <-time.After(20 * time.Second): // of the bubble
				return smallAnswer(), nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		response, err := client.Get("http://nof0/api/trades")
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != 200 {
			t.Errorf("%d", response.StatusCode)
		}
		if err := response.Body.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
