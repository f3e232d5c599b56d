package atlas

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/entities"
)

func TestDiffRefusesARename(t *testing.T) {
	t.Parallel()
	files := built(t)
	for name, c := range map[string]struct {
		from, to string
		want     []string
	}{
		"of a column": {`"note" text`, `"remark" text`, []string{
			"column note of items goes and remark comes with the same type", "CREATE TRIGGER keep_remark BEFORE INSERT OR UPDATE ON items", "UPDATE items SET remark = note", "contract_note",
		}},
		"of a table": {`"items"`, `"goods"`, []string{"table items goes and table goods comes with the same columns", `TableName() returns "items"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			params := differ(t, files, strings.ReplaceAll(testSchema, c.from, c.to))
			written, err := Diff(t.Context(), params)
			require.Empty(t, written)
			var renamed *RenameError
			require.ErrorAs(t, err, &renamed)
			for _, want := range c.want {
				assert.Contains(t, err.Error(), want)
			}
			left, err := os.ReadDir(params.Migrations)
			require.NoError(t, err)
			assert.Len(t, left, 2, "the file and its sum")
		})
	}
	t.Run("not a column of another type", func(t *testing.T) {
		t.Parallel()
		written, err := Diff(t.Context(), differ(t, files, strings.Replace(testSchema, `"note" text`, `"weight" bigint`, 1)))
		require.NoError(t, err)
		require.Len(t, written, 1)
	})
}

// A generated contraction takes the triggers that use its column along, its
// rollback brings them back, and lint finds nothing.
func TestAGeneratedContractionTakesItsTriggersAlong(t *testing.T) {
	t.Parallel()
	files := built(t)
	names := []string{}
	contents := map[string]string{}
	for name, file := range files {
		if strings.HasSuffix(name, ".sql") {
			names, contents[name] = append(names, name), string(file.Data)
		}
	}
	const expand = "20261225183001_expand.sql"
	contents[expand] = `CREATE FUNCTION keep_note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note := COALESCE(NEW.note, 'none; or "$1"'); RETURN NEW; END $$;
CREATE TRIGGER keep_note BEFORE INSERT OR UPDATE ON items FOR EACH ROW EXECUTE FUNCTION keep_note();
CREATE TRIGGER keep_other BEFORE UPDATE OF note ON items FOR EACH ROW WHEN (NEW.note IS NULL) EXECUTE FUNCTION keep_note();
CREATE FUNCTION notes() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(note) FROM items); END $$;
`
	params := differ(t, migrations(t, contents), strings.Replace(testSchema, "  \"note\" text,\n", "", 1))
	params.Name = "contract_note"

	written, err := Diff(t.Context(), params)

	require.NoError(t, err)
	require.Equal(t, []string{"20261225183002_contract_note.sql"}, written)
	forth, back := read(t, params.Migrations, written[0]), read(t, params.Rollbacks, written[0])
	assert.Contains(t, forth, `DROP TRIGGER "keep_note" ON "items";`)
	assert.Contains(t, forth, `DROP FUNCTION keep_note();`)
	assert.Contains(t, forth, "FUNCTION notes() names what goes: drop or replace it in this file")
	assert.NotContains(t, back, "public.")

	mended := strings.Replace(forth, "ALTER TABLE", "DROP FUNCTION notes();\nALTER TABLE", 1)
	require.NoError(t, os.WriteFile(filepath.Join(params.Migrations, written[0]), []byte(mended), 0o600))
	require.NoError(t, WriteSum(params.Migrations))
	back += "CREATE FUNCTION notes() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(note) FROM items); END $$;"
	report, err := Lint(t.Context(), LintParams{
		Scratch: params.Scratch, Migrations: os.DirFS(params.Migrations),
		Rollbacks: fstest.MapFS{
			written[0]: {Data: []byte(back)}, names[0]: {Data: []byte(byHand)},
			expand: {Data: []byte("DROP TRIGGER keep_note ON items; DROP TRIGGER keep_other ON items; DROP FUNCTION keep_note; DROP FUNCTION notes;")},
		},
	})
	require.NoError(t, err)
	for _, finding := range report.Refused() {
		assert.Equal(t, names[0], finding.File, "%+v", finding)
	}
}

func TestFillGoesThroughEveryRow(t *testing.T) {
	t.Parallel()
	db := emptyDB(t)
	execute(t, db, `CREATE TABLE one (id bigint PRIMARY KEY, venue text, extra jsonb, pad text) WITH (autovacuum_enabled = false)`)
	execute(t, db, `CREATE TABLE many (id bigint, venue text, extra jsonb, pad text, at timestamptz) PARTITION BY RANGE (at)`)
	execute(t, db, `CREATE TABLE many_1 PARTITION OF many FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')`)
	execute(t, db, `CREATE TABLE many_2 PARTITION OF many FOR VALUES FROM ('2026-02-01') TO ('2026-03-01')`)
	for _, table := range []string{"one", "many"} {
		columns := `i, NULL, CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN jsonb_build_object('venue', 'v' || i, 'other', i) WHEN 2 THEN jsonb_build_object('venue', 'v' || i) ELSE '{"venue": 5}' END, repeat('x', 700)`
		if table == "many" {
			columns += `, timestamptz '2026-01-20' + i * interval '1 minute'`
		}
		execute(t, db, `INSERT INTO `+table+` SELECT `+columns+` FROM generate_series(1, 30000) AS i`)
		fill := Fill(table, "venue = extra ->> 'venue', extra = NULLIF(extra - 'venue', '{}')", "venue IS NULL AND jsonb_typeof(extra -> 'venue') = 'string'")
		for range 2 {
			execute(t, db, fill)
			assert.Equal(t, 15000, query[int](t, db, `SELECT count(*) FROM `+table+` WHERE venue = 'v' || id`))
			assert.Equal(t, 7500, query[int](t, db, `SELECT count(*) FROM `+table+` WHERE extra = jsonb_build_object('other', id)`))
			assert.Equal(t, 7500, query[int](t, db, `SELECT count(*) FROM `+table+` WHERE extra = '{"venue": 5}'`))
			assert.Equal(t, 15000, query[int](t, db, `SELECT count(*) FROM `+table+` WHERE extra IS NULL`))
		}
	}
}

func TestATableThatIsInNoListIsNamed(t *testing.T) {
	t.Parallel()
	require.NoError(t, Unlisted(os.DirFS("../entities"), entities.All()))

	for forgotten, name := range map[any]string{&entities.Trade{}: "Trade", &entities.JSONMirror{}: "JSONMirror"} {
		var listed []any
		for _, model := range entities.All() {
			if tableName(model) != tableName(forgotten) {
				listed = append(listed, model)
			}
		}
		var unlisted *UnlistedError
		require.ErrorAs(t, Unlisted(os.DirFS("../entities"), listed), &unlisted)
		require.Equal(t, []string{name}, unlisted.Names)
	}

	err := Unlisted(fstest.MapFS{
		"fee.go":      {Data: []byte("package entities\ntype Fee struct { ID string `gorm:\"type:text;primaryKey\"` }\ntype Part struct { Sum float64 `gorm:\"type:numeric\"` }")},
		"rebate.go":   {Data: []byte("package entities\ntype Rebate struct { Key }\nfunc (*Rebate) TableName() string { return \"rebates\" }")},
		"fee_test.go": {Data: []byte("package entities\ntype Tested struct { ID string `gorm:\"primaryKey\"` }")},
	}, nil)
	require.ErrorContains(t, err, "Fee, Rebate: in package entities, with a table of its own, and not in All()")
}

func tableName(model any) string { return model.(interface{ TableName() string }).TableName() }
