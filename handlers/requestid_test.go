package handlers

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"nof0/internal/arena"
)

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	generated := strings.Repeat("0", 32)
	for name, c := range map[string]struct{ sent, want string }{
		"none":      {"", generated},
		"sane":      {"8f14e45f-ceea:~!", "8f14e45f-ceea:~!"},
		"longest":   {strings.Repeat("x", 128), strings.Repeat("x", 128)},
		"too long":  {strings.Repeat("x", 129), generated},
		"blank":     {"a b", generated},
		"new line":  {"a\nb", generated},
		"not ASCII": {"é", generated},
		"delete":    {"a\x7f", generated},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			var inContext string
			b.answers.answer = func(ctx context.Context, _ arena.Request) (*arena.Answer, error) {
				inContext = RequestID(ctx)
				return smallAnswer(), nil
			}
			w := b.do("GET", "/api/trades", headerRequestID, c.sent)
			wantHeader(t, w.Header(), headerRequestID, c.want)
			if inContext != c.want {
				t.Errorf("the context has %q", inContext)
			}
			if got := b.logs.lines(t, "request")[0][requestIDKey]; got != c.want {
				t.Errorf("the log has %q", got)
			}
		})
	}
}

func TestRequestIDWithoutRandomness(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.Rand = brokenReader{} })
	w := b.do("GET", "/api/trades")
	if w.Code != 200 {
		t.Errorf("%d", w.Code)
	}
	wantHeader(t, w.Header(), headerRequestID, "unidentified")
}

func TestRequestIDOutsideOfARequest(t *testing.T) {
	t.Parallel()
	if got := RequestID(t.Context()); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestAttributesTravelInTheContext(t *testing.T) {
	t.Parallel()
	type key struct{}
	b := setup(t, func(o *Options) {
		o.WithAttrs = func(ctx context.Context, attrs ...slog.Attr) context.Context {
			return context.WithValue(ctx, key{}, attrs)
		}
	})
	var attrs []slog.Attr
	b.answers.answer = func(ctx context.Context, _ arena.Request) (*arena.Answer, error) {
		attrs, _ = ctx.Value(key{}).([]slog.Attr)
		return smallAnswer(), nil
	}
	b.do("GET", "/api/trades", headerRequestID, "x")
	if len(attrs) != 1 || !attrs[0].Equal(slog.String(requestIDKey, "x")) {
		t.Errorf("the context has %v", attrs)
	}
	if _, twice := b.logs.lines(t, "request")[0][requestIDKey]; twice {
		t.Error("the line has the id from here as well")
	}
}
