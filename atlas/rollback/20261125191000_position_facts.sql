-- Undoes 20261125191000_position_facts.sql.

DROP INDEX "position_facts_unnamed";
DROP INDEX "position_facts_position";
DROP TABLE "position_facts";
ALTER TABLE "accounts" DROP COLUMN "statement_at";
