package atlas_test

import (
	"database/sql"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/atlas"
	"nof0/atlas/atlastest"
	"nof0/atlas/rows"
	"nof0/entities"
	"nof0/internal/testdb"
)

// The gate: nothing in the shipped migrations hurts a database in use, and they
// only grew. What they are compared with is printed by `make schema-check`,
// which also says so where there is nothing to compare them with.
func TestShippedMigrationsPassLint(t *testing.T) {
	t.Parallel()
	scratch, err := atlas.NewScratch(os.Getenv("DATABASE_URL"))
	require.NoError(t, err)
	bases, err := atlas.FindBases(t.Context(), "migrations", os.Getenv("NOF0_TEST_MIGRATION_BASE"))
	if none, ok := errors.AsType[*atlas.NoBaseError](err); ok {
		t.Log("NOT CHECKED:", none)
	} else {
		require.NoError(t, err)
	}
	for _, reviewed := range [][]atlas.Base{bases, nil} {
		report, err := atlas.Lint(t.Context(), atlas.LintParams{
			Scratch: scratch, Migrations: atlas.Migrations(), Rollbacks: atlas.Rollbacks(), Bases: reviewed,
		})
		require.NoError(t, err)
		assert.Empty(t, report.Refused())
	}
}

// The gate: each migration is applied to a database with rows in every table,
// undone, and applied again, and no row of before is lost or changed.
func TestEachShippedMigrationGoesUpDownUpWithRows(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("pgx", testdb.Empty(t))
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	migrator := atlas.New(db, atlas.Options{})
	status, err := migrator.Status(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, status.Pending)

	fill := func() {
		require.NoError(t, rows.Fill(t.Context(), db, rows.FillOptions{Rows: 50, Few: 10}))
	}
	digests := func() map[string]string {
		found, err := rows.Digests(t.Context(), db)
		require.NoError(t, err)
		return found
	}
	// What is gone is a matter of lint.
	kept := func(before, after map[string]string) map[string]string {
		common := map[string]string{}
		for column := range before {
			if digest, ok := after[column]; ok {
				common[column] = digest
			}
		}
		return common
	}
	// Candles are computed from rows: one migration adds those of minutes, and makes the
	// longer ones anew, the same but for when that was.
	without := func(digests map[string]string, columns ...string) map[string]string {
		maps.DeleteFunc(digests, func(column, _ string) bool {
			return slices.ContainsFunc(columns, func(c string) bool { return strings.HasPrefix(column, c) })
		})
		return digests
	}
	previous := "0"
	for _, file := range status.Pending {
		version := file[:len("20060102150405")]
		before := digests()
		var more, anew []string
		if strings.HasSuffix(file, "_equity_candles_of_minutes.sql") {
			more, anew = []string{"equity_candles"}, []string{"equity_candles.created_at", "equity_candles.updated_at"}
		}
		up := func(when string) map[string]string {
			report, err := migrator.ApplyTo(t.Context(), version)
			require.NoError(t, err, "%s: %s", file, when)
			require.Len(t, report.Files, 1)
			after := digests()
			assert.Equal(t, without(kept(after, before), more...), without(kept(before, after), more...), "%s: %s", file, when)
			return after
		}
		applied := up("up")
		fill()
		report, err := migrator.DownTo(t.Context(), previous)
		require.NoError(t, err, "%s: down", file)
		require.Len(t, report.Files, 1)
		after := digests()
		assert.Equal(t, slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(after)), "%s: down leaves nothing of it", file)
		stayed := without(kept(applied, before), anew...) // what a contraction took away comes back empty
		assert.Equal(t, stayed, kept(stayed, after), "%s: down", file)
		up("up again")
		fill()
		for column, digest := range digests() {
			assert.NotEqual(t, "0", digest, "%s has no rows", column)
		}
		previous = version
	}
	scratch, err := atlas.NewScratch(os.Getenv("DATABASE_URL"))
	require.NoError(t, err)
	require.NoError(t, atlas.Drift(t.Context(), db, scratch, atlas.Migrations()))
}

// tradeOfTomorrow is an entity with one field more.
type tradeOfTomorrow struct {
	entities.Trade

	Tomorrow *string `gorm:"type:text"`
}

// The whole road of a change: a struct tag, diff, review by lint, apply, and
// nothing is left to do.
func TestAFieldMoreIsOneStatement(t *testing.T) {
	t.Parallel()
	scratch, err := atlas.NewScratch(os.Getenv("DATABASE_URL"))
	require.NoError(t, err)
	root := t.TempDir()
	require.NoError(t, os.CopyFS(root, os.DirFS(".")))
	models := entities.All()
	at := slices.IndexFunc(models, func(m any) bool { _, ok := m.(*entities.Trade); return ok })
	models[at] = &tradeOfTomorrow{}
	generate := func(name string) []string {
		written, err := atlas.Generate(t.Context(), atlas.GenerateParams{
			Models: models, Root: root, Name: name, Scratch: scratch, Now: time.Now(),
		})
		require.NoError(t, err)
		return written
	}

	written := generate("add_trade_tomorrow")

	require.Len(t, written, 2)
	for folder, want := range map[string]string{
		"migrations": "-- Modify \"trades\" table\nALTER TABLE \"trades\" ADD COLUMN \"tomorrow\" text NULL;\n",
		"rollback":   "-- Undoes " + written[0] + ".\n\nALTER TABLE \"trades\" DROP COLUMN \"tomorrow\";\n",
	} {
		content, err := os.ReadFile(filepath.Join(root, folder, written[0]))
		require.NoError(t, err)
		assert.Equal(t, want, string(content))
	}

	files, rollbacks := os.DirFS(filepath.Join(root, "migrations")), os.DirFS(filepath.Join(root, "rollback"))
	report, err := atlas.Lint(t.Context(), atlas.LintParams{Scratch: scratch, Migrations: files, Rollbacks: rollbacks, Members: []string{"tomorrow"}})
	require.NoError(t, err)
	assert.Empty(t, report.Refused())

	db, err := sql.Open("pgx", testdb.New(t, atlastest.Migrator{}))
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	applied, err := atlas.New(db, atlas.Options{Migrations: files}).Apply(t.Context())
	require.NoError(t, err)
	require.Len(t, applied.Files, 2)
	assert.Equal(t, 1, applied.Files[0].Statements)
	_, err = db.ExecContext(t.Context(), `SELECT tomorrow FROM trades`)
	require.NoError(t, err)

	assert.Empty(t, generate("again"))
	schemaSQL, err := os.ReadFile(filepath.Join(root, "schema.sql"))
	require.NoError(t, err)
	require.NoError(t, atlas.InSync(t.Context(), atlas.InSyncParams{Scratch: scratch, Models: models, Schema: string(schemaSQL), Migrations: files}))
}
