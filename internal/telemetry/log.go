// Package telemetry builds the logger and the metrics that the other packages
// are given.
package telemetry

import (
	"fmt"
	"io"
	"log/slog"

	"nof0/config"
)

// NewLogger returns a logger that writes to w and adds to each record what With
// has put into its context.
func NewLogger(w io.Writer, c config.Log) (*slog.Logger, error) {
	var level slog.Level
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
	return slog.New(NewContextHandler(handler)), nil
}
