-- Create "json_mirror" table
CREATE TABLE "json_mirror" (
  "domain" text NOT NULL,
  "sequence" bigint NOT NULL,
  "mirrored_at" timestamptz NOT NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("domain")
);
