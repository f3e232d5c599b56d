-- atlas:txmode none

-- Create index "positions_account_newest" to table: "positions"
CREATE INDEX CONCURRENTLY "positions_account_newest" ON "positions" ("competition_id", "model_id", "provider", "entry_time", "id");
-- Create index "trades_account_symbol" to table: "trades"
CREATE INDEX CONCURRENTLY "trades_account_symbol" ON "trades" ("competition_id", "model_id", "symbol", "side", "exit_time" DESC, "id" DESC);
