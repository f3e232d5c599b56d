package atlas

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type EmbeddedTimes struct {
	CreatedAt time.Time `gorm:"type:timestamptz;not null;default:now()"`
}

type owner struct {
	ID string `gorm:"type:text;primaryKey"`
	EmbeddedTimes
}

func (owner) TableName() string { return "owners" }

type item struct {
	OwnerID string    `gorm:"type:text;primaryKey;uniqueIndex:items_one_open,priority:1,where:status = 'open';index:items_newest,priority:1"`
	ID      int64     `gorm:"type:bigint;primaryKey;autoIncrement:false"`
	Status  string    `gorm:"type:text;not null;default:it's \"so\", open;check:status <> 'it''s (closed), so'"`
	Symbol  string    `gorm:"type:text;not null;uniqueIndex:items_one_open,priority:2"`
	Price   float64   `gorm:"type:double precision;not null;default:0"`
	Note    *string   `gorm:"type:text"`
	Extra   []byte    `gorm:"type:jsonb"`
	At      time.Time `gorm:"type:timestamptz;not null;index:items_newest,priority:2,sort:desc"`
	EmbeddedTimes

	Owner *owner `gorm:"constraint:OnDelete:CASCADE"`
}

func (item) TableName() string { return "items" }

type tick struct {
	Symbol string    `gorm:"type:text;primaryKey"`
	At     time.Time `gorm:"type:timestamptz;primaryKey"`
	Price  float64   `gorm:"type:double precision;not null;index:ticks_price"`
}

func (tick) TableName() string { return "ticks" }

func (tick) TableOptions() string { return "PARTITION BY RANGE (at)" }

type event struct {
	ID   int64  `gorm:"type:bigint;primaryKey;autoIncrement"`
	Type string `gorm:"type:text;not null;unique;check:first,type <> 'd'"`
	Kind string `gorm:"type:text;not null;unique;check:kind <> 'c'"`
	Mode string `gorm:"type:text;not null;check:mode <> 'c'"`
}

func (event) TableName() string { return "events" }

// A table comes after one that refers to it, on purpose.
func testModels() []any { return []any{&item{}, &owner{}, &tick{}, &event{}} }

const testSchema = schemaHeader + `
CREATE TABLE "items" (
  "owner_id" text,
  "id" bigint,
  "status" text NOT NULL DEFAULT 'it''s "so", open',
  "symbol" text NOT NULL,
  "price" double precision NOT NULL DEFAULT 0,
  "note" text,
  "extra" jsonb,
  "at" timestamptz NOT NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("owner_id","id"),
  CONSTRAINT "chk_items_status" CHECK (status <> 'it''s (closed), so')
);
CREATE INDEX IF NOT EXISTS "items_newest" ON "items" ("owner_id","at" desc);
CREATE UNIQUE INDEX IF NOT EXISTS "items_one_open" ON "items" ("owner_id","symbol") WHERE status = 'open';

CREATE TABLE "owners" (
  "id" text,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("id")
);

CREATE TABLE "ticks" (
  "symbol" text,
  "at" timestamptz,
  "price" double precision NOT NULL,
  PRIMARY KEY ("symbol","at")
) PARTITION BY RANGE (at);
CREATE INDEX IF NOT EXISTS "ticks_price" ON "ticks" ("price");

CREATE TABLE "events" (
  "id" bigserial,
  "type" text NOT NULL,
  "kind" text NOT NULL,
  "mode" text NOT NULL,
  PRIMARY KEY ("id"),
  CONSTRAINT "chk_events_kind" CHECK (kind <> 'c'),
  CONSTRAINT "chk_events_mode" CHECK (mode <> 'c'),
  CONSTRAINT "first" CHECK (type <> 'd'),
  CONSTRAINT "uni_events_kind" UNIQUE ("kind"),
  CONSTRAINT "uni_events_type" UNIQUE ("type")
);
ALTER TABLE "items" ADD CONSTRAINT "fk_items_owner" FOREIGN KEY ("owner_id") REFERENCES "owners"("id") ON DELETE CASCADE;
`

func TestSchema(t *testing.T) {
	t.Parallel()

	printed, err := Schema(testModels())

	require.NoError(t, err)
	assert.Equal(t, testSchema, printed)
}

func TestSchemaOfNothing(t *testing.T) {
	t.Parallel()

	printed, err := Schema(nil)

	require.NoError(t, err)
	assert.Equal(t, schemaHeader, printed)
}

func TestSchemaIsTheSameEachTime(t *testing.T) {
	t.Parallel()

	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			printed, err := Schema(testModels())
			if assert.NoError(t, err) {
				assert.Equal(t, testSchema, printed)
			}
		})
	}
	group.Wait()
}

func TestSchemaNamesTheModelItCannotPrint(t *testing.T) {
	t.Parallel()

	_, err := Schema([]any{&owner{}, 42})

	require.ErrorContains(t, err, "int")
}

func TestPostgresTakesTheSchema(t *testing.T) {
	t.Parallel()
	db := emptyDB(t)

	require.NoError(t, realize(testSchema)(t.Context(), db))

	execute(t, db, `INSERT INTO owners (id) VALUES ('o')`)
	execute(t, db, `INSERT INTO items (owner_id, id, symbol, at) VALUES ('o', 1, 'BTC', now())`)
	assert.Equal(t, `it's "so", open`, query[string](t, db, `SELECT status FROM items`))
}
