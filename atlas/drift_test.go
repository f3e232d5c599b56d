package atlas

import (
	"database/sql"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/entities"
)

// The gate: the entities, schema.sql and the shipped migrations agree.
func TestShippedSchemaIsInSync(t *testing.T) {
	t.Parallel()
	schemaSQL, err := os.ReadFile("schema.sql")
	require.NoError(t, err)

	require.NoError(t, InSync(t.Context(), InSyncParams{
		Scratch:    newScratch(t),
		Models:     entities.All(),
		Schema:     string(schemaSQL),
		Migrations: Migrations(),
	}))
}

func TestInSyncTellsWhatDiffers(t *testing.T) {
	t.Parallel()
	files := built(t)
	params := InSyncParams{Scratch: newScratch(t), Models: testModels(), Schema: testSchema, Migrations: files}

	t.Run("schema.sql is older than the entities", func(t *testing.T) {
		t.Parallel()
		params := params
		params.Schema = strings.Replace(testSchema, `  "note" text,`+"\n", "", 1)
		var drift *DriftError
		require.ErrorAs(t, InSync(t.Context(), params), &drift)
		assert.Equal(t, "schema.sql", drift.Have)
		assert.Equal(t, []string{`+  "note" text,`}, drift.Differences)
	})

	t.Run("the migrations are older than schema.sql", func(t *testing.T) {
		t.Parallel()
		params := params
		params.Models = append(testModels(), &late{})
		printed, err := Schema(params.Models)
		require.NoError(t, err)
		params.Schema = printed
		var drift *DriftError
		require.ErrorAs(t, InSync(t.Context(), params), &drift)
		assert.Equal(t, "the migrations", drift.Have)
		require.Len(t, drift.Differences, 1)
		assert.Contains(t, drift.Differences[0], `CREATE TABLE "lates"`)
		assert.Contains(t, drift.Error(), "nof0 migrate diff NAME")
	})
}

type late struct {
	ID string `gorm:"type:text;primaryKey"`
}

func (late) TableName() string { return "lates" }

func TestDrift(t *testing.T) {
	t.Parallel()
	db := applied(t)
	check := func() error { return Drift(t.Context(), db, newScratch(t), Migrations()) }
	require.NoError(t, check())
	execute(t, db, `CREATE TABLE price_ticks_2026_12 PARTITION OF price_ticks FOR VALUES FROM ('2026-12-01') TO ('2027-01-01')`)
	require.NoError(t, check(), "partitions come and go")

	execute(t, db, `ALTER TABLE trades ADD COLUMN by_hand int`)
	execute(t, db, `CREATE OR REPLACE VIEW v_crypto_prices_latest AS SELECT provider, symbol, price * 2 AS price, observed_at FROM price_latest`)
	execute(t, db, `DROP FUNCTION refresh_views_nof0()`)
	execute(t, db, `CREATE VIEW v_by_hand AS SELECT 1 AS one`)

	var drift *DriftError
	require.ErrorAs(t, check(), &drift)
	require.Len(t, drift.Differences, 4)
	assert.Equal(t, `ALTER TABLE "trades" DROP COLUMN "by_hand";`, drift.Differences[0])
	assert.Equal(t, "function refresh_views_nof0() is missing", drift.Differences[1])
	assert.Contains(t, drift.Differences[2], "view v_crypto_prices_latest is")
	assert.Equal(t, "view v_by_hand is in no migration", drift.Differences[3])
}

// applied is a database with the shipped migrations.
func applied(t *testing.T) *sql.DB {
	t.Helper()
	db := emptyDB(t)
	_, err := New(db, Options{}).Apply(t.Context())
	require.NoError(t, err)
	return db
}
