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
		require.Len(t, written, 2)
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

// TestMembersMoveToTheirColumns adds a column of each type to a table whose rows
// have members of their names in extra: those that the type expresses are in the
// column afterwards, and in extra again after the way back, whoever wrote them.
func TestMembersMoveToTheirColumns(t *testing.T) {
	t.Parallel()
	const initial, undo = "20261225183000_initial.sql", "DROP TABLE docs; DROP TABLE other;"
	before := `CREATE TABLE "docs" ("id" bigint NOT NULL, "extra" jsonb NULL, PRIMARY KEY ("id"));
CREATE TABLE "other" ("id" bigint NOT NULL, PRIMARY KEY ("id"));
`
	after := strings.Replace(before, `"extra" jsonb NULL,`, `"extra" jsonb NULL, "strategy" text NULL, "weight" double precision NULL, "count" bigint NULL, "few" integer NULL, "done" boolean NULL,
		"plan" jsonb NULL, "at" timestamptz NULL, "kind" text NOT NULL DEFAULT 'a',`, 1)
	after = strings.Replace(after, `"other" ("id" bigint NOT NULL,`, `"other" ("id" bigint NOT NULL, "strategy" text NULL,`, 1)
	params := differ(t, migrations(t, map[string]string{initial: before}), after)
	require.NoError(t, os.WriteFile(filepath.Join(params.Rollbacks, initial), []byte(undo), 0o600))

	written, err := Diff(t.Context(), params)

	require.NoError(t, err)
	require.Equal(t, []string{"20261225183001_change.sql", "20261225183002_change_from_extra.sql"}, written)
	require.NotContains(t, read(t, params.Migrations, written[1]), "other", "it has no extra")
	lint := func() []Finding {
		report, err := Lint(t.Context(), LintParams{
			Scratch: params.Scratch, Migrations: os.DirFS(params.Migrations), Rollbacks: os.DirFS(params.Rollbacks),
			Members: []string{"strategy", "weight", "count", "few", "done", "plan", "at", "kind"},
		})
		require.NoError(t, err)
		return report.Refused()
	}
	require.Empty(t, lint())

	db := emptyDB(t)
	migrator := New(db, Options{Migrations: os.DirFS(params.Migrations), Rollbacks: os.DirFS(params.Rollbacks)})
	_, err = migrator.ApplyTo(t.Context(), "20261225183000")
	require.NoError(t, err)
	rows := []struct{ extra, columns string }{
		{`{"strategy": "breakout", "weight": 1.5, "count": 12, "few": -3, "done": false, "plan": {"a": [1]}, "at": 1761000000.25, "note": 1}`, `(breakout,1.5,12,-3,f,"{""a"": [1]}","2025-10-20 22:40:00.25+00")`},
		{`{"strategy": "", "weight": 0, "count": 9223372036854775807, "few": 2147483647, "done": true, "plan": null, "at": 0}`, `("",0,9223372036854775807,2147483647,t,null,"1970-01-01 00:00:00+00")`},
		// What the types do not express.
		{`{"strategy": 5, "weight": "1.5", "count": 1.5, "few": 2147483648, "done": 1, "at": 1.0000001}`, `(,,,,,,)`},
		{`{"strategy": null, "weight": 1e400, "count": 9223372036854775808, "few": "x", "done": null, "at": 1e300}`, `(,,,,,,)`},
		{`{"strategy": ["x"], "weight": 1e-350, "count": {}, "few": 0.1, "done": "true", "at": -1}`, `(,,,,,,)`},
		{`{}`, `(,,,,,,)`},
	}
	for i, row := range rows {
		_, err := db.ExecContext(t.Context(), `INSERT INTO docs VALUES ($1, $2)`, i, row.extra)
		require.NoError(t, err)
	}
	execute(t, db, `INSERT INTO docs VALUES (99)`)
	extras := func() string {
		return query[string](t, db, `SELECT string_agg(id || ' ' || coalesce(extra::text, ''), E'\n' ORDER BY id) FROM docs WHERE id < 100`)
	}
	stored := extras()
	_, err = migrator.Apply(t.Context())
	require.NoError(t, err)
	for i, row := range rows {
		require.Equal(t, row.columns, query[string](t, db, `SELECT ROW(strategy, weight, count, few, done, plan, at AT TIME ZONE 'UTC' AT TIME ZONE 'UTC')::text FROM docs WHERE id = $1`, i), row.extra)
	}
	require.Equal(t, stored, extras(), "binaries that do not know the columns answer from there")

	// A binary that keeps the members in their columns alone.
	execute(t, db, `INSERT INTO docs (id, extra, strategy, weight, count, plan, at) VALUES (100, '{"note": 2}', 'new', 2.5, 7, '[2]', to_timestamp(1761000000.125)), (101, NULL, 'x', NULL, NULL, NULL, NULL)`)
	for range 2 {
		_, err = migrator.Down(t.Context())
		require.NoError(t, err)
	}
	require.Equal(t, stored, extras())
	require.JSONEq(t, `{"note": 2, "strategy": "new", "weight": 2.5, "count": 7, "plan": [2], "at": 1761000000.125}`, query[string](t, db, `SELECT extra::text FROM docs WHERE id = 100`))
	require.JSONEq(t, `{"strategy": "x"}`, query[string](t, db, `SELECT extra::text FROM docs WHERE id = 101`))

	// Lint misses what is taken away.
	moves := read(t, params.Migrations, written[1])
	rewrite := func(name, content string) {
		require.NoError(t, os.WriteFile(filepath.Join(params.Migrations, name), []byte(content), 0o600))
		require.NoError(t, WriteSum(params.Migrations))
	}
	rewrite(written[1], strings.Replace(moves, "weight = (extra ->> 'weight')::float8", "strategy = extra ->> 'strategy'", 1))
	found := lint()
	require.Len(t, found, 1)
	require.Equal(t, RuleUnmoved, found[0].Rule)
	require.Equal(t, written[0], found[0].File)
	require.Contains(t, found[0].Text, `it adds column "weight" to "docs"`)
	rewrite(written[1], "SELECT 1; -- UPDATE docs SET strategy = extra ->> 'strategy'\n")
	require.Len(t, lint(), 7)
	rewrite(written[0], "-- nof0:nolint unmoved: nobody has sent them\n"+read(t, params.Migrations, written[0]))
	require.Empty(t, lint())
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
