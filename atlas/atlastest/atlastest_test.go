package atlastest

import (
	"database/sql"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/atlas"
)

func TestDBIsMigratedAndEmpty(t *testing.T) {
	t.Parallel()

	for range 2 {
		db := DB(t)
		status, err := atlas.New(db, atlas.Options{}).Status(t.Context())
		require.NoError(t, err)
		assert.False(t, status.Older())
		assert.False(t, status.Newer())
		result, err := db.ExecContext(t.Context(), `INSERT INTO symbols (symbol) VALUES ('BTC')`)
		require.NoError(t, err)
		inserted, err := result.RowsAffected()
		require.NoError(t, err)
		assert.Equal(t, int64(1), inserted)
	}
}

func TestDSN(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("pgx", DSN(t))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()

	var models int
	require.NoError(t, db.QueryRowContext(t.Context(), `SELECT count(*) FROM models`).Scan(&models))
	assert.Zero(t, models)
}
