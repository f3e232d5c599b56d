-- atlas:txmode none

-- The keys and indexes of the version before competitions, which forbid a second one.
DROP INDEX CONCURRENTLY "accounts_before_competitions";
DROP INDEX CONCURRENTLY "account_equity_snapshots_before_competitions";
DROP INDEX CONCURRENTLY "positions_before_competitions";
DROP INDEX CONCURRENTLY "position_facts_before_competitions";
DROP INDEX CONCURRENTLY "trades_before_competitions";
DROP INDEX CONCURRENTLY "model_stats_before_competitions";
DROP INDEX CONCURRENTLY "model_analytics_before_competitions";
DROP INDEX CONCURRENTLY "analytics_states_before_competitions";
DROP INDEX CONCURRENTLY "conversations_before_competitions";
DROP INDEX CONCURRENTLY "conversation_messages_before_competitions";
DROP INDEX CONCURRENTLY "decision_cycles_before_competitions";
DROP INDEX CONCURRENTLY "account_equity_snapshots_hour";
DROP INDEX CONCURRENTLY "positions_one_open";
DROP INDEX CONCURRENTLY "positions_entered";
DROP INDEX CONCURRENTLY "position_facts_position";
DROP INDEX CONCURRENTLY "position_facts_unnamed";
DROP INDEX CONCURRENTLY "trades_newest";
DROP INDEX CONCURRENTLY "conversations_model";
DROP INDEX CONCURRENTLY "conversations_newest";
DROP INDEX CONCURRENTLY "decision_cycles_newest";
DROP INDEX CONCURRENTLY "decision_cycles_model_newest";
DROP INDEX CONCURRENTLY "corrections_fact";
