package cachelayer

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLibraryLogger(t *testing.T) {
	t.Parallel()
	for level, want := range map[slog.Level]string{
		slog.LevelDebug: "level=DEBUG msg=\"the redis client says\" text=\"no answer from redis://x\"\n",
		slog.LevelInfo:  "",
	} {
		var out bytes.Buffer
		handler := slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}})
		libraryLogger{slog.New(handler)}.Printf(t.Context(), "no answer from %s", "redis://x")
		require.Equal(t, want, out.String())
	}
}
