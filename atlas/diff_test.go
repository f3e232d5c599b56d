package atlas

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var christmas = time.Date(2026, 12, 25, 18, 30, 0, 0, time.UTC)

// differ is a migration directory on disk with a schema to lead it to.
func differ(t *testing.T, files fs.FS, schemaSQL string) DiffParams {
	t.Helper()
	return DiffParams{
		Scratch:    newScratch(t),
		Migrations: onDisk(t, files),
		Rollbacks:  t.TempDir(),
		Schema:     schemaSQL,
		Name:       "change",
		Now:        christmas,
	}
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	return string(content)
}

// built are the files that Diff writes for the test models from nothing.
func built(t *testing.T) fstest.MapFS {
	t.Helper()
	params := differ(t, fstest.MapFS{}, testSchema)
	written, err := Diff(t.Context(), params)
	require.NoError(t, err)
	require.Equal(t, []string{"20261225183000_change.sql"}, written)
	return migrations(t, map[string]string{written[0]: read(t, params.Migrations, written[0])})
}

func TestDiff(t *testing.T) {
	t.Parallel()
	files := built(t)

	t.Run("is empty after itself", func(t *testing.T) {
		t.Parallel()
		params := differ(t, files, testSchema)
		written, err := Diff(t.Context(), params)
		require.NoError(t, err)
		assert.Empty(t, written)
		left, err := os.ReadDir(params.Migrations)
		require.NoError(t, err)
		assert.Len(t, left, 2, "the file and its sum")
	})

	t.Run("writes one statement for a new column", func(t *testing.T) {
		t.Parallel()
		params := differ(t, files, strings.Replace(testSchema, `  "note" text,`, `  "note" text,`+"\n"+`  "reason" text,`, 1))
		written, err := Diff(t.Context(), params)
		require.NoError(t, err)
		require.Equal(t, []string{"20261225183001_change.sql", "20261225183002_change_from_extra.sql"}, written, "not before the file it follows")
		assert.Equal(t, "-- Modify \"items\" table\nALTER TABLE \"items\" ADD COLUMN \"reason\" text NULL;\n", read(t, params.Migrations, written[0]))
		assert.Equal(t, "-- Undoes 20261225183001_change.sql.\n\nALTER TABLE \"items\" DROP COLUMN \"reason\";\n", read(t, params.Rollbacks, written[0]))
		require.NoError(t, Validate(os.DirFS(params.Migrations)))

		written, err = Diff(t.Context(), params)
		require.NoError(t, err)
		assert.Empty(t, written)
	})

	t.Run("builds a new index concurrently in a file of its own", func(t *testing.T) {
		t.Parallel()
		params := differ(t, files, strings.Replace(testSchema, `  "note" text,`, `  "note" text,`+"\n"+`  "reason" text,`, 1)+
			`CREATE INDEX "items_symbol" ON "items" ("symbol");`)
		written, err := Diff(t.Context(), params)
		require.NoError(t, err)
		require.Equal(t, []string{"20261225183001_change.sql", "20261225183002_change_from_extra.sql", "20261225183003_change_indexes.sql"}, written)
		assert.NotContains(t, read(t, params.Migrations, written[0]), "INDEX")
		assert.Equal(t, "-- atlas:txmode none\n\n-- Create index \"items_symbol\" to table: \"items\"\nCREATE INDEX CONCURRENTLY \"items_symbol\" ON \"items\" (\"symbol\");\n",
			read(t, params.Migrations, written[2]))

		db := emptyDB(t)
		migrator := New(db, Options{Migrations: os.DirFS(params.Migrations), Rollbacks: os.DirFS(params.Rollbacks)})
		_, err = migrator.Apply(t.Context())
		require.NoError(t, err)
		for range 3 {
			_, err = migrator.Down(t.Context())
			require.NoError(t, err)
		}
		assert.False(t, hasTable(t, db, "items_symbol"))
		assert.True(t, hasTable(t, db, "items"))
	})

	t.Run("leaves the partitions out of an index of a partitioned table", func(t *testing.T) {
		t.Parallel()
		params := differ(t, files, testSchema+`CREATE INDEX "ticks_at" ON "ticks" ("at");`)
		written, err := Diff(t.Context(), params)
		require.NoError(t, err)
		require.Equal(t, []string{"20261225183001_change.sql"}, written, "named after what it does, and no more")
		assert.Contains(t, read(t, params.Migrations, written[0]), `CREATE INDEX "ticks_at" ON ONLY "ticks" ("at");`)
	})

	t.Run("does not see partitions, views and functions", func(t *testing.T) {
		t.Parallel()
		var by string
		for name, file := range files {
			if strings.HasSuffix(name, ".sql") {
				by = string(file.Data)
			}
		}
		params := differ(t, migrations(t, map[string]string{
			"20261225183000_change.sql": by,
			"20261225183001_more.sql": `CREATE TABLE ticks_2026_12 PARTITION OF ticks FOR VALUES FROM ('2026-12-01') TO ('2027-01-01');
CREATE VIEW v_items AS SELECT * FROM items;
CREATE FUNCTION one() RETURNS int LANGUAGE sql AS $$ SELECT 1; $$;
`,
		}), testSchema)
		written, err := Diff(t.Context(), params)
		require.NoError(t, err)
		assert.Empty(t, written)
	})

	t.Run("says which statement of the schema the database refuses", func(t *testing.T) {
		t.Parallel()
		_, err := Diff(t.Context(), differ(t, files, testSchema+"CREATE INDEX ON nowhere (id);\n"))
		var failed *StatementError
		require.ErrorAs(t, err, &failed)
		assert.Equal(t, "schema.sql", failed.File)
		assert.Equal(t, "CREATE INDEX ON nowhere (id);", failed.Statement)
	})

	t.Run("refuses a directory that is not its sum", func(t *testing.T) {
		t.Parallel()
		params := differ(t, files, testSchema)
		require.NoError(t, os.WriteFile(filepath.Join(params.Migrations, "20261225183001_more.sql"), []byte("SELECT 1;"), 0o600))
		_, err := Diff(t.Context(), params)
		var sum *SumError
		require.ErrorAs(t, err, &sum)
		assert.Equal(t, "20261225183001_more.sql", sum.File)

		require.NoError(t, WriteSum(params.Migrations))
		_, err = Diff(t.Context(), params)
		require.NoError(t, err)
	})

	for _, name := range []string{"", "Add Fees", "a/b", "_x", "x__y"} {
		t.Run("refuses the name "+name, func(t *testing.T) {
			t.Parallel()
			params := differ(t, files, testSchema)
			params.Name = name
			_, err := Diff(t.Context(), params)
			var invalid *NameError
			require.ErrorAs(t, err, &invalid)
		})
	}
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, "migrations"), 0o700))
	require.NoError(t, os.MkdirAll(filepath.Join(root, "rollback"), 0o700))
	params := GenerateParams{Models: testModels(), Root: root, Name: "initial", Scratch: newScratch(t), Now: christmas}

	written, err := Generate(t.Context(), params)

	require.NoError(t, err)
	assert.Equal(t, []string{"20261225183000_initial.sql"}, written)
	assert.Equal(t, testSchema, read(t, root, "schema.sql"))
	require.NoError(t, InSync(t.Context(), InSyncParams{
		Scratch:    params.Scratch,
		Models:     params.Models,
		Schema:     testSchema,
		Migrations: os.DirFS(filepath.Join(root, "migrations")),
	}))
	written, err = Generate(t.Context(), params)
	require.NoError(t, err)
	assert.Empty(t, written)
}

func TestScratchLeavesNothing(t *testing.T) {
	t.Parallel()
	db, drop, err := newScratch(t).create(t.Context())
	require.NoError(t, err)
	name := query[string](t, db, `SELECT current_database()`)
	require.NoError(t, drop(t.Context()))

	assert.Zero(t, query[int](t, emptyDB(t), `SELECT count(*) FROM pg_database WHERE datname = $1`, name))
}
