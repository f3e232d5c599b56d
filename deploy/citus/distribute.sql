-- Distributes the tables of nof0 over a Citus cluster. Run it once, as the owner, on the
-- coordinator, in a database with the migrations applied and before it holds much:
--   psql "$MIGRATE_DATABASE_URL" -v ON_ERROR_STOP=1 -f deploy/citus/distribute.sql
-- docs/scaling.md says which queries cross shards, and what this was checked with.

BEGIN;

-- Citus distributes by one column. All that an account (competition_id, model_id) consists
-- of has model_id in its keys, and lies on one worker: a fill, its position and its
-- statistics change in one shard. The same model in several competitions shares it.
SELECT create_distributed_table('accounts', 'model_id', shard_count => 64);
SELECT create_distributed_table('account_equity_snapshots', 'model_id', colocate_with => 'accounts');
SELECT create_distributed_table('trades', 'model_id', colocate_with => 'accounts');
SELECT create_distributed_table('positions', 'model_id', colocate_with => 'accounts');
SELECT create_distributed_table('position_facts', 'model_id', colocate_with => 'accounts');
SELECT create_distributed_table('decision_cycles', 'model_id', colocate_with => 'accounts');
SELECT create_distributed_table('model_stats', 'model_id', colocate_with => 'accounts');
SELECT create_distributed_table('model_analytics', 'model_id', colocate_with => 'accounts');
SELECT create_distributed_table('analytics_states', 'model_id', colocate_with => 'accounts');
-- Candles, in a schema that has them.
SELECT create_distributed_table(to_regclass('equity_candles'), 'model_id', colocate_with => 'accounts') WHERE to_regclass('equity_candles') IS NOT NULL;

-- A thread has no model in its key: it lies with its messages by its id. The foreign key
-- between the two needs them to be colocated when it is made.
ALTER TABLE conversation_messages DROP CONSTRAINT fk_conversation_messages_conversation;
SELECT create_distributed_table('conversations', 'id', colocate_with => 'none');
SELECT create_distributed_table('conversation_messages', 'conversation_id', colocate_with => 'conversations');
ALTER TABLE conversation_messages ADD CONSTRAINT fk_conversation_messages_conversation
  FOREIGN KEY (competition_id, conversation_id) REFERENCES conversations (competition_id, id) ON DELETE CASCADE;

-- Ticks stay partitioned by the month within each shard.
SELECT create_distributed_table('price_ticks', 'symbol', colocate_with => 'none');
SELECT create_distributed_table(to_regclass('price_candles'), 'symbol', colocate_with => 'none') WHERE to_regclass('price_candles') IS NOT NULL;

-- Small, seldom written, asked for beside accounts: a copy on every worker.
SELECT create_reference_table('models');
SELECT create_reference_table('competitions');
SELECT create_reference_table('symbols');

-- What is written with every tick or fact, or is one queue for all, stays on the
-- coordinator: price_latest, market_assets, market_asset_ctx, trader_state, outbox_events,
-- idempotency_keys, rollout_switches, rollout_changes, parity_runs, corrections, json_mirror,
-- store_identity.

COMMIT;
