-- atlas:txmode none

-- Create index "equity_candles_account_hour" to table: "equity_candles"
CREATE INDEX CONCURRENTLY "equity_candles_account_hour" ON "equity_candles" ("competition_id", "model_id", "since_inception_hourly_marker") WHERE (resolution = 3600);
