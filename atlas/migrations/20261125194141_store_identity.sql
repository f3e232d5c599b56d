-- Create "store_identity" table
CREATE TABLE "store_identity" (
  "id" text NOT NULL DEFAULT (gen_random_uuid())::text,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("id")
);

INSERT INTO "store_identity" DEFAULT VALUES;
