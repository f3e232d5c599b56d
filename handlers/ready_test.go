package handlers

import (
	"context"
	"errors"
	"strings"
	"testing"

	"nof0/internal/arena"
)

func withReady(err error) func(*Options) {
	return func(o *Options) { o.Ready = func(context.Context) (degraded, _ error) { return nil, err } }
}

func TestReady(t *testing.T) {
	t.Parallel()
	w := setup(t, withReady(nil)).do("GET", "/readyz")
	if w.Code != 200 || w.Body.String() != `{"status":"ready"}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	wantHeader(t, w.Header(), "Cache-Control", "no-store")
}

func TestReadyThoughDegraded(t *testing.T) {
	t.Parallel()
	b := setup(t, withReady(nil), func(o *Options) {
		o.Ready = func(context.Context) (degraded, err error) { return errors.New(`redis is "another's"`), nil }
	})
	w := b.do("GET", "/readyz")
	if w.Code != 200 || w.Body.String() != `{"status":"ready","degraded":"redis is \"another's\""}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestNotReady(t *testing.T) {
	t.Parallel()
	for _, reason := range []error{
		errors.New("dial 10.0.0.7:5432"), arena.ErrUnavailable, context.DeadlineExceeded, arena.ErrUnknownModel,
	} {
		b := setup(t, withReady(reason))
		w := b.do("GET", "/readyz")
		if p := problemIn(t, w); p.Status != 503 || p.Type != problemNotReady {
			t.Errorf("%+v", p)
		}
		wantHeader(t, w.Header(), "Retry-After", "5")
		if strings.Contains(w.Body.String(), reason.Error()) {
			t.Errorf("%s leaks", w.Body)
		}
		if !strings.Contains(b.logs.String(), reason.Error()) {
			t.Errorf("the log does not say why: %s", b.logs)
		}
	}
}

func TestReadinessIsAskedWithADeadline(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) {
		o.Ready = func(ctx context.Context) (degraded, err error) {
			if _, ok := ctx.Deadline(); !ok {
				t.Error("no deadline")
			}
			return nil, nil
		}
	})
	b.do("GET", "/readyz")
}
