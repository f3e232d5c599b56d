-- atlas:txmode none
-- nof0:nolint data_depend: what is unique now is the key of the version before, or more than that
-- atlas:nolint data_depend

-- An account is a model in a competition. Rows of the version before, which names
-- none, are of the first one.
ALTER TABLE "accounts" ADD COLUMN "competition_id" text NOT NULL DEFAULT 'season-1';
ALTER TABLE "account_equity_snapshots" ADD COLUMN "competition_id" text NOT NULL DEFAULT 'season-1';
ALTER TABLE "positions" ADD COLUMN "competition_id" text NOT NULL DEFAULT 'season-1';
ALTER TABLE "position_facts" ADD COLUMN "competition_id" text NOT NULL DEFAULT 'season-1';
ALTER TABLE "trades" ADD COLUMN "competition_id" text NOT NULL DEFAULT 'season-1';
ALTER TABLE "model_stats" ADD COLUMN "competition_id" text NOT NULL DEFAULT 'season-1';
ALTER TABLE "model_analytics" ADD COLUMN "competition_id" text NOT NULL DEFAULT 'season-1';
ALTER TABLE "analytics_states" ADD COLUMN "competition_id" text NOT NULL DEFAULT 'season-1';
ALTER TABLE "conversations" ADD COLUMN "competition_id" text NOT NULL DEFAULT 'season-1';
ALTER TABLE "conversation_messages" ADD COLUMN "competition_id" text NOT NULL DEFAULT 'season-1';
ALTER TABLE "decision_cycles" ADD COLUMN "competition_id" text NOT NULL DEFAULT 'season-1';
ALTER TABLE "corrections" ADD COLUMN "competition_id" text NOT NULL DEFAULT 'season-1';

-- Keys that name the competition, and beside them those that the version before infers.
CREATE UNIQUE INDEX CONCURRENTLY "accounts_competition" ON "accounts" ("competition_id", "model_id");
CREATE UNIQUE INDEX CONCURRENTLY "accounts_before_competitions" ON "accounts" ("model_id");
CREATE UNIQUE INDEX CONCURRENTLY "account_equity_snapshots_competition" ON "account_equity_snapshots" ("competition_id", "model_id", "observed_at");
CREATE UNIQUE INDEX CONCURRENTLY "account_equity_snapshots_before_competitions" ON "account_equity_snapshots" ("model_id", "observed_at");
CREATE UNIQUE INDEX CONCURRENTLY "positions_competition" ON "positions" ("competition_id", "model_id", "id");
CREATE UNIQUE INDEX CONCURRENTLY "positions_before_competitions" ON "positions" ("model_id", "id");
CREATE UNIQUE INDEX CONCURRENTLY "position_facts_competition" ON "position_facts" ("competition_id", "model_id", "kind", "ref");
CREATE UNIQUE INDEX CONCURRENTLY "position_facts_before_competitions" ON "position_facts" ("model_id", "kind", "ref");
CREATE UNIQUE INDEX CONCURRENTLY "trades_competition" ON "trades" ("competition_id", "model_id", "id");
CREATE UNIQUE INDEX CONCURRENTLY "trades_before_competitions" ON "trades" ("model_id", "id");
CREATE UNIQUE INDEX CONCURRENTLY "model_stats_competition" ON "model_stats" ("competition_id", "model_id");
CREATE UNIQUE INDEX CONCURRENTLY "model_stats_before_competitions" ON "model_stats" ("model_id");
CREATE UNIQUE INDEX CONCURRENTLY "model_analytics_competition" ON "model_analytics" ("competition_id", "model_id", "source");
CREATE UNIQUE INDEX CONCURRENTLY "model_analytics_before_competitions" ON "model_analytics" ("model_id", "source");
CREATE UNIQUE INDEX CONCURRENTLY "analytics_states_competition" ON "analytics_states" ("competition_id", "model_id");
CREATE UNIQUE INDEX CONCURRENTLY "analytics_states_before_competitions" ON "analytics_states" ("model_id");
CREATE UNIQUE INDEX CONCURRENTLY "conversations_competition" ON "conversations" ("competition_id", "id");
CREATE UNIQUE INDEX CONCURRENTLY "conversations_before_competitions" ON "conversations" ("id");
CREATE UNIQUE INDEX CONCURRENTLY "conversation_messages_competition" ON "conversation_messages" ("competition_id", "conversation_id", "time", "role", "content_digest");
CREATE UNIQUE INDEX CONCURRENTLY "conversation_messages_before_competitions" ON "conversation_messages" ("conversation_id", "time", "role", "content_digest");
CREATE UNIQUE INDEX CONCURRENTLY "decision_cycles_competition" ON "decision_cycles" ("competition_id", "model_id", "id");
CREATE UNIQUE INDEX CONCURRENTLY "decision_cycles_before_competitions" ON "decision_cycles" ("model_id", "id");
CREATE INDEX CONCURRENTLY "account_equity_snapshots_account_hour" ON "account_equity_snapshots" ("competition_id", "model_id", "since_inception_hourly_marker", "observed_at" DESC);
CREATE UNIQUE INDEX CONCURRENTLY "positions_account_open" ON "positions" ("competition_id", "model_id", "provider", "symbol") WHERE (status = 'open'::text);
CREATE INDEX CONCURRENTLY "positions_account_entered" ON "positions" ("competition_id", "model_id", "provider", "symbol", "entry_time");
CREATE INDEX CONCURRENTLY "position_facts_account_position" ON "position_facts" ("competition_id", "model_id", "position_id");
CREATE INDEX CONCURRENTLY "position_facts_account_unnamed" ON "position_facts" ("competition_id", "model_id", "provider", "symbol", "entry_time") WHERE (entry_time IS NOT NULL);
CREATE INDEX CONCURRENTLY "trades_account_newest" ON "trades" ("competition_id", "model_id", "exit_time" DESC, "id" DESC);
CREATE INDEX CONCURRENTLY "conversations_account" ON "conversations" ("competition_id", "model_id");
CREATE INDEX CONCURRENTLY "conversations_competition_newest" ON "conversations" ("competition_id", "last_message_at" DESC) WHERE (kind = 'thread'::text);
CREATE INDEX CONCURRENTLY "decision_cycles_competition_newest" ON "decision_cycles" ("competition_id", "executed_at" DESC, "id" DESC);
CREATE INDEX CONCURRENTLY "decision_cycles_account_newest" ON "decision_cycles" ("competition_id", "model_id", "executed_at" DESC, "id" DESC);
CREATE INDEX CONCURRENTLY "corrections_account_fact" ON "corrections" ("competition_id", "kind", "model_id", "fact_id", "id" DESC);

-- Each exchange takes a moment, whatever the number of rows.
ALTER TABLE "conversation_messages" DROP CONSTRAINT "fk_conversation_messages_conversation", ADD CONSTRAINT "fk_conversation_messages_conversation"
  FOREIGN KEY ("competition_id", "conversation_id") REFERENCES "conversations" ("competition_id", "id") ON DELETE CASCADE NOT VALID;
ALTER TABLE "conversation_messages" VALIDATE CONSTRAINT "fk_conversation_messages_conversation";
ALTER TABLE "accounts" DROP CONSTRAINT "accounts_pkey", ADD CONSTRAINT "accounts_pkey" PRIMARY KEY USING INDEX "accounts_competition";
ALTER TABLE "account_equity_snapshots" DROP CONSTRAINT "account_equity_snapshots_pkey", ADD CONSTRAINT "account_equity_snapshots_pkey" PRIMARY KEY USING INDEX "account_equity_snapshots_competition";
ALTER TABLE "positions" DROP CONSTRAINT "positions_pkey", ADD CONSTRAINT "positions_pkey" PRIMARY KEY USING INDEX "positions_competition";
ALTER TABLE "position_facts" DROP CONSTRAINT "position_facts_pkey", ADD CONSTRAINT "position_facts_pkey" PRIMARY KEY USING INDEX "position_facts_competition";
ALTER TABLE "trades" DROP CONSTRAINT "trades_pkey", ADD CONSTRAINT "trades_pkey" PRIMARY KEY USING INDEX "trades_competition";
ALTER TABLE "model_stats" DROP CONSTRAINT "model_stats_pkey", ADD CONSTRAINT "model_stats_pkey" PRIMARY KEY USING INDEX "model_stats_competition";
ALTER TABLE "model_analytics" DROP CONSTRAINT "model_analytics_pkey", ADD CONSTRAINT "model_analytics_pkey" PRIMARY KEY USING INDEX "model_analytics_competition";
ALTER TABLE "analytics_states" DROP CONSTRAINT "analytics_states_pkey", ADD CONSTRAINT "analytics_states_pkey" PRIMARY KEY USING INDEX "analytics_states_competition";
ALTER TABLE "conversations" DROP CONSTRAINT "conversations_pkey", ADD CONSTRAINT "conversations_pkey" PRIMARY KEY USING INDEX "conversations_competition";
ALTER TABLE "conversation_messages" DROP CONSTRAINT "conversation_messages_pkey", ADD CONSTRAINT "conversation_messages_pkey" PRIMARY KEY USING INDEX "conversation_messages_competition";
ALTER TABLE "decision_cycles" DROP CONSTRAINT "decision_cycles_pkey", ADD CONSTRAINT "decision_cycles_pkey" PRIMARY KEY USING INDEX "decision_cycles_competition";
