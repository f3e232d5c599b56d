-- Modify "model_stats" table
ALTER TABLE "model_stats" ADD COLUMN "num_decisions" bigint NOT NULL DEFAULT 0, ADD COLUMN "ingested_until" timestamptz NULL;
-- Create "analytics_states" table
CREATE TABLE "analytics_states" (
  "model_id" text NOT NULL,
  "version" bigint NOT NULL,
  "num_trades" bigint NOT NULL,
  "num_decisions" bigint NOT NULL,
  "seen_trades" bigint NOT NULL,
  "seen_decisions" bigint NOT NULL,
  "imported_as_of" timestamptz NULL,
  "state" jsonb NOT NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("model_id")
);
