package testdb

import (
	"context"
	"log/slog"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"nof0/internal/devstack"
)

// NewServer starts a Postgres server of the test's own, where given as the standby of
// another, and returns the URL of its database.
func NewServer(t testing.TB, standbyOf string) string {
	t.Helper()
	o := devstack.Options{DataDir: t.TempDir(), RedisURL: "redis://127.0.0.1:1", StandbyOf: standbyOf, Logger: slog.New(slog.DiscardHandler)}
	stack, err := devstack.Start(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, stack.Close(context.Background()))
		_, err := devstack.RemoveData(context.Background(), o) // under root the files lie elsewhere
		require.NoError(t, err)
	})
	return stack.DatabaseURL
}

// Execute runs a statement by a connection of its own.
func Execute(t testing.TB, dsn, statement string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.Background())) }()
	_, err = conn.Exec(t.Context(), statement)
	require.NoError(t, err)
}
