package telemetry

import (
	"context"
	"log/slog"
	"slices"
)

// The names of the attributes that a context carries.
const (
	KeyRequestID = "request_id"
	KeyModel     = "model"
	KeySymbol    = "symbol"
	KeyProvider  = "provider"
	KeyDomain    = "domain"
)

type attrsKey struct{}

// With returns a context whose log records carry attrs, beside those that ctx
// carries already. An attribute of the same name is replaced.
func With(ctx context.Context, attrs ...slog.Attr) context.Context {
	var merged []slog.Attr
	for _, attr := range slices.Concat(Attrs(ctx), attrs) {
		i := slices.IndexFunc(merged, func(a slog.Attr) bool { return a.Key == attr.Key })
		if i < 0 {
			merged = append(merged, attr)
		} else {
			merged[i] = attr
		}
	}
	return context.WithValue(ctx, attrsKey{}, merged)
}

// Attrs returns what With has put into ctx; it is not to be changed.
func Attrs(ctx context.Context) []slog.Attr {
	attrs, _ := ctx.Value(attrsKey{}).([]slog.Attr)
	return attrs
}

// ContextHandler adds the attributes of the context to each record.
type ContextHandler struct {
	next  slog.Handler
	level *slog.LevelVar // by which next decides
}

// Enabled implements slog.Handler.
func (h *ContextHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// Handle implements slog.Handler. Within a group the attributes are part of it.
func (h *ContextHandler) Handle(ctx context.Context, record slog.Record) error {
	if attrs := Attrs(ctx); len(attrs) > 0 {
		record = record.Clone() // other handlers may hold the same one
		record.AddAttrs(attrs...)
	}
	return h.next.Handle(ctx, record)
}

// WithAttrs implements slog.Handler.
func (h *ContextHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &ContextHandler{next: h.next.WithAttrs(attrs), level: h.level}
}

// WithGroup implements slog.Handler.
func (h *ContextHandler) WithGroup(name string) slog.Handler {
	return &ContextHandler{next: h.next.WithGroup(name), level: h.level}
}
