-- Undoes 20261123171725_analytics_states.sql.

DROP TABLE "analytics_states";
ALTER TABLE "model_stats" DROP COLUMN "ingested_until", DROP COLUMN "num_decisions";
