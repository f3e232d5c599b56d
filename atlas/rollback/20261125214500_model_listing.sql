-- Undoes 20261125214500_model_listing.sql.

ALTER TABLE "models" DROP COLUMN "listing", DROP COLUMN "listed_at";
