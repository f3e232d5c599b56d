package atlas

import (
	"fmt"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// base is what the files of the lint tests find.
const base = `CREATE TABLE "things" ("id" bigint NOT NULL, "name" text NULL, "size" integer NULL, PRIMARY KEY ("id"));
CREATE TABLE "parts" ("id" bigint NOT NULL, "thing_id" bigint NOT NULL, PRIMARY KEY ("id"));
CREATE TABLE "ticks" ("at" timestamptz NOT NULL, "price" double precision NOT NULL, PRIMARY KEY ("at")) PARTITION BY RANGE ("at");
CREATE INDEX "things_name" ON "things" ("name");
CREATE VIEW "v_things" AS SELECT "id" FROM "things";
`

const undoBase = `DROP VIEW v_things; DROP TABLE ticks; DROP TABLE parts; DROP TABLE things;`

// lint lints a file after those that it finds, with what undoes it.
func lint(t *testing.T, name, content, undo string) []Finding {
	t.Helper()
	const initial = "20260101000000_initial.sql"
	report, err := Lint(t.Context(), LintParams{
		Scratch:    newScratch(t),
		Migrations: migrations(t, map[string]string{initial: base, name: content}),
		Rollbacks:  fstest.MapFS{initial: {Data: []byte(undoBase)}, name: {Data: []byte(undo)}},
	})
	require.NoError(t, err)
	assert.Equal(t, []string{initial, name}, report.Files)
	return report.Findings
}

func TestLint(t *testing.T) {
	t.Parallel()

	const none = "-- atlas:txmode none\n\n"
	type found struct {
		rule Rule
		line int
		text string
	}
	for name, test := range map[string]struct {
		file    string // the name of the migration; change without one
		content string
		want    []found
	}{
		"a nullable column": {content: `ALTER TABLE things ADD COLUMN note text;`},
		"a column with a constant default": {
			content: `ALTER TABLE things ADD COLUMN kind text NOT NULL DEFAULT 'plain';`,
		},
		"a new table with all its belongings": {
			content: `CREATE TABLE news (id bigserial PRIMARY KEY, thing bigint NOT NULL CHECK (thing > 0));
CREATE UNIQUE INDEX news_thing ON news (thing);
INSERT INTO news (thing) VALUES (1);
UPDATE news SET thing = 2;
ALTER TABLE news ALTER COLUMN thing TYPE numeric;`,
		},
		"a column dropped": {
			content: "\n-- It is not used.\nALTER TABLE things DROP COLUMN size;",
			want:    []found{{RuleDestructive, 3, `Dropping non-virtual column "size"`}},
		},
		"a column dropped by a contraction": {
			file:    "contract_size",
			content: `ALTER TABLE things DROP COLUMN size;`,
			want:    []found{{RuleDestructive, 1, `Dropping non-virtual column "size"`}},
		},
		"a table dropped":            {content: `DROP TABLE parts;`, want: []found{{RuleDestructive, 1, `Dropping table "parts"`}}},
		"a table made and dropped":   {content: "CREATE TABLE x (id int);\nDROP TABLE x;"},
		"a view dropped":             {content: `DROP VIEW v_things;`, want: []found{{RuleDestructive, 1, "Dropping view v_things"}}},
		"a view replaced":            {content: "DROP VIEW v_things;\nCREATE VIEW v_things AS SELECT id, name FROM things;"},
		"rows deleted":               {content: `DELETE FROM things WHERE id = 1;`, want: []found{{RuleDestructive, 1, `it deletes rows of "things"`}}},
		"rows truncated":             {content: `TRUNCATE things;`, want: []found{{RuleDestructive, 1, `it deletes every row of "things"`}}},
		"rows updated":               {content: `UPDATE things SET name = 'x';`, want: []found{{RuleDataDepend, 1, `it changes rows of "things" in one transaction, however many there are`}}},
		"rows inserted or corrected": {content: `INSERT INTO things (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET name = 'x';`},
		"not null without a default": {
			content: `ALTER TABLE things ADD COLUMN note text NOT NULL;`,
			want:    []found{{RuleDataDepend, 1, `Adding the column "note", NOT NULL and without a default, fails where "things" has rows`}},
		},
		"null no longer allowed": {
			content: `ALTER TABLE things ALTER COLUMN name SET NOT NULL;`,
			want:    []found{{RuleDataDepend, 1, `Making the column "name" of "things" NOT NULL fails where it is null, and looks at every row under a lock: validate a check (name IS NOT NULL) first`}},
		},
		"a unique index": {
			content: none + `CREATE UNIQUE INDEX CONCURRENTLY things_one ON things (name);`,
			want:    []found{{RuleDataDepend, 3, `Adding a unique index "things_one" on table "things" might fail in case column "name" contains duplicate entries`}},
		},
		"a check of every row": {
			content: `ALTER TABLE things ADD CONSTRAINT positive CHECK (size > 0);`,
			want:    []found{{RuleDataDepend, 1, `the constraint "positive" is checked against every row of "things" while it is locked: add it NOT VALID, and validate it in a later file`}},
		},
		"a check of new rows": {content: `ALTER TABLE things ADD CONSTRAINT positive CHECK (size > 0) NOT VALID;`},
		"a check that is validated afterwards": {
			content: none + "ALTER TABLE things ADD CONSTRAINT positive CHECK (size > 0) NOT VALID;\nALTER TABLE things VALIDATE CONSTRAINT positive;",
		},
		"a foreign key": {
			content: `ALTER TABLE parts ADD CONSTRAINT of_thing FOREIGN KEY (thing_id) REFERENCES things (id) ON DELETE CASCADE;`,
			want:    []found{{RuleDataDepend, 1, `the constraint "of_thing" is checked against every row of "parts" while it is locked: add it NOT VALID, and validate it in a later file`}},
		},
		"a column renamed": {
			content: `ALTER TABLE things RENAME COLUMN size TO extent;`,
			want:    []found{{RuleIncompatible, 1, `Renaming column "size" to "extent"`}},
		},
		"a table renamed": {
			content: `ALTER TABLE parts RENAME TO pieces;`,
			want:    []found{{RuleIncompatible, 1, `Renaming table "parts" to "pieces"`}},
		},
		"another type": {
			content: `ALTER TABLE things ALTER COLUMN size TYPE bigint;`,
			want: []found{
				{RuleRewrite, 1, `it writes "things" anew while nobody can read it`},
				{RuleIncompatible, 1, `Changing the type of column "size" from integer to bigint`},
			},
		},
		"a default that differs by row": {
			content: `ALTER TABLE things ADD COLUMN token uuid NOT NULL DEFAULT gen_random_uuid();`,
			want:    []found{{RuleRewrite, 1, `it writes "things" anew while nobody can read it`}},
		},
		"an index that blocks": {
			content: `CREATE INDEX things_size ON things (size);`,
			want:    []found{{RuleConcurrentIndex, 1, `it builds an index on "things" while nobody can write to it`}},
		},
		"an index that does not": {content: none + `CREATE INDEX CONCURRENTLY things_size ON things (size);`},
		"an index that blocks outside a transaction": {
			content: none + `CREATE INDEX things_size ON things (size);`,
			want:    []found{{RuleConcurrentIndex, 3, `it builds an index on "things" while nobody can write to it`}},
		},
		"an index on a partitioned table": {
			content: `CREATE INDEX ticks_price ON ticks (price);`,
			want:    []found{{RuleConcurrentIndex, 1, `it builds an index on "ticks" while nobody can write to it`}},
		},
		"an index on a partitioned table alone": {content: `CREATE INDEX ticks_price ON ONLY ticks (price);`},
		"no lock timeout by a directive": {
			content: "-- nof0:lock_timeout 0\n\nALTER TABLE things ADD COLUMN note text;",
			want:    []found{{RuleLockTimeout, 3, `it takes AccessExclusiveLock on "things" without lock_timeout`}},
		},
		"no lock timeout by a setting": {
			content: "SET lock_timeout = 0;\nALTER TABLE things ADD COLUMN note text;",
			want:    []found{{RuleLockTimeout, 2, `it takes AccessExclusiveLock on "things" without lock_timeout`}},
		},
		"a longer lock timeout": {content: "-- nof0:lock_timeout 20s\n\nALTER TABLE things ADD COLUMN note text;"},
		"allowed with a reason": {
			content: "-- nof0:nolint destructive: it was never written\n\nALTER TABLE things DROP COLUMN size;",
			want:    []found{{RuleDestructive, 3, `Dropping non-virtual column "size"`}},
		},
		"allowed for nothing": {
			content: "-- nof0:nolint rewrite: once it did\n\nALTER TABLE things ADD COLUMN note text;",
			want:    []found{{RuleNolint, 0, "it allows rewrite, and does nothing of the kind"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.file == "" {
				test.file = "change"
			}
			var got []found
			for _, f := range lint(t, "20260102000000_"+test.file+".sql", test.content, "-- "+byHand) {
				if f.Rule != RuleRollback { // see TestLintRunsTheWayBack
					got = append(got, found{f.Rule, f.Line, f.Text})
				}
			}
			assert.ElementsMatch(t, test.want, got)
		})
	}
}

// What a file leaves that no row can be written to is found, and named where a
// function says why.
func TestLintWritesRows(t *testing.T) {
	t.Parallel()
	const (
		keep = `CREATE FUNCTION keep_label() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  %s
  RETURN COALESCE(NEW, OLD);
END $$;
CREATE TRIGGER keep_label BEFORE %s ON things FOR EACH ROW EXECUTE FUNCTION keep_label();
`
		both = "name := COALESCE(NEW.name, NEW.size::text);"
	)
	for name, c := range map[string]struct {
		before, change, undo string
		want                 []string
	}{
		"a contraction that forgets its trigger": {
			before: fmt.Sprintf(keep, "NEW."+both, "INSERT OR UPDATE"),
			change: "ALTER TABLE things DROP COLUMN size;",
			undo:   "ALTER TABLE things ADD COLUMN size integer NULL;",
			want: []string{
				`dangling: it drops column "size" of "things", and function keep_label() still names it`,
				`unusable: after it, an INSERT of things fails: ERROR: record "new" has no field "size" (SQLSTATE 42703)`,
			},
		},
		"one that drops it": {
			before: fmt.Sprintf(keep, "NEW."+both, "INSERT OR UPDATE"),
			change: "DROP TRIGGER keep_label ON things; DROP FUNCTION keep_label(); ALTER TABLE things DROP COLUMN size;",
			undo:   "ALTER TABLE things ADD COLUMN size integer NULL;" + fmt.Sprintf(keep, "NEW."+both, "INSERT OR UPDATE"),
		},
		"one whose way back forgets it": {
			before: fmt.Sprintf(keep, "NEW."+both, "INSERT OR UPDATE"),
			change: "DROP TRIGGER keep_label ON things; DROP FUNCTION keep_label(); ALTER TABLE things DROP COLUMN size;",
			undo:   "ALTER TABLE things ADD COLUMN size integer NULL;",
			want: []string{
				"rollback: after its rollback the schema is not what it was: function keep_label() is missing",
				"rollback: after its rollback the schema is not what it was: trigger keep_label on things is missing",
				"rollback: it does not run again after its rollback",
			},
		},
		"a trigger that fails only for an update": {
			change: fmt.Sprintf(keep, "PERFORM OLD.nothing;", "UPDATE"),
			undo:   "DROP TRIGGER keep_label ON things; DROP FUNCTION keep_label();",
			want:   []string{`unusable: after it, an UPDATE of things fails: ERROR: record "old" has no field "nothing" (SQLSTATE 42703)`},
		},
		"a trigger that fails only for a delete": {
			change: fmt.Sprintf(keep, "INSERT INTO nowhere VALUES (1);", "DELETE"),
			undo:   "DROP TRIGGER keep_label ON things; DROP FUNCTION keep_label();",
			want:   []string{`unusable: after it, a DELETE of things fails: ERROR: relation "nowhere" does not exist (SQLSTATE 42P01)`},
		},
		"a function that names what goes and is not called": {
			before: "CREATE FUNCTION largest() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT max(size) FROM things); END $$;",
			change: "ALTER TABLE things DROP COLUMN size;",
			undo:   "ALTER TABLE things ADD COLUMN size integer NULL;",
			want:   []string{`dangling: it drops column "size" of "things", and function largest() still names it`},
		},
		"a way back that does not work": {
			change: "ALTER TABLE parts ADD COLUMN note text NULL;",
			undo:   "ALTER TABLE parts DROP COLUMN notes;",
			want:   []string{`rollback: its rollback fails`},
		},
		"a way back that leaves something": {
			change: "ALTER TABLE parts ADD COLUMN note text NULL; ALTER TABLE parts ADD COLUMN more text NULL;",
			undo:   "ALTER TABLE parts DROP COLUMN note;",
			want: []string{
				`rollback: after its rollback the schema is not what it was: ALTER TABLE "parts" DROP COLUMN "more";`,
				`rollback: it does not run again after its rollback`,
			},
		},
		"rows of its own": {
			change: "INSERT INTO things (id) VALUES (1), (2), (3);",
			undo:   "TRUNCATE things;",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const initial, expand, change = "20260101000000_initial.sql", "20260102000000_expand.sql", "20260103000000_contract_size.sql"
			report, err := Lint(t.Context(), LintParams{
				Scratch:    newScratch(t),
				Migrations: migrations(t, map[string]string{initial: base, expand: c.before, change: c.change}),
				Rollbacks: fstest.MapFS{
					initial: {Data: []byte(undoBase)}, change: {Data: []byte(c.undo)},
					expand: {Data: []byte("DROP TRIGGER IF EXISTS keep_label ON things; DROP FUNCTION IF EXISTS keep_label, largest;")},
				},
			})
			require.NoError(t, err)
			var got []string
			for _, f := range report.Refused() {
				require.Equal(t, change, f.File)
				got = append(got, string(f.Rule)+": "+f.Text)
			}
			require.Len(t, got, len(c.want), "%q", got)
			for i := range c.want {
				assert.Contains(t, got[i], c.want[i])
			}
		})
	}
}

func TestARollbackThatIsMissingIsFoundAndOneThatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	const name = "20260101000000_initial.sql"
	lintWith := func(t *testing.T, rollbacks fs.FS) (LintReport, error) {
		t.Helper()
		return Lint(t.Context(), LintParams{
			Scratch: newScratch(t), Migrations: migrations(t, map[string]string{name: base}), Rollbacks: rollbacks,
		})
	}
	t.Run("missing", func(t *testing.T) {
		t.Parallel()
		report, err := lintWith(t, fstest.MapFS{})
		require.NoError(t, err)
		require.Len(t, report.Findings, 1)
		assert.Equal(t, RuleRollback, report.Findings[0].Rule)
		assert.Equal(t, "there is no rollback", report.Findings[0].Text)
	})
	for what, rollbacks := range map[string]fs.FS{
		"a directory in its place":  fstest.MapFS{name: {Mode: fs.ModeDir}},
		"a file without permission": refusing{&fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			_, err := lintWith(t, rollbacks)
			require.ErrorContains(t, err, "error reading the rollback of "+name)
		})
	}
}

// refusing opens nothing.
type refusing struct{ error }

func (r refusing) Open(string) (fs.File, error) { return nil, r.error }
