// Package telemetry builds the logger and the metrics that the other packages
// are given.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"nof0/config"
)

// NewLogger returns a logger that writes to w and adds to each record what its
// context has under AttrsKey.
func NewLogger(w io.Writer, c config.Log) (*slog.Logger, error) {
	level := new(slog.LevelVar)
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		return nil, fmt.Errorf("log level %q is none of debug, info, warn, error: %w", c.Level, err)
	}
	options := &slog.HandlerOptions{Level: level}
	var handler slog.Handler
	switch c.Format {
	case "text":
		handler = slog.NewTextHandler(w, options)
	case "json":
		handler = slog.NewJSONHandler(w, options)
	default:
		return nil, fmt.Errorf("log format %q is neither text nor json", c.Format)
	}
	return slog.New(&ContextHandler{next: handler, level: level}), nil
}

// LevelOf returns the level of a logger of NewLogger, which takes another one while
// it is used; nil for other loggers.
func LevelOf(logger *slog.Logger) *slog.LevelVar {
	h, ok := logger.Handler().(*ContextHandler)
	if !ok {
		return nil
	}
	return h.level
}

var errUnknownLevel = errors.New("is none of debug, info, warn, error")

// SetLevel logs from another level on, and says in the log who wanted that. The error says
// that there is no such level.
func SetLevel(ctx context.Context, logger *slog.Logger, name, by string) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(name)); err != nil || strings.ContainsAny(name, "+-") {
		return errUnknownLevel
	}
	if set := LevelOf(logger); set != nil {
		set.Set(level)
		logger.WarnContext(ctx, "the level of the log was set", slog.String("level", level.String()), slog.String("by", by))
	}
	return nil
}
