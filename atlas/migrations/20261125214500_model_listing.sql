-- Modify "models" table
ALTER TABLE "models" ADD COLUMN "listed_at" timestamptz NOT NULL DEFAULT now(), ADD COLUMN "listing" integer NOT NULL DEFAULT 0;

-- Models that are known already were registered when their rows were made.
-- nof0:nolint data_depend: there are as many models as take part
UPDATE "models" SET "listed_at" = "created_at";
