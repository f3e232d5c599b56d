package telemetry

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/trace"
)

// KeyRequestID names the attribute that tells requests apart.
const KeyRequestID = "request_id"

// keyTraceID names the attribute that leads from a line to the trace of its context.
const keyTraceID = "trace_id"

// AttrsKey is the key under which a context has what its log records carry, as a
// []slog.Attr that is not to be changed.
type AttrsKey struct{}

// ContextHandler adds to each record the attributes of the context, and the id of its trace.
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
	attrs, _ := ctx.Value(AttrsKey{}).([]slog.Attr)
	span := trace.SpanContextFromContext(ctx)
	if len(attrs) > 0 || span.IsValid() {
		record = record.Clone() // other handlers may hold the same one
		record.AddAttrs(attrs...)
	}
	if span.IsValid() {
		record.AddAttrs(slog.String(keyTraceID, span.TraceID().String()))
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
