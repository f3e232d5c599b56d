package atlas

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/internal/testdb"
)

const (
	oldTable  = "20260101000000_one.sql"
	newIndex  = "20260102000000_index.sql"
	makeTable = "CREATE TABLE one (id int);\n"
)

// killedAt is a database in which a migration outside a transaction was killed
// while its second statement ran.
func killedAt(t *testing.T, content string, leftover ...string) (*Migrator, func() error) {
	t.Helper()
	db := emptyDB(t)
	_, err := New(db, Options{Migrations: migrations(t, map[string]string{oldTable: makeTable})}).Apply(t.Context())
	require.NoError(t, err)
	files := migrations(t, map[string]string{oldTable: makeTable, newIndex: noTransaction + content})
	migrator := New(db, Options{Migrations: files})
	_, err = New(db, Options{Migrations: migrations(t, map[string]string{
		oldTable: makeTable, newIndex: noTransaction + "ALTER TABLE one ADD COLUMN x int;\nSELECT nothing;\nSELECT 1;",
	})}).Apply(t.Context())
	require.Error(t, err)
	// An attempt that was killed has not written down why it ended.
	execute(t, db, `UPDATE atlas_schema_revisions SET error = '', error_stmt = '' WHERE version = '20260102000000'`)
	for _, statement := range leftover {
		execute(t, db, statement)
	}
	status, err := migrator.Status(t.Context())
	require.NoError(t, err)
	require.NotNil(t, status.Half)
	assert.Equal(t, []int{1, 3}, []int{status.Half.Done, status.Half.Of})
	assert.Empty(t, status.Half.Reason)
	return migrator, func() error {
		_, err := migrator.Apply(t.Context())
		return err
	}
}

const buildIndex = "ALTER TABLE one ADD COLUMN x int;\nCREATE INDEX CONCURRENTLY one_id ON one (id);\nALTER TABLE one ADD COLUMN y int;\n"

func TestKilledWhileItBuiltAnIndex(t *testing.T) {
	t.Parallel()
	for name, leftover := range map[string][]string{
		"before it began":   nil,
		"half-way":          {`CREATE INDEX one_id ON one (id)`, `UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'one_id'::regclass`},
		"after it was done": {`CREATE INDEX one_id ON one (id)`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			migrator, again := killedAt(t, buildIndex, leftover...)

			require.NoError(t, again())

			assert.True(t, query[bool](t, migrator.db, `SELECT indisvalid FROM pg_index WHERE indexrelid = 'one_id'::regclass`))
			assert.Equal(t, 3, query[int](t, migrator.db, `SELECT applied FROM atlas_schema_revisions WHERE version = '20260102000000'`))
		})
	}
}

func TestKilledAfterItDroppedAnIndex(t *testing.T) {
	t.Parallel()
	_, again := killedAt(t, "ALTER TABLE one ADD COLUMN x int;\nDROP INDEX CONCURRENTLY one_id;\nALTER TABLE one ADD COLUMN y int;\n")

	require.NoError(t, again())
}

// A name that was taken before the migration is no leftover of it.
func TestAnIndexOfAnotherIsNotTakenForALeftover(t *testing.T) {
	t.Parallel()
	db := emptyDB(t)
	migrator := New(db, Options{Migrations: migrations(t, map[string]string{
		oldTable: makeTable + "CREATE INDEX one_id ON one (id);\n", newIndex: noTransaction + buildIndex,
	})})
	for range 2 {
		_, err := migrator.Apply(t.Context())
		require.ErrorContains(t, err, `relation "one_id" already exists`)
	}
}

func TestAFailedIndexIsBuiltAgain(t *testing.T) {
	t.Parallel()
	db := emptyDB(t)
	migrator := New(db, Options{Migrations: migrations(t, map[string]string{
		oldTable: makeTable + "INSERT INTO one VALUES (1), (1);\n",
		newIndex: noTransaction + "CREATE UNIQUE INDEX CONCURRENTLY one_id ON one (id);\n",
	})})
	_, err := migrator.Apply(t.Context())
	require.ErrorContains(t, err, "Key (id)=(1) is duplicated")
	assert.False(t, query[bool](t, db, `SELECT indisvalid FROM pg_index WHERE indexrelid = 'one_id'::regclass`))
	execute(t, db, `DELETE FROM one`)

	_, err = migrator.Apply(t.Context())

	require.NoError(t, err)
	assert.True(t, query[bool](t, db, `SELECT indisvalid FROM pg_index WHERE indexrelid = 'one_id'::regclass`))
}

// A statement and its record are one: where the record cannot be written, the
// statement has not run.
func TestAStatementAndItsRecordAreOne(t *testing.T) {
	t.Parallel()
	db := emptyDB(t)
	execute(t, db, createHistory)
	execute(t, db, `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF NEW.applied = 2 THEN RAISE ''no more''; END IF; RETURN NEW; END'`)
	execute(t, db, `CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON atlas_schema_revisions FOR EACH ROW EXECUTE FUNCTION refuse()`)

	_, err := New(db, Options{Migrations: migrations(t, map[string]string{
		oldTable: noTransaction + "CREATE TABLE one (id int);\nCREATE TABLE two (id int);\n",
	})}).Apply(t.Context())

	require.ErrorContains(t, err, "no more")
	assert.True(t, hasTable(t, db, "one"))
	assert.False(t, hasTable(t, db, "two"))
}

// failures counts what a server refused, and would have logged as an error.
type failures struct{ found []string }

func (f *failures) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	return context.WithValue(ctx, f, q.SQL)
}

func (f *failures) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryEndData) {
	if q.Err != nil {
		f.found = append(f.found, fmt.Sprintf("%v: %v", ctx.Value(f), q.Err))
	}
}

func TestNothingIsTriedThatTheServerRefuses(t *testing.T) {
	t.Parallel()
	conf, err := pgx.ParseConfig(testdb.Empty(t))
	require.NoError(t, err)
	refused := &failures{}
	conf.Tracer = refused
	db := stdlib.OpenDB(*conf)
	t.Cleanup(func() { require.NoError(t, db.Close()) })

	_, err = New(db, Options{}).Apply(t.Context())

	require.NoError(t, err)
	require.Empty(t, refused.found)
}
