-- Undoes 20261126012500_competition_of_accounts.sql, where nothing is stored of a second competition.
-- atlas:txmode none

ALTER TABLE "conversation_messages" DROP CONSTRAINT "fk_conversation_messages_conversation", ADD CONSTRAINT "fk_conversation_messages_conversation"
  FOREIGN KEY ("conversation_id") REFERENCES "conversations" ("id") ON DELETE CASCADE NOT VALID;
ALTER TABLE "conversation_messages" VALIDATE CONSTRAINT "fk_conversation_messages_conversation";
ALTER TABLE "accounts" DROP CONSTRAINT "accounts_pkey", ADD CONSTRAINT "accounts_pkey" PRIMARY KEY USING INDEX "accounts_before_competitions";
ALTER TABLE "account_equity_snapshots" DROP CONSTRAINT "account_equity_snapshots_pkey", ADD CONSTRAINT "account_equity_snapshots_pkey" PRIMARY KEY USING INDEX "account_equity_snapshots_before_competitions";
ALTER TABLE "positions" DROP CONSTRAINT "positions_pkey", ADD CONSTRAINT "positions_pkey" PRIMARY KEY USING INDEX "positions_before_competitions";
ALTER TABLE "position_facts" DROP CONSTRAINT "position_facts_pkey", ADD CONSTRAINT "position_facts_pkey" PRIMARY KEY USING INDEX "position_facts_before_competitions";
ALTER TABLE "trades" DROP CONSTRAINT "trades_pkey", ADD CONSTRAINT "trades_pkey" PRIMARY KEY USING INDEX "trades_before_competitions";
ALTER TABLE "model_stats" DROP CONSTRAINT "model_stats_pkey", ADD CONSTRAINT "model_stats_pkey" PRIMARY KEY USING INDEX "model_stats_before_competitions";
ALTER TABLE "model_analytics" DROP CONSTRAINT "model_analytics_pkey", ADD CONSTRAINT "model_analytics_pkey" PRIMARY KEY USING INDEX "model_analytics_before_competitions";
ALTER TABLE "analytics_states" DROP CONSTRAINT "analytics_states_pkey", ADD CONSTRAINT "analytics_states_pkey" PRIMARY KEY USING INDEX "analytics_states_before_competitions";
ALTER TABLE "conversations" DROP CONSTRAINT "conversations_pkey", ADD CONSTRAINT "conversations_pkey" PRIMARY KEY USING INDEX "conversations_before_competitions";
ALTER TABLE "conversation_messages" DROP CONSTRAINT "conversation_messages_pkey", ADD CONSTRAINT "conversation_messages_pkey" PRIMARY KEY USING INDEX "conversation_messages_before_competitions";
ALTER TABLE "decision_cycles" DROP CONSTRAINT "decision_cycles_pkey", ADD CONSTRAINT "decision_cycles_pkey" PRIMARY KEY USING INDEX "decision_cycles_before_competitions";
DROP INDEX CONCURRENTLY "account_equity_snapshots_account_hour";
DROP INDEX CONCURRENTLY "positions_account_open";
DROP INDEX CONCURRENTLY "positions_account_entered";
DROP INDEX CONCURRENTLY "position_facts_account_position";
DROP INDEX CONCURRENTLY "position_facts_account_unnamed";
DROP INDEX CONCURRENTLY "trades_account_newest";
DROP INDEX CONCURRENTLY "conversations_account";
DROP INDEX CONCURRENTLY "conversations_competition_newest";
DROP INDEX CONCURRENTLY "decision_cycles_competition_newest";
DROP INDEX CONCURRENTLY "decision_cycles_account_newest";
DROP INDEX CONCURRENTLY "corrections_account_fact";
ALTER TABLE "corrections" DROP COLUMN "competition_id";
ALTER TABLE "decision_cycles" DROP COLUMN "competition_id";
ALTER TABLE "conversation_messages" DROP COLUMN "competition_id";
ALTER TABLE "conversations" DROP COLUMN "competition_id";
ALTER TABLE "analytics_states" DROP COLUMN "competition_id";
ALTER TABLE "model_analytics" DROP COLUMN "competition_id";
ALTER TABLE "model_stats" DROP COLUMN "competition_id";
ALTER TABLE "trades" DROP COLUMN "competition_id";
ALTER TABLE "position_facts" DROP COLUMN "competition_id";
ALTER TABLE "positions" DROP COLUMN "competition_id";
ALTER TABLE "account_equity_snapshots" DROP COLUMN "competition_id";
ALTER TABLE "accounts" DROP COLUMN "competition_id";
