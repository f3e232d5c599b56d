-- Undoes 20261126010830_add_competitions.sql.

DROP TABLE "competitions";
ALTER TABLE "outbox_events" DROP COLUMN "competition_id";
