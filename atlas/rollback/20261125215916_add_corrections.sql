-- Undoes 20261125215916_add_corrections.sql.

DROP INDEX "corrections_fact";
DROP TABLE "corrections";
