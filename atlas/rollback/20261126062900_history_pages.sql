-- Undoes 20261126062900_history_pages.sql.
-- atlas:txmode none

DROP INDEX CONCURRENTLY "trades_account_symbol";
DROP INDEX CONCURRENTLY "positions_account_newest";
