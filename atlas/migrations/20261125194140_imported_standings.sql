-- Modify "accounts" table
ALTER TABLE "accounts" ADD COLUMN "standing" jsonb NULL, ADD COLUMN "standing_as_of" timestamptz NULL;
