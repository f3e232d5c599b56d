package atlas

import (
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPlanThenApplyToAVersion(t *testing.T) {
	t.Parallel()
	db := emptyDB(t)
	files := map[string]string{
		"20260101000000_one.sql":   "CREATE TABLE one (id int);\nCREATE INDEX one_id ON one (id);\n",
		"20260102000000_two.sql":   "-- nof0:lock_timeout 2s\n-- nof0:statement_timeout 0\n\nCREATE TABLE two (id int);\n",
		"20260103000000_three.sql": noTransaction + "CREATE TABLE three (id int);\n",
	}
	rollbacks := fstest.MapFS{
		"20260101000000_one.sql":   {Data: []byte("DROP TABLE one;\n")},
		"20260102000000_two.sql":   {Data: []byte("DROP TABLE two;\n")},
		"20260103000000_three.sql": {Data: []byte("DROP TABLE three;\n")},
	}
	migrator := New(db, Options{Migrations: migrations(t, files), Rollbacks: rollbacks})
	planned := func() (names []string) {
		found, err := migrator.Plan(t.Context(), "")
		require.NoError(t, err)
		for _, p := range found {
			names = append(names, p.File)
		}
		return names
	}

	found, err := migrator.Plan(t.Context(), "20260102000000")
	require.NoError(t, err)
	assert.Equal(t, []Planned{
		{File: "20260101000000_one.sql", Transaction: true, LockTimeout: 5 * time.Second, StatementTimeout: time.Minute, Statements: []string{"CREATE TABLE one (id int);", "CREATE INDEX one_id ON one (id);"}},
		{File: "20260102000000_two.sql", Transaction: true, LockTimeout: 2 * time.Second, Statements: []string{"CREATE TABLE two (id int);"}},
	}, found)
	assert.False(t, hasTable(t, db, historyTable), "a plan changes nothing")

	report, err := migrator.ApplyTo(t.Context(), "20260102000000")
	require.NoError(t, err)
	assert.Equal(t, "20260102000000", report.To)
	assert.False(t, hasTable(t, db, "three"))
	assert.Equal(t, []string{"20260103000000_three.sql"}, planned())
	report, err = migrator.ApplyTo(t.Context(), "20260101000000")
	require.NoError(t, err)
	assert.Empty(t, report.Files, "it has run already")
	_, err = migrator.ApplyTo(t.Context(), "20260104000000")
	var unknown *VersionError
	require.ErrorAs(t, err, &unknown)
	assert.Equal(t, "20260103000000", unknown.Newest)
	_, err = migrator.Apply(t.Context())
	require.NoError(t, err)
	assert.Empty(t, planned())

	undo, err := migrator.PlanDown(t.Context(), "20260101000000")
	require.NoError(t, err)
	require.Len(t, undo, 2)
	assert.Equal(t, []string{"DROP TABLE three;"}, undo[0].Statements)
	undo, err = migrator.PlanDown(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, undo, 1)
	report, err = migrator.DownTo(t.Context(), "20260101000000")
	require.NoError(t, err)
	assert.Equal(t, []string{"20260103000000", "20260101000000"}, []string{report.From, report.To})
	assert.True(t, hasTable(t, db, "one"))
	assert.False(t, hasTable(t, db, "two"))
	_, err = migrator.DownTo(t.Context(), "20260102000000")
	require.ErrorAs(t, err, &unknown)
	report, err = migrator.DownTo(t.Context(), "0")
	require.NoError(t, err)
	assert.Empty(t, report.To)
	assert.False(t, hasTable(t, db, "one"))
}

func TestTimeoutsOfAFile(t *testing.T) {
	t.Parallel()
	show := "CREATE TABLE seen AS SELECT current_setting('lock_timeout') || ' ' || current_setting('statement_timeout') AS timeouts;\n"
	for name, test := range map[string]struct{ header, want string }{
		"configured":                          {"", "3s 4s"},
		"its own":                             {"-- nof0:lock_timeout 70ms\n-- nof0:statement_timeout 2h\n\n", "70ms 2h"},
		"outside a transaction":               {noTransaction, "3s 0"},
		"its own outside a transaction":       {"-- atlas:txmode none\n-- nof0:statement_timeout 90s\n\n", "3s 90s"},
		"beside a statement, for all of them": {"SELECT 1;\n-- nof0:lock_timeout 1s\n", "1s 4s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := emptyDB(t)
			_, err := New(db, Options{
				Migrations:  migrations(t, map[string]string{"20260101000000_one.sql": test.header + show}),
				LockTimeout: 3 * time.Second, StatementTimeout: 4 * time.Second,
			}).Apply(t.Context())
			require.NoError(t, err)
			assert.Equal(t, test.want, query[string](t, db, `SELECT timeouts FROM seen`))
		})
	}
}

func TestADirectiveThatCannotBeFollowed(t *testing.T) {
	t.Parallel()
	for directive, want := range map[string]string{
		"lock_timeout soon":       `"soon" is no duration`,
		"lock_timeout":            `"" is no duration`,
		"lock_timeut 2s":          "it is none of lock_timeout, statement_timeout and nolint",
		"nolint destructive":      "it gives no reason",
		"nolint history: because": `"history" is no rule that may be left out`,
	} {
		t.Run(directive, func(t *testing.T) {
			t.Parallel()
			_, err := New(emptyDB(t), Options{Migrations: migrations(t, map[string]string{
				"20260101000000_one.sql": "-- nof0:" + directive + "\n\nSELECT 1;\n",
			})}).Apply(t.Context())
			require.ErrorContains(t, err, want)
			require.ErrorContains(t, err, "20260101000000_one.sql")
		})
	}
}
