-- Undoes 20261126210055_equity_candles_account_hour.sql.
-- atlas:txmode none

DROP INDEX CONCURRENTLY "equity_candles_account_hour";
