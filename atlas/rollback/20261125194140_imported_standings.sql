-- Undoes 20261125194140_imported_standings.sql.

ALTER TABLE "accounts" DROP COLUMN "standing_as_of", DROP COLUMN "standing";
