-- Undoes 20261126015842_decision_search.sql.
-- atlas:txmode none

DROP INDEX CONCURRENTLY "trades_account_entered";
DROP INDEX CONCURRENTLY "decision_cycles_search";
