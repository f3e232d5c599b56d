-- Modify "store_identity" table
ALTER TABLE "store_identity" ADD COLUMN "untagged_until" timestamptz NULL DEFAULT (now() + '00:30:00'::interval);

-- The default fills the row that there is without writing it anew, which would make
-- another database of this one. A deploy has half an hour to replace the servers.
ALTER TABLE "store_identity" ALTER COLUMN "untagged_until" DROP DEFAULT;

-- Nobody knows of events where there are none.
-- nof0:nolint data_depend: there is one row
UPDATE "store_identity" SET "untagged_until" = NULL WHERE NOT EXISTS (SELECT FROM "outbox_events");
