package atlastest_test

import (
	"database/sql"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/atlas"
	"nof0/atlas/atlastest"
	"nof0/internal/testdb"
)

func TestDatabasesAreMigratedAndEmpty(t *testing.T) {
	t.Parallel()

	for range 2 {
		db, err := sql.Open("pgx", testdb.New(t, atlastest.Migrator{}))
		require.NoError(t, err)
		defer func() { require.NoError(t, db.Close()) }()
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
