package app

import (
	"database/sql"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm/schema"

	"nof0/atlas/atlastest"
	"nof0/entities"
	"nof0/internal/testdb"
)

// citus stands for the functions of the extension, which is in no registry at hand: as they
// do, it refuses a table that is not there, a column that it has not, and a unique key
// without the column that the table is distributed by.
const citus = `
CREATE FUNCTION create_distributed_table(name regclass, by text, shard_count int DEFAULT 32, colocate_with text DEFAULT 'default') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = name AND attname = by) THEN
    RAISE EXCEPTION '% has no column %', name, by;
  END IF;
  IF EXISTS (SELECT FROM pg_index i WHERE i.indrelid = name AND i.indisunique
    AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = name AND a.attname = by AND a.attnum = ANY (i.indkey::int2[]))) THEN
    RAISE EXCEPTION '% has a unique key without %', name, by;
  END IF;
END $$;
CREATE FUNCTION create_reference_table(name regclass) RETURNS void LANGUAGE sql AS '';`

// TestCitus runs the statements of deploy/citus on the schema, and holds that they say of
// every table where it lies.
func TestCitus(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile("../../deploy/citus/distribute.sql")
	require.NoError(t, err)
	db, err := sql.Open("pgx", testdb.Direct(t, testdb.New(t, atlastest.Migrator{})))
	require.NoError(t, err)
	defer db.Close()
	for _, statements := range []string{citus, string(script)} {
		_, err = db.ExecContext(t.Context(), statements)
		require.NoError(t, err)
	}
	_, err = db.ExecContext(t.Context(), "SELECT create_distributed_table('outbox_events', 'model_id')")
	require.ErrorContains(t, err, "unique key", "the check can fail")
	words := strings.FieldsFunc(string(script), func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') })
	for _, entity := range entities.All() {
		table, err := schema.Parse(entity, &sync.Map{}, schema.NamingStrategy{})
		require.NoError(t, err)
		require.Contains(t, words, table.Table, "deploy/citus says where it lies")
	}
}
