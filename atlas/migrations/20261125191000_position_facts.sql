-- Modify "accounts" table
ALTER TABLE "accounts" ADD COLUMN "statement_at" timestamptz NULL;
-- Create "position_facts" table
CREATE TABLE "position_facts" (
  "model_id" text NOT NULL,
  "kind" text NOT NULL,
  "ref" text NOT NULL,
  "position_id" text NOT NULL,
  "provider" text NOT NULL,
  "symbol" text NOT NULL,
  "observed_at" timestamptz NOT NULL,
  "seen_at" timestamptz NOT NULL,
  "entry_time" timestamptz NULL,
  "quantity" double precision NULL,
  "size_step" double precision NULL,
  "state" jsonb NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("model_id", "kind", "ref"),
  CONSTRAINT "chk_position_facts_kind" CHECK (kind = ANY (ARRAY['opening'::text, 'adjustment'::text, 'statement'::text, 'fill'::text, 'found'::text]))
);
-- Create index "position_facts_position" to table: "position_facts"
CREATE INDEX "position_facts_position" ON "position_facts" ("model_id", "position_id");
-- Create index "position_facts_unnamed" to table: "position_facts"
CREATE INDEX "position_facts_unnamed" ON "position_facts" ("model_id", "provider", "symbol", "entry_time") WHERE (entry_time IS NOT NULL);
-- nof0:nolint data_depend: the table has one row per model
-- Positions that no fill has told of were stated by imports.
UPDATE "accounts" SET "statement_at" = (
  SELECT max("stated_at") FROM "positions" AS p WHERE p."model_id" = "accounts"."model_id" AND p."opened_quantity" IS NULL
);
