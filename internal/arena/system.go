package arena

import (
	"context"

	"nof0/internal/wire"
)

// System shows operators how the process that they ask is, and the stores that it works
// on. Errors wrap ErrUnavailable where a store cannot be asked.
type System interface {
	System(ctx context.Context) (*wire.SystemState, error)
	Cache(ctx context.Context) (*wire.CacheState, error)
	Outbox(ctx context.Context) (*wire.OutboxState, error)
	Jobs(ctx context.Context) (*wire.JobStates, error)
	Migrations(ctx context.Context) (*wire.MigrationStates, error)
	Tables(ctx context.Context) (*wire.TableStates, error)
	Statements(ctx context.Context) (*wire.StatementStates, error)
	Settings(ctx context.Context) (*wire.Settings, error)
	Ingested(ctx context.Context) (*wire.IngestState, error)
	LogLevel(ctx context.Context) (*wire.LogLevel, error)
	// SetLogLevel logs from another level on, and says in the log who wanted that. Errors
	// are wire.Faults where there is no such level.
	SetLogLevel(ctx context.Context, level, by string) (*wire.LogLevel, error)
}
