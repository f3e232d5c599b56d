-- atlas:txmode none

-- Create index "positions_entered" to table: "positions"
CREATE INDEX CONCURRENTLY "positions_entered" ON "positions" ("model_id", "provider", "symbol", "entry_time");
