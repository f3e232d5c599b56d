-- Create "corrections" table
CREATE TABLE "corrections" (
  "id" bigserial NOT NULL,
  "kind" text NOT NULL,
  "model_id" text NOT NULL,
  "fact_id" text NOT NULL,
  "action" text NOT NULL,
  "before" jsonb NULL,
  "after" jsonb NULL,
  "reason" text NOT NULL,
  "actor" text NOT NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("id"),
  CONSTRAINT "chk_corrections_action" CHECK (action = ANY (ARRAY['void'::text, 'replace'::text])),
  CONSTRAINT "chk_corrections_kind" CHECK (kind = ANY (ARRAY['trade'::text, 'equity'::text, 'decision'::text]))
);
-- Create index "corrections_fact" to table: "corrections"
CREATE INDEX "corrections_fact" ON "corrections" ("kind", "model_id", "fact_id", "id" DESC);
