package atlas

import (
	"database/sql"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/entities"
)

// The gate: the entities, schema.sql and the shipped migrations agree.
func TestShippedSchemaIsInSync(t *testing.T) {
	t.Parallel()
	schemaSQL, err := os.ReadFile("schema.sql")
	require.NoError(t, err)

	require.NoError(t, InSync(t.Context(), InSyncParams{
		Scratch:    newScratch(t),
		Models:     entities.All(),
		Schema:     string(schemaSQL),
		Migrations: Migrations(),
	}))
}

func TestInSyncTellsWhatDiffers(t *testing.T) {
	t.Parallel()
	files := built(t)
	params := InSyncParams{Scratch: newScratch(t), Models: testModels(), Schema: testSchema, Migrations: files}

	t.Run("schema.sql is older than the entities", func(t *testing.T) {
		t.Parallel()
		params := params
		params.Schema = strings.Replace(testSchema, `  "note" text,`+"\n", "", 1)
		var drift *DriftError
		require.ErrorAs(t, InSync(t.Context(), params), &drift)
		assert.Equal(t, "schema.sql", drift.Have)
		assert.Equal(t, []string{`+  "note" text,`}, drift.Differences)
	})

	t.Run("the migrations are older than schema.sql", func(t *testing.T) {
		t.Parallel()
		params := params
		params.Models = append(testModels(), &late{})
		printed, err := Schema(params.Models)
		require.NoError(t, err)
		params.Schema = printed
		var drift *DriftError
		require.ErrorAs(t, InSync(t.Context(), params), &drift)
		assert.Equal(t, "the migrations", drift.Have)
		require.Len(t, drift.Differences, 1)
		assert.Contains(t, drift.Differences[0], `CREATE TABLE "lates"`)
		assert.Contains(t, drift.Error(), "nof0 migrate diff NAME")
	})
}

type late struct {
	ID string `gorm:"type:text;primaryKey"`
}

func (late) TableName() string { return "lates" }

func TestDrift(t *testing.T) {
	t.Parallel()
	db := applied(t)
	check := func() error { return Drift(t.Context(), db, newScratch(t), Migrations()) }
	require.NoError(t, check())
	execute(t, db, `CREATE TABLE price_ticks_2026_12 PARTITION OF price_ticks FOR VALUES FROM ('2026-12-01') TO ('2027-01-01')`)
	require.NoError(t, check(), "partitions come and go")

	execute(t, db, `ALTER TABLE trades ADD COLUMN by_hand int`)
	execute(t, db, `CREATE OR REPLACE VIEW v_crypto_prices_latest AS SELECT provider, symbol, price * 2 AS price, observed_at FROM price_latest`)
	execute(t, db, `DROP FUNCTION refresh_views_nof0()`)
	execute(t, db, `CREATE VIEW v_by_hand AS SELECT 1 AS one`)
	execute(t, db, `DROP INDEX trades_account_newest`)
	execute(t, db, `UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'positions_account_open'::regclass`)

	var drift *DriftError
	require.ErrorAs(t, check(), &drift)
	require.Len(t, drift.Differences, 6)
	assert.Equal(t, `ALTER TABLE "trades" DROP COLUMN "by_hand";`, drift.Differences[0])
	assert.Contains(t, drift.Differences[1], `CREATE INDEX "trades_account_newest" ON "trades"`)
	assert.Equal(t, "function refresh_views_nof0() is missing", drift.Differences[2])
	assert.Contains(t, drift.Differences[3], "view v_crypto_prices_latest is")
	assert.Equal(t, "invalid index positions_account_open is in no migration", drift.Differences[4])
	assert.Equal(t, "view v_by_hand is in no migration", drift.Differences[5])
}

// What changes what a statement does is found, also where the tables look the
// same; what belongs to the installation is not.
func TestDriftOfWhatIsNoColumn(t *testing.T) {
	t.Parallel()
	scratch := newScratch(t)
	files := migrations(t, map[string]string{"20260101000000_one.sql": `
CREATE TABLE seasons (id bigserial PRIMARY KEY, name text NOT NULL, CONSTRAINT named CHECK (name <> ''));
CREATE TABLE games (id bigint PRIMARY KEY, season_id bigint REFERENCES seasons (id), score bigint DEFAULT 0);
CREATE INDEX games_season ON games (season_id);
CREATE UNIQUE INDEX games_score ON games (score) WHERE score > 0;
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER nothing BEFORE INSERT ON games FOR EACH ROW EXECUTE FUNCTION nothing();
`})
	for name, changes := range map[string][][2]string{
		"of what is there": {
			{"ALTER TABLE games DISABLE TRIGGER ALL", "disabled trigger nothing on games is in no migration"},
			{"SELECT", "disabled trigger of the foreign key games_season_id_fkey on games is in no migration"},
			{"ALTER TABLE seasons ENABLE ROW LEVEL SECURITY", "row-level security of seasons is in no migration"},
			{"CREATE POLICY mine ON games USING (score > 1)", "policy mine on games is in no migration"},
			{"CREATE RULE quiet AS ON DELETE TO seasons DO INSTEAD NOTHING", "rule quiet on seasons is in no migration"},
			{"ALTER INDEX games_season RENAME TO by_season", "index games_season is named by_season"},
			{"ALTER INDEX games_score RENAME TO by_score", "index games_score is named by_score"},
			{"ALTER INDEX seasons_pkey RENAME TO seasons_key", "index seasons_pkey is named seasons_key"},
			{"ALTER TABLE seasons RENAME CONSTRAINT named TO has_name", "constraint named is named has_name"},
			{"ALTER TABLE games SET UNLOGGED", "unlogged table games is in no migration"},
			{"ALTER SEQUENCE seasons_id_seq INCREMENT 2", "sequence seasons_id_seq is\nbigint 1 2"},
			{"ALTER TABLE games ADD CONSTRAINT later CHECK (score < 9) NOT VALID", "constraint later of games, which is not validated, is in no migration"},
			{"ALTER TABLE games ALTER COLUMN score SET DEFAULT 1", "SET DEFAULT 0"},
		},
		"of what is gone": {
			{"ALTER TABLE games ENABLE REPLICA TRIGGER nothing", "for replicas enabled trigger nothing on games is in no migration"},
			{"ALTER TABLE games DROP CONSTRAINT games_season_id_fkey", `CONSTRAINT "games_season_id_fkey" FOREIGN KEY`},
			{"ALTER TABLE seasons DROP CONSTRAINT named", `ADD CONSTRAINT "named"`},
			{"DROP INDEX games_season", `CREATE INDEX "games_season"`},
		},
		"of the installation": {{"ALTER TABLE games SET (fillfactor = 70); GRANT SELECT ON games TO PUBLIC; ANALYZE games", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := emptyDB(t)
			_, err := New(db, Options{Migrations: files}).Apply(t.Context())
			require.NoError(t, err)
			require.NoError(t, Drift(t.Context(), db, scratch, files))
			for _, change := range changes {
				execute(t, db, change[0])
			}
			err = Drift(t.Context(), db, scratch, files)
			if changes[0][1] == "" {
				require.NoError(t, err)
				return
			}
			var drift *DriftError
			require.ErrorAs(t, err, &drift)
			for _, change := range changes {
				assert.Contains(t, strings.Join(drift.Differences, "\n"), change[1])
			}
		})
	}
}

func TestDriftOfADatabaseThatIsBehindOrAhead(t *testing.T) {
	t.Parallel()
	db := emptyDB(t)
	files := twoFiles(t)
	migrator := New(db, Options{Migrations: files})
	check := func() error { return Drift(t.Context(), db, newScratch(t), files) }
	require.NoError(t, check(), "nothing was applied yet")
	_, err := migrator.ApplyTo(t.Context(), "20260101000000")
	require.NoError(t, err)
	require.NoError(t, check(), "what is pending is no drift")
	execute(t, db, `ALTER TABLE one ADD COLUMN by_hand int`)
	var drift *DriftError
	require.ErrorAs(t, check(), &drift)

	_, err = migrator.Apply(t.Context())
	require.NoError(t, err)
	files = migrations(t, map[string]string{"20260101000000_one.sql": string(files["20260101000000_one.sql"].Data)})
	var newer *NewerError
	require.ErrorAs(t, check(), &newer)
	assert.Equal(t, "20260102000000", newer.Version)
}

// applied is a database with the shipped migrations.
func applied(t *testing.T) *sql.DB {
	t.Helper()
	db := emptyDB(t)
	_, err := New(db, Options{}).Apply(t.Context())
	require.NoError(t, err)
	return db
}
