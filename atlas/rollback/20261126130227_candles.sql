-- Undoes 20261126130227_candles.sql.

DROP TRIGGER "redo_price_candles_deleted" ON "price_ticks";
DROP TRIGGER "redo_price_candles_updated" ON "price_ticks";
DROP TRIGGER "move_price_candles" ON "price_ticks";
DROP TRIGGER "redo_equity_candles_deleted" ON "account_equity_snapshots";
DROP TRIGGER "redo_equity_candles_updated" ON "account_equity_snapshots";
DROP TRIGGER "move_equity_candles" ON "account_equity_snapshots";
DROP FUNCTION "redo_price_candles"();
DROP FUNCTION "forget_price_candles"(text, text, timestamptz, timestamptz[]);
DROP FUNCTION "redo_equity_candles"();
DROP FUNCTION "candle_series"();
DROP FUNCTION "rebuild_price_candles"(text, text, timestamptz, timestamptz);
DROP FUNCTION "rebuild_equity_candles"(text, text, timestamptz, timestamptz);
DROP FUNCTION "move_price_candles"();
DROP FUNCTION "move_equity_candles"();
DROP TABLE "price_candles";
DROP TABLE "equity_candles";
