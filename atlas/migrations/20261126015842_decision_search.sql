-- atlas:txmode none

-- Create index "decision_cycles_search" to table: "decision_cycles"
CREATE INDEX CONCURRENTLY "decision_cycles_search" ON "decision_cycles" USING gin (((setweight(to_tsvector('english'::regconfig, "left"(COALESCE(cot_trace_summary, ''::text), 10000)), 'A'::"char") || setweight(
CASE
    WHEN (length(jsonb_extract_path_text(cot_trace, VARIADIC '{}'::text[])) <= 50000) THEN to_tsvector('english'::regconfig, cot_trace)
    ELSE to_tsvector('english'::regconfig, "left"(COALESCE(jsonb_extract_path_text(cot_trace, VARIADIC '{}'::text[]), ''::text), 50000))
END, 'B'::"char"))));
-- Create index "trades_account_entered" to table: "trades"
CREATE INDEX CONCURRENTLY "trades_account_entered" ON "trades" ("competition_id", "model_id", "entry_time");
