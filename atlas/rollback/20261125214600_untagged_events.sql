-- Undoes 20261125214600_untagged_events.sql.

ALTER TABLE "store_identity" DROP COLUMN "untagged_until";
