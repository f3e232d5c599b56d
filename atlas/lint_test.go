package atlas

import (
	"testing"

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

func lint(t *testing.T, name, content string) []Finding {
	t.Helper()
	files := map[string]string{"20260101000000_initial.sql": base, name: content}
	rollbacks := migrations(t, files)
	report, err := Lint(t.Context(), LintParams{Scratch: newScratch(t), Migrations: migrations(t, files), Rollbacks: rollbacks})
	require.NoError(t, err)
	assert.Equal(t, []string{"20260101000000_initial.sql", name}, report.Files)
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
			for _, f := range lint(t, "20260102000000_"+test.file+".sql", test.content) {
				got = append(got, found{f.Rule, f.Line, f.Text})
			}
			assert.ElementsMatch(t, test.want, got)
		})
	}
}
