package handlers

import (
	"context"
	"log/slog"
)

// logger logs for a request.
type logger struct {
	to *slog.Logger
	// addID is set where nothing else brings the request id into a line.
	addID bool
}

func (l logger) log(ctx context.Context, level slog.Level, message string, attrs ...slog.Attr) {
	if l.addID {
		attrs = append(attrs, slog.String(requestIDKey, RequestID(ctx)))
	}
	l.to.LogAttrs(ctx, level, message, attrs...) //nolint:sloglint // a constant at every call
}
