package atlas

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every shipped migration has a way back, and forth again.
func TestShippedMigrationsGoDownAndUp(t *testing.T) {
	t.Parallel()
	db := applied(t)
	migrator := New(db, Options{})
	status, err := migrator.Status(t.Context())
	require.NoError(t, err)

	for range status.Applied {
		report, err := migrator.Down(t.Context())
		require.NoError(t, err)
		require.Len(t, report.Files, 1)
		assert.Less(t, report.To, report.From)
	}
	left := query[int](t, db, `SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE 'atlas_schema_revisions%'`)
	assert.Zero(t, left)
	assert.Zero(t, query[int](t, db, `SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace`))
	report, err := migrator.Down(t.Context())
	require.NoError(t, err)
	assert.Equal(t, Report{Files: []Step{}}, report, "there is nothing left to undo")

	_, err = migrator.Apply(t.Context())
	require.NoError(t, err)
	require.NoError(t, Drift(t.Context(), db, newScratch(t), Migrations()))
}

func TestDownOnAFreshDatabase(t *testing.T) {
	t.Parallel()

	report, err := New(emptyDB(t), Options{}).Down(t.Context())

	require.NoError(t, err)
	assert.Equal(t, Report{Files: []Step{}}, report)
}

func TestDownWithoutAFile(t *testing.T) {
	t.Parallel()
	db := emptyDB(t)
	migrator := New(db, Options{Migrations: twoFiles(t), Rollbacks: fstest.MapFS{}})
	_, err := migrator.Apply(t.Context())
	require.NoError(t, err)

	_, err = migrator.Down(t.Context())

	var noWay *NoWayBackError
	require.ErrorAs(t, err, &noWay)
	assert.Equal(t, "20260102000000", noWay.Version)
	assert.Contains(t, noWay.Reason, "20260102000000_two.sql")
}

func TestFailedRollbackChangesNothing(t *testing.T) {
	t.Parallel()
	db := emptyDB(t)
	migrator := New(db, Options{Migrations: twoFiles(t), Rollbacks: fstest.MapFS{
		"20260102000000_two.sql": {Data: []byte("DROP TABLE two;\nDROP TABLE nowhere;\n")},
	}})
	_, err := migrator.Apply(t.Context())
	require.NoError(t, err)

	report, err := migrator.Down(t.Context())

	var failed *StatementError
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, []int{2, 2}, []int{failed.Number, failed.Line})
	assert.Equal(t, "20260102000000", report.To)
	assert.True(t, hasTable(t, db, "two"))
}

func TestDownRefusesAHalfAppliedMigration(t *testing.T) {
	t.Parallel()
	db := emptyDB(t)
	migrator := New(db, Options{Migrations: migrations(t, map[string]string{"20260101000000_one.sql": noTransaction + failing})})
	_, err := migrator.Apply(t.Context())
	require.Error(t, err)

	_, err = migrator.Down(t.Context())

	var noWay *NoWayBackError
	require.ErrorAs(t, err, &noWay)
}
