package atlas

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"ariga.io/atlas/sql/migrate"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func twoFiles(t *testing.T) fstest.MapFS {
	t.Helper()
	return migrations(t, map[string]string{
		"20260101000000_one.sql": "CREATE TABLE one (id int);\nCREATE INDEX one_id ON one (id);\n",
		"20260102000000_two.sql": "CREATE TABLE two (id int);\n",
	})
}

func TestApply(t *testing.T) {
	t.Parallel()
	db := emptyDB(t)
	migrator := New(db, Options{Migrations: twoFiles(t)})

	report, err := migrator.Apply(t.Context())

	require.NoError(t, err)
	assert.Empty(t, report.From)
	assert.Equal(t, "20260102000000", report.To)
	require.Len(t, report.Files, 2)
	assert.Equal(t, "20260101000000_one.sql", report.Files[0].File)
	assert.Equal(t, 2, report.Files[0].Statements)
	assert.True(t, hasTable(t, db, "two"))

	t.Run("again is nothing to do", func(t *testing.T) {
		report, err := migrator.Apply(t.Context())
		require.NoError(t, err)
		assert.Equal(t, Report{From: "20260102000000", To: "20260102000000", Files: []Step{}}, report)
	})
}

func TestApplyWithoutFiles(t *testing.T) {
	t.Parallel()

	report, err := New(emptyDB(t), Options{Migrations: fstest.MapFS{}}).Apply(t.Context())

	require.NoError(t, err)
	assert.Equal(t, Report{Files: []Step{}}, report)
}

func TestApplyKeepsNothingInThePool(t *testing.T) {
	t.Parallel()
	db := emptyDB(t)
	db.SetMaxOpenConns(1)
	before := query[string](t, db, `SHOW lock_timeout`)

	_, err := New(db, Options{Migrations: twoFiles(t), LockTimeout: 77 * time.Millisecond}).Apply(t.Context())

	require.NoError(t, err)
	assert.Equal(t, before, query[string](t, db, `SHOW lock_timeout`))
}

// What the database has been told otherwise changes nothing that a migration moves.
func TestSettingsOfTheDatabaseChangeNoMigration(t *testing.T) {
	t.Parallel()
	db := emptyDB(t)
	for _, setting := range []string{
		"extra_float_digits = 0", "datestyle = 'SQL, DMY'", "timezone = 'Asia/Kathmandu'", "standard_conforming_strings = off", "default_transaction_isolation = 'serializable'",
	} {
		execute(t, db, fmt.Sprintf("DO $$ BEGIN EXECUTE format('ALTER DATABASE %%I SET %s', current_database()); END $$", strings.ReplaceAll(setting, "'", "''")))
	}
	db.SetMaxIdleConns(0) // the next session is a new one
	_, err := New(db, Options{Migrations: migrations(t, map[string]string{"20260101000000_one.sql": `CREATE TABLE one AS SELECT
		jsonb_build_object('d', 0.1::float8 + 0.2) AS moved, 'a\b' AS words, ('2026-01-02 03:04:05+00'::timestamptz)::text AS at, current_setting('transaction_isolation') AS isolation;`})}).Apply(t.Context())
	require.NoError(t, err)
	assert.Equal(t, `{"d": 0.30000000000000004} a\b 2026-01-02 03:04:05+00 read committed`, query[string](t, db, `SELECT concat_ws(' ', moved, words, at, isolation) FROM one`))
}

// gate is a lock that a migration of a test waits for, so that the test knows
// that it is under way.
type gate struct{ conn *sql.Conn }

const (
	passGate   = "SELECT pg_advisory_xact_lock(4711);\n"
	atTheGate  = `SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`
	leftAtGate = `SELECT NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`
)

func closeGate(t *testing.T, db *sql.DB) gate {
	t.Helper()
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = conn.ExecContext(t.Context(), `SELECT pg_advisory_lock(4711)`)
	require.NoError(t, err)
	return gate{conn}
}

func (g gate) open(t *testing.T) {
	t.Helper()
	_, err := g.conn.ExecContext(t.Context(), `SELECT pg_advisory_unlock(4711)`)
	require.NoError(t, err)
}

// heard is a log handler that passes messages on.
type heard chan string

func (heard) Enabled(context.Context, slog.Level) bool { return true }
func (h heard) Handle(_ context.Context, r slog.Record) error {
	h <- r.Message
	return nil
}
func (h heard) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h heard) WithGroup(string) slog.Handler      { return h }

type outcome struct {
	report Report
	err    error
}

func applyInBackground(ctx context.Context, migrator *Migrator) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		report, err := migrator.Apply(ctx)
		done <- outcome{report, err}
	}()
	return done
}

func TestApplyTwiceAtOnce(t *testing.T) {
	t.Parallel()
	db := emptyDB(t)
	files := migrations(t, map[string]string{
		"20260101000000_one.sql": passGate + "CREATE TABLE one (id int);\n",
	})
	gate := closeGate(t, db)

	first := applyInBackground(t.Context(), New(db, Options{Migrations: files, LockTimeout: time.Minute}))
	until(t, db, atTheGate)
	messages := make(heard, 10)
	second := applyInBackground(t.Context(), New(db, Options{Migrations: files, Logger: slog.New(messages)}))
	assert.Equal(t, "waiting for another migrator", <-messages)
	gate.open(t)

	a, b := <-first, <-second
	require.NoError(t, a.err)
	require.NoError(t, b.err)
	assert.Len(t, a.report.Files, 1)
	assert.Empty(t, b.report.Files)
	assert.Equal(t, "20260101000000", b.report.From)
}

func TestApplyGivesUpWaiting(t *testing.T) {
	t.Parallel()
	db := emptyDB(t)
	other, err := openSession(t.Context(), db)
	require.NoError(t, err)
	defer other.close()
	require.NoError(t, other.lock(t.Context(), time.Second, func() {}))

	_, err = New(db, Options{Migrations: twoFiles(t), LockWait: time.Millisecond}).Apply(t.Context())

	var locked *LockedError
	require.ErrorAs(t, err, &locked)
	assert.Contains(t, locked.Holder, "server process")
	assert.False(t, hasTable(t, db, "one"))
}

func TestApplyStopsWhileWaiting(t *testing.T) {
	t.Parallel()
	db := emptyDB(t)
	other, err := openSession(t.Context(), db)
	require.NoError(t, err)
	defer other.close()
	require.NoError(t, other.lock(t.Context(), time.Second, func() {}))
	ctx, cancel := context.WithCancel(t.Context())
	messages := make(heard, 10)

	done := applyInBackground(ctx, New(db, Options{Migrations: twoFiles(t), Logger: slog.New(messages)}))
	<-messages
	cancel()

	require.ErrorIs(t, (<-done).err, context.Canceled)
}

func TestApplyStoppedHalfWayLeavesNothing(t *testing.T) {
	t.Parallel()
	db := emptyDB(t)
	files := migrations(t, map[string]string{
		"20260101000000_one.sql": "CREATE TABLE one (id int);\n" + passGate,
	})
	gate := closeGate(t, db)
	ctx, cancel := context.WithCancel(t.Context())

	done := applyInBackground(ctx, New(db, Options{Migrations: files, LockTimeout: time.Minute}))
	until(t, db, atTheGate)
	cancel()
	require.Error(t, (<-done).err)
	gate.open(t)
	until(t, db, leftAtGate)

	assert.False(t, hasTable(t, db, "one"))
	report, err := New(db, Options{Migrations: files}).Apply(t.Context())
	require.NoError(t, err)
	assert.Len(t, report.Files, 1)
}

func TestApplyRefusesADirectoryThatIsNotItsSum(t *testing.T) {
	t.Parallel()

	for name, test := range map[string]struct {
		change       func(files fstest.MapFS)
		file, reason string
	}{
		"edited": {
			change: func(files fstest.MapFS) {
				files["20260101000000_one.sql"] = &fstest.MapFile{Data: []byte("DROP TABLE two;")}
			},
			file: "20260101000000_one.sql", reason: "edited",
		},
		"added": {
			change: func(files fstest.MapFS) {
				files["20260103000000_three.sql"] = &fstest.MapFile{Data: []byte("DROP TABLE two;")}
			},
			file: "20260103000000_three.sql", reason: "added",
		},
		"removed": {
			change: func(files fstest.MapFS) { delete(files, "20260101000000_one.sql") },
			file:   "20260101000000_one.sql", reason: "removed",
		},
		"sum missing": {
			change: func(files fstest.MapFS) { delete(files, migrate.HashFileName) },
			reason: "checksum file not found",
		},
		"sum broken": {
			change: func(files fstest.MapFS) { files[migrate.HashFileName] = &fstest.MapFile{Data: []byte("h1:x\ny")} },
			reason: "checksum file format invalid",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := emptyDB(t)
			files := twoFiles(t)
			test.change(files)

			_, err := New(db, Options{Migrations: files}).Apply(t.Context())

			var sum *SumError
			require.ErrorAs(t, err, &sum)
			assert.Equal(t, test.file, sum.File)
			assert.Equal(t, test.reason, sum.Reason)
			assert.Contains(t, err.Error(), test.file)
			assert.False(t, hasTable(t, db, historyTable))
		})
	}
}

const (
	failing = "CREATE TABLE one (id int);\n\n-- Fails.\nALTER TABLE nowhere\n  ADD COLUMN x int;\nCREATE TABLE three (id int);\n"
	mended  = "CREATE TABLE one (id int);\n\nCREATE TABLE two (id int);\nALTER TABLE two ADD COLUMN x int;\nCREATE TABLE three (id int);\n"
)

func TestFailedFileIsRolledBackAsAWhole(t *testing.T) {
	t.Parallel()
	db := emptyDB(t)
	files := map[string]string{
		"20260101000000_zero.sql": "CREATE TABLE zero (id int);\n",
		"20260102000000_one.sql":  failing,
	}

	report, err := New(db, Options{Migrations: migrations(t, files)}).Apply(t.Context())

	var failed *StatementError
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, "20260102000000_one.sql", failed.File)
	assert.Equal(t, []int{2, 3, 4}, []int{failed.Number, failed.Of, failed.Line})
	assert.Equal(t, "ALTER TABLE nowhere\n  ADD COLUMN x int;", failed.Statement)
	assert.True(t, failed.RolledBack)
	var reason *pgconn.PgError
	require.ErrorAs(t, err, &reason)
	assert.Equal(t, "42P01", reason.Code)
	assert.Contains(t, err.Error(), `relation "nowhere" does not exist`)
	assert.NotContains(t, err.Error(), "aborted")
	assert.Len(t, report.Files, 1)
	assert.Equal(t, "20260101000000", report.To)
	assert.True(t, hasTable(t, db, "zero"))
	assert.False(t, hasTable(t, db, "one"))

	files["20260102000000_one.sql"] = mended
	report, err = New(db, Options{Migrations: migrations(t, files)}).Apply(t.Context())
	require.NoError(t, err)
	assert.Len(t, report.Files, 1)
	assert.True(t, hasTable(t, db, "three"))
}

const noTransaction = "-- atlas:txmode none\n\n"

func TestFailedFileWithoutTransactionGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	db := emptyDB(t)
	apply := func(content string) (*Migrator, error) {
		migrator := New(db, Options{Migrations: migrations(t, map[string]string{"20260101000000_one.sql": noTransaction + content})})
		_, err := migrator.Apply(t.Context())
		return migrator, err
	}

	migrator, err := apply(failing)
	var failed *StatementError
	require.ErrorAs(t, err, &failed)
	assert.False(t, failed.RolledBack)
	assert.Equal(t, 6, failed.Line)
	assert.True(t, hasTable(t, db, "one"))
	status, err := migrator.Status(t.Context())
	require.NoError(t, err)
	require.NotNil(t, status.Half)
	assert.Equal(t, []int{1, 3}, []int{status.Half.Done, status.Half.Of})
	assert.Contains(t, status.Half.Statement, "nowhere")
	assert.Contains(t, status.Half.Reason, "does not exist")
	assert.Equal(t, []string{"20260101000000_one.sql"}, status.Pending)
	assert.True(t, status.Older())

	for name, content := range map[string]string{
		"a statement that ran was edited":  "CREATE TABLE one (id bigint);\nSELECT 1;",
		"a statement that ran was removed": "\n",
	} {
		_, err := apply(content)
		var stuck *HalfAppliedError
		require.ErrorAs(t, err, &stuck, name)
		assert.Equal(t, "20260101000000_one.sql", stuck.File, name)
	}

	// Mending changes the number of statements.
	migrator, err = apply(mended)
	require.NoError(t, err)
	assert.True(t, hasTable(t, db, "three"))
	status, err = migrator.Status(t.Context())
	require.NoError(t, err)
	assert.Nil(t, status.Half)
	assert.False(t, status.Older())
}

func TestConcurrentIndexRunsOutsideATransaction(t *testing.T) {
	t.Parallel()
	db := emptyDB(t)

	_, err := New(db, Options{Migrations: migrations(t, map[string]string{
		"20260101000000_one.sql":   "CREATE TABLE one (id int);\n",
		"20260102000000_index.sql": noTransaction + "CREATE INDEX CONCURRENTLY one_id ON one (id);\n",
	})}).Apply(t.Context())

	require.NoError(t, err)
	assert.True(t, hasTable(t, db, "one_id"))
}

func TestUnknownTransactionMode(t *testing.T) {
	t.Parallel()

	_, err := New(emptyDB(t), Options{Migrations: migrations(t, map[string]string{
		"20260101000000_one.sql": "-- atlas:txmode some\n\nSELECT 1;\n",
	})}).Apply(t.Context())

	require.ErrorContains(t, err, `20260101000000_one.sql has the transaction mode ["some"]`)
}

func TestStatementDoesNotWaitLongForALock(t *testing.T) {
	t.Parallel()
	db := emptyDB(t)
	files := map[string]string{"20260101000000_one.sql": "CREATE TABLE one (id int);\n"}
	_, err := New(db, Options{Migrations: migrations(t, files)}).Apply(t.Context())
	require.NoError(t, err)
	reader, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { _ = reader.Rollback() }()
	_, err = reader.ExecContext(t.Context(), `SELECT FROM one`)
	require.NoError(t, err)

	files["20260102000000_two.sql"] = "ALTER TABLE one ADD COLUMN x int;\n"
	_, err = New(db, Options{Migrations: migrations(t, files), LockTimeout: time.Millisecond}).Apply(t.Context())

	var reason *pgconn.PgError
	require.ErrorAs(t, err, &reason)
	assert.Equal(t, "55P03", reason.Code)
}

func TestApplyRefusesFilesOutOfOrder(t *testing.T) {
	t.Parallel()
	db := emptyDB(t)
	_, err := New(db, Options{Migrations: twoFiles(t)}).Apply(t.Context())
	require.NoError(t, err)
	late := New(db, Options{Migrations: migrations(t, map[string]string{
		"20260101000000_one.sql":   "CREATE TABLE one (id int);\nCREATE INDEX one_id ON one (id);\n",
		"20260101120000_late.sql":  "CREATE TABLE late (id int);\n",
		"20260102000000_two.sql":   "CREATE TABLE two (id int);\n",
		"20260103000000_three.sql": "CREATE TABLE three (id int);\n",
	})})

	_, err = late.Apply(t.Context())

	var outOfOrder *OutOfOrderError
	require.ErrorAs(t, err, &outOfOrder)
	assert.Equal(t, []string{"20260101120000_late.sql"}, outOfOrder.Files)
	assert.False(t, hasTable(t, db, "three"))
	status, err := late.Status(t.Context())
	require.NoError(t, err)
	assert.Equal(t, outOfOrder.Files, status.OutOfOrder)
	assert.Equal(t, []string{"20260103000000_three.sql"}, status.Pending)
}

func TestApplyRefusesADatabaseOfSomebodyElse(t *testing.T) {
	t.Parallel()
	db := emptyDB(t)
	execute(t, db, `CREATE TABLE theirs (id int)`)

	_, err := New(db, Options{Migrations: twoFiles(t)}).Apply(t.Context())

	var notEmpty *NotEmptyError
	require.ErrorAs(t, err, &notEmpty)
	assert.Equal(t, "theirs", notEmpty.Table)
	assert.False(t, hasTable(t, db, historyTable))
}

func TestApplyIgnoresOtherSchemas(t *testing.T) {
	t.Parallel()
	db := emptyDB(t)
	execute(t, db, `CREATE SCHEMA hosting`)
	execute(t, db, `CREATE TABLE hosting.theirs (id int)`)

	_, err := New(db, Options{Migrations: twoFiles(t)}).Apply(t.Context())

	require.NoError(t, err)
}

// What the Atlas command line tool leaves in the history: the identifier of the
// table, and hashes of statements on a file that is done.
func TestApplyGoesOnAfterTheCommandLineTool(t *testing.T) {
	t.Parallel()
	db := emptyDB(t)
	execute(t, db, createHistory)
	execute(t, db, `CREATE TABLE one (id int)`)
	execute(t, db, `INSERT INTO atlas_schema_revisions (version, description, executed_at, execution_time, hash, operator_version)
		VALUES ('.atlas_cloud_identifier', '7e2c2d0e-0d5c-4ac3-b2a3-52f3a9a0f9a5', now(), 0, '', 'Atlas CLI')`)
	execute(t, db, `INSERT INTO atlas_schema_revisions (version, description, type, applied, total, executed_at, execution_time, error, error_stmt, hash, partial_hashes, operator_version)
		VALUES ('20260101000000', 'one', 2, 2, 2, now(), 5, '', '', 'x', '["h1:a","h1:b"]', 'Atlas CLI')`)
	migrator := New(db, Options{Migrations: twoFiles(t)})

	report, err := migrator.Apply(t.Context())

	require.NoError(t, err)
	assert.Equal(t, "20260101000000", report.From)
	assert.Len(t, report.Files, 1)
	status, err := migrator.Status(t.Context())
	require.NoError(t, err)
	assert.Len(t, status.Applied, 2)
}

// Behind a transaction pooler no prepared statement outlives its transaction.
func TestWithoutPreparedStatements(t *testing.T) {
	t.Parallel()
	scratch := newScratch(t)
	scratch.config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	err := scratch.Use(t.Context(), func(ctx context.Context, db *sql.DB) error {
		migrator := New(db, Options{Migrations: migrations(t, map[string]string{"20260101000000_one.sql": noTransaction + failing})})
		_, err := migrator.Apply(ctx)
		require.Error(t, err)
		status, err := migrator.Status(ctx)
		require.NoError(t, err)
		assert.NotNil(t, status.Half)
		_, err = New(db, Options{Migrations: migrations(t, map[string]string{"20260101000000_one.sql": noTransaction + mended})}).Apply(ctx)
		return err
	})
	require.NoError(t, err)
}

func TestHistoryRow(t *testing.T) {
	t.Parallel()
	db := emptyDB(t)
	files := twoFiles(t)

	_, err := New(db, Options{Migrations: files, Operator: "nof0 1.2.3"}).Apply(t.Context())

	require.NoError(t, err)
	row := query[string](t, db, `SELECT concat_ws('|', version, description, type, applied, total, error, error_stmt, partial_hashes, operator_version)
		FROM atlas_schema_revisions WHERE version = '20260101000000'`)
	assert.Equal(t, "20260101000000|one|2|2|2|||null|nof0 1.2.3", row)
	hash := query[string](t, db, `SELECT hash FROM atlas_schema_revisions WHERE version = '20260101000000'`)
	assert.Contains(t, string(files[migrate.HashFileName].Data), "20260101000000_one.sql h1:"+hash)
}

// TestADeadlockIsTriedAgain lets somebody who holds a table that a migration wants ask
// for one that it holds, so that the server ends the migration.
func TestADeadlockIsTriedAgain(t *testing.T) {
	t.Parallel()
	db := emptyDB(t)
	base := map[string]string{oldTable: makeTable + "CREATE TABLE two (id int);\n"}
	_, err := New(db, Options{Migrations: migrations(t, base)}).Apply(t.Context())
	require.NoError(t, err)
	base["20260102000000_more.sql"] = "ALTER TABLE one ADD COLUMN x int;\nSELECT pg_advisory_xact_lock(42);\nALTER TABLE two ADD COLUMN x int;\n"
	session := func(statements ...string) *sql.Conn {
		conn, err := db.Conn(t.Context())
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		for _, statement := range statements {
			_, err := conn.ExecContext(t.Context(), statement)
			require.NoError(t, err)
		}
		return conn
	}
	gate := session(`SELECT pg_advisory_lock(42)`)
	other := session(`SET deadlock_timeout = '1h'`, `BEGIN`, `LOCK TABLE two`)
	waits := func(n int) {
		until(t, db, fmt.Sprintf(`SELECT count(*) = %d FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`, n))
	}
	migrator := New(db, Options{Migrations: migrations(t, base), LockTimeout: time.Hour})
	applied, locked := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := migrator.Apply(t.Context())
		applied <- err
	}()
	waits(1) // the migration, for the gate
	go func() {
		_, err := other.ExecContext(t.Context(), `LOCK TABLE one`)
		locked <- err
	}()
	waits(2)
	_, err = gate.ExecContext(t.Context(), `SELECT pg_advisory_unlock(42)`)
	require.NoError(t, err)
	require.NoError(t, <-locked, "the server has ended the migration")
	_, err = other.ExecContext(t.Context(), `COMMIT`)
	require.NoError(t, err)
	require.NoError(t, <-applied)
	require.Equal(t, 2, query[int](t, db, `SELECT count(*) FROM information_schema.columns WHERE column_name = 'x' AND table_name IN ('one', 'two')`))
}
