package handlers

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"nof0/internal/arena"
	"nof0/internal/telemetry"
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
			if got := b.logs.lines(t, "request")[0][telemetry.KeyRequestID]; got != c.want {
				t.Errorf("the log has %q", got)
			}
		})
	}
}

func TestRequestIDOutsideOfARequest(t *testing.T) {
	t.Parallel()
	if got := RequestID(t.Context()); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestTheContextTellsTheLogItsRequest(t *testing.T) {
	t.Parallel()
	for _, limit := range []time.Duration{0, time.Minute} {
		b := setup(t, func(o *Options) { o.Config.RequestTimeout = limit })
		var attrs []slog.Attr
		b.answers.answer = func(ctx context.Context, _ arena.Request) (*arena.Answer, error) {
			attrs, _ = context.WithoutCancel(ctx).Value(telemetry.AttrsKey{}).([]slog.Attr)
			return smallAnswer(), nil
		}
		b.do("GET", "/api/trades", headerRequestID, "x")
		if len(attrs) != 1 || !attrs[0].Equal(slog.String(telemetry.KeyRequestID, "x")) {
			t.Errorf("the context has %v", attrs)
		}
	}
}
