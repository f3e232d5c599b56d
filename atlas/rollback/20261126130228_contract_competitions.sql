-- Undoes 20261126130228_contract_competitions.sql; it fails where there are rows of a second competition.
-- atlas:txmode none

CREATE INDEX CONCURRENTLY "account_equity_snapshots_hour" ON "account_equity_snapshots" ("model_id", "since_inception_hourly_marker", "observed_at" DESC);
CREATE UNIQUE INDEX CONCURRENTLY "positions_one_open" ON "positions" ("model_id", "provider", "symbol") WHERE (status = 'open'::text);
CREATE INDEX CONCURRENTLY "positions_entered" ON "positions" ("model_id", "provider", "symbol", "entry_time");
CREATE INDEX CONCURRENTLY "position_facts_position" ON "position_facts" ("model_id", "position_id");
CREATE INDEX CONCURRENTLY "position_facts_unnamed" ON "position_facts" ("model_id", "provider", "symbol", "entry_time") WHERE (entry_time IS NOT NULL);
CREATE INDEX CONCURRENTLY "trades_newest" ON "trades" ("model_id", "exit_time" DESC, "id" DESC);
CREATE INDEX CONCURRENTLY "conversations_model" ON "conversations" ("model_id");
CREATE INDEX CONCURRENTLY "conversations_newest" ON "conversations" ("last_message_at" DESC) WHERE (kind = 'thread'::text);
CREATE INDEX CONCURRENTLY "decision_cycles_newest" ON "decision_cycles" ("executed_at" DESC, "id" DESC);
CREATE INDEX CONCURRENTLY "decision_cycles_model_newest" ON "decision_cycles" ("model_id", "executed_at" DESC, "id" DESC);
CREATE INDEX CONCURRENTLY "corrections_fact" ON "corrections" ("kind", "model_id", "fact_id", "id" DESC);
CREATE UNIQUE INDEX CONCURRENTLY "decision_cycles_before_competitions" ON "decision_cycles" ("model_id", "id");
CREATE UNIQUE INDEX CONCURRENTLY "conversation_messages_before_competitions" ON "conversation_messages" ("conversation_id", "time", "role", "content_digest");
CREATE UNIQUE INDEX CONCURRENTLY "conversations_before_competitions" ON "conversations" ("id");
CREATE UNIQUE INDEX CONCURRENTLY "analytics_states_before_competitions" ON "analytics_states" ("model_id");
CREATE UNIQUE INDEX CONCURRENTLY "model_analytics_before_competitions" ON "model_analytics" ("model_id", "source");
CREATE UNIQUE INDEX CONCURRENTLY "model_stats_before_competitions" ON "model_stats" ("model_id");
CREATE UNIQUE INDEX CONCURRENTLY "trades_before_competitions" ON "trades" ("model_id", "id");
CREATE UNIQUE INDEX CONCURRENTLY "position_facts_before_competitions" ON "position_facts" ("model_id", "kind", "ref");
CREATE UNIQUE INDEX CONCURRENTLY "positions_before_competitions" ON "positions" ("model_id", "id");
CREATE UNIQUE INDEX CONCURRENTLY "account_equity_snapshots_before_competitions" ON "account_equity_snapshots" ("model_id", "observed_at");
CREATE UNIQUE INDEX CONCURRENTLY "accounts_before_competitions" ON "accounts" ("model_id");
