package handlers

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"nof0/internal/arena"
	"nof0/internal/wire"
)

func TestErrorsBecomeProblems(t *testing.T) {
	t.Parallel()
	secret := &fs.PathError{Op: "open", Path: "/srv/data/trades.json", Err: errors.New("SELECT * FROM trades")}
	for name, c := range map[string]struct {
		err    error
		status int
		kind   problemType
	}{
		"unknown model":        {fmt.Errorf("reading %w: %w", secret, arena.ErrUnknownModel), 404, problemUnknownModel},
		"unknown symbol":       {fmt.Errorf("reading %w: %w", secret, arena.ErrUnknownSymbol), 404, problemUnknownSymbol},
		"unavailable":          {fmt.Errorf("%w: %w", arena.ErrUnavailable, secret), 503, problemUnavailable},
		"unavailable, unknown": {errors.Join(arena.ErrUnknownModel, arena.ErrUnavailable), 503, problemUnavailable},
		"deadline elsewhere":   {fmt.Errorf("%w: %w", context.DeadlineExceeded, secret), 503, problemUnavailable},
		"cancelled elsewhere":  {fmt.Errorf("%w: %w", context.Canceled, secret), 503, problemUnavailable},
		"invalid content":      {fmt.Errorf("%w: %w", secret, wire.Faults{{Path: "/price", Reason: "is missing"}}), 422, problemInvalidContent},
		"invalid parameters":   {&parameterError{wire.Faults{{Path: "/limit", Reason: "is wrong"}}}, 400, problemInvalidParameter},
		"not in the files":     {fmt.Errorf("%w: %w", secret, &arena.NotInFilesError{Domain: arena.DomainPositions}), 501, problemNotInFiles},
		"a page's parameter":   {fmt.Errorf("%w: %w", secret, &arena.ParameterError{Name: "cursor", Reason: "is wrong"}), 400, problemInvalidParameter},
		"anything else":        {secret, 500, problemInternal},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.failWith(c.err)
			w := b.do("GET", "/api/analytics/gpt-5")
			p := problemIn(t, w)
			if p.Status != c.status || p.Type != c.kind {
				t.Errorf("%+v", p)
			}
			if p.Instance != "/api/analytics/gpt-5" {
				t.Errorf("instance is %q", p.Instance)
			}
			if (p.Errors != nil) != (c.status == 400 || c.status == 422) {
				t.Errorf("errors are %+v", p.Errors)
			}
			for _, leak := range []string{"/srv", "trades.json", "SELECT", "open"} {
				if strings.Contains(w.Body.String(), leak) {
					t.Errorf("%s leaks %q", w.Body, leak)
				}
			}
			if got := w.Header().Get("Retry-After"); (got == "5") != (c.status == 503) {
				t.Errorf("Retry-After is %q", got)
			}
			for _, name := range []string{"Etag", "Last-Modified", "Content-Encoding", headerSource} {
				wantHeader(t, w.Header(), name, "")
			}
			if got := b.logs.lines(t, "request")[0]["error"]; got != c.err.Error() {
				t.Errorf("the log says %q", got)
			}
			if got := b.metrics.last(t); got.status != c.status {
				t.Errorf("observed %+v", got)
			}
		})
	}
}

func TestAClientThatIsGone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, leave := context.WithCancel(t.Context())
	b.answers.answer = func(ctx context.Context, _ arena.Request) (*arena.Answer, error) {
		leave()
		<-ctx.Done()
		// Whatever the arena makes of it.
		return nil, fmt.Errorf("%w: %w", arena.ErrUnavailable, ctx.Err())
	}
	w := b.doContext(ctx, "/api/trades")
	if w.Body.Len() != 0 {
		t.Errorf("body %s", w.Body)
	}
	if got := b.metrics.last(t); got.status != 499 {
		t.Errorf("observed %+v", got)
	}
	if got := b.logs.lines(t, "request")[0]; got["level"] != "INFO" || got["status"] != 499.0 {
		t.Errorf("the log says %v", got)
	}
}
