-- Modify "outbox_events" table
ALTER TABLE "outbox_events" ADD COLUMN "competition_id" text NOT NULL DEFAULT 'season-1';
-- Create "competitions" table
CREATE TABLE "competitions" (
  "id" text NOT NULL,
  "name" text NOT NULL,
  "season" text NULL,
  "mode" text NULL,
  "starts_at" timestamptz NULL,
  "ends_at" timestamptz NULL,
  "status" text NOT NULL,
  "rules" jsonb NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("id"),
  CONSTRAINT "chk_competitions_status" CHECK (status = ANY (ARRAY['upcoming'::text, 'running'::text, 'ended'::text]))
);

-- What was stored until now is of the first one.
INSERT INTO "competitions" ("id", "name", "season", "status") VALUES ('season-1', 'Season 1', '1', 'running');
