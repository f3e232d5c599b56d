package cachelayer

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/redis/go-redis/v9"
)

// LogLibrary sends what go-redis says of its own accord, such as every dial
// that fails, to a logger at debug level, instead of to standard error: what
// matters of it comes back as an error or is logged here. It holds for the
// whole process, so a program calls it as it starts, and a library does not.
func LogLibrary(logger *slog.Logger) { redis.SetLogger(libraryLogger{logger}) }

// libraryLogger is the logger that go-redis wants.
type libraryLogger struct{ logger *slog.Logger }

func (l libraryLogger) Printf(ctx context.Context, format string, args ...any) {
	if l.logger.Enabled(ctx, slog.LevelDebug) {
		l.logger.DebugContext(ctx, "the redis client says", "text", fmt.Sprintf(format, args...))
	}
}
