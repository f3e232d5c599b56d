-- Code generated from package entities; DO NOT EDIT.
-- Change a struct tag and run: nof0 migrate diff NAME

CREATE TABLE "models" (
  "id" text,
  "display_name" text NOT NULL,
  "kind" text NOT NULL DEFAULT 'competitor',
  "trader_config" jsonb,
  "extra" jsonb,
  "listed_at" timestamptz NOT NULL DEFAULT now(),
  "listing" integer NOT NULL DEFAULT 0,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("id"),
  CONSTRAINT "chk_models_kind" CHECK (kind IN ('competitor', 'benchmark'))
);

CREATE TABLE "competitions" (
  "id" text,
  "name" text NOT NULL,
  "season" text,
  "mode" text,
  "starts_at" timestamptz,
  "ends_at" timestamptz,
  "status" text NOT NULL,
  "rules" jsonb,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("id"),
  CONSTRAINT "chk_competitions_status" CHECK (status IN ('upcoming', 'running', 'ended'))
);

CREATE TABLE "symbols" (
  "symbol" text,
  "quote_currency" text NOT NULL DEFAULT 'USD',
  "tick_size" double precision,
  "size_step" double precision,
  "metadata" jsonb,
  "extra" jsonb,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("symbol")
);

CREATE TABLE "price_ticks" (
  "provider" text,
  "symbol" text,
  "observed_at" timestamptz,
  "price" double precision NOT NULL,
  "extra" jsonb,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("provider","symbol","observed_at")
) PARTITION BY RANGE (observed_at);

CREATE TABLE "price_candles" (
  "provider" text,
  "symbol" text,
  "resolution" integer,
  "bucket" timestamptz,
  "open" double precision NOT NULL,
  "open_at" timestamptz NOT NULL,
  "high" double precision NOT NULL,
  "high_at" timestamptz NOT NULL,
  "low" double precision NOT NULL,
  "low_at" timestamptz NOT NULL,
  "close" double precision NOT NULL,
  "close_at" timestamptz NOT NULL,
  "rows" bigint NOT NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("provider","symbol","resolution","bucket")
);

CREATE TABLE "price_latest" (
  "provider" text,
  "symbol" text,
  "observed_at" timestamptz NOT NULL,
  "price" double precision NOT NULL,
  "extra" jsonb,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("provider","symbol")
);

CREATE TABLE "accounts" (
  "competition_id" text DEFAULT 'season-1',
  "model_id" text,
  "provider" text NOT NULL,
  "base_currency" text NOT NULL DEFAULT 'USD',
  "inception_id" text,
  "inception_at" timestamptz,
  "inception_nav" double precision,
  "invocations" bigint,
  "invocations_as_of" timestamptz,
  "positions_as_of" timestamptz,
  "statement_at" timestamptz,
  "positions_extra" jsonb,
  "standing" jsonb,
  "standing_as_of" timestamptz,
  "extra" jsonb,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("competition_id","model_id")
);

CREATE TABLE "account_equity_snapshots" (
  "competition_id" text DEFAULT 'season-1',
  "model_id" text,
  "observed_at" timestamptz,
  "since_inception_hourly_marker" bigint NOT NULL,
  "since_inception_minute_marker" bigint,
  "dollar_equity" double precision NOT NULL,
  "realized_pnl" double precision,
  "total_unrealized_pnl" double precision,
  "cum_pnl_pct" double precision,
  "sharpe_ratio" double precision,
  "run_id" text,
  "positions" jsonb,
  "extra" jsonb,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("competition_id","model_id","observed_at")
);
CREATE INDEX IF NOT EXISTS "account_equity_snapshots_account_hour" ON "account_equity_snapshots" ("competition_id","model_id","since_inception_hourly_marker","observed_at" desc);

CREATE TABLE "equity_candles" (
  "competition_id" text DEFAULT 'season-1',
  "model_id" text,
  "resolution" integer,
  "bucket" timestamptz,
  "since_inception_hourly_marker" bigint,
  "fall" double precision NOT NULL,
  "open" double precision NOT NULL,
  "open_at" timestamptz NOT NULL,
  "high" double precision NOT NULL,
  "high_at" timestamptz NOT NULL,
  "low" double precision NOT NULL,
  "low_at" timestamptz NOT NULL,
  "close" double precision NOT NULL,
  "close_at" timestamptz NOT NULL,
  "rows" bigint NOT NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("competition_id","model_id","resolution","bucket","since_inception_hourly_marker")
);
CREATE INDEX IF NOT EXISTS "equity_candles_account_hour" ON "equity_candles" ("competition_id","model_id","since_inception_hourly_marker") WHERE resolution = 3600;

CREATE TABLE "positions" (
  "competition_id" text DEFAULT 'season-1',
  "model_id" text,
  "id" text,
  "provider" text NOT NULL,
  "symbol" text NOT NULL,
  "status" text NOT NULL,
  "stated_at" timestamptz NOT NULL,
  "closed_at" timestamptz,
  "entry_oid" bigint,
  "entry_time" timestamptz,
  "entry_price" double precision NOT NULL,
  "quantity" double precision NOT NULL,
  "opened_quantity" double precision,
  "leverage" double precision,
  "margin" double precision,
  "liquidation_price" double precision,
  "current_price" double precision,
  "unrealized_pnl" double precision,
  "closed_pnl" double precision,
  "commission" double precision,
  "slippage" double precision,
  "risk_usd" double precision,
  "confidence" double precision,
  "exit_plan" jsonb,
  "index_col" jsonb,
  "wait_for_fill" boolean,
  "oid" bigint,
  "tp_oid" bigint,
  "sl_oid" bigint,
  "extra" jsonb,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("competition_id","model_id","id"),
  CONSTRAINT "chk_positions_status" CHECK (status IN ('open', 'closed'))
);
CREATE INDEX IF NOT EXISTS "positions_account_newest" ON "positions" ("competition_id","model_id","provider","entry_time","id");
CREATE INDEX IF NOT EXISTS "positions_account_entered" ON "positions" ("competition_id","model_id","provider","symbol","entry_time");
CREATE UNIQUE INDEX IF NOT EXISTS "positions_account_open" ON "positions" ("competition_id","model_id","provider","symbol") WHERE status = 'open';

CREATE TABLE "position_facts" (
  "competition_id" text DEFAULT 'season-1',
  "model_id" text,
  "kind" text,
  "ref" text,
  "position_id" text NOT NULL,
  "provider" text NOT NULL,
  "symbol" text NOT NULL,
  "observed_at" timestamptz NOT NULL,
  "seen_at" timestamptz NOT NULL,
  "entry_time" timestamptz,
  "quantity" double precision,
  "size_step" double precision,
  "state" jsonb,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("competition_id","model_id","kind","ref"),
  CONSTRAINT "chk_position_facts_kind" CHECK (kind IN ('opening', 'adjustment', 'statement', 'fill', 'found'))
);
CREATE INDEX IF NOT EXISTS "position_facts_account_unnamed" ON "position_facts" ("competition_id","model_id","provider","symbol","entry_time") WHERE entry_time IS NOT NULL;
CREATE INDEX IF NOT EXISTS "position_facts_account_position" ON "position_facts" ("competition_id","model_id","position_id");

CREATE TABLE "trades" (
  "competition_id" text DEFAULT 'season-1',
  "model_id" text,
  "id" text,
  "provider" text NOT NULL,
  "symbol" text NOT NULL,
  "side" text NOT NULL,
  "trade_type" text,
  "trade_id" text,
  "quantity" double precision NOT NULL,
  "leverage" double precision,
  "confidence" double precision,
  "entry_time" timestamptz NOT NULL,
  "entry_human_time" text,
  "entry_price" double precision NOT NULL,
  "entry_sz" double precision,
  "entry_oid" bigint,
  "entry_tid" bigint,
  "entry_crossed" boolean,
  "entry_liquidation" jsonb,
  "entry_commission_dollars" double precision,
  "entry_closed_pnl" double precision,
  "exit_time" timestamptz NOT NULL,
  "exit_human_time" text,
  "exit_price" double precision NOT NULL,
  "exit_sz" double precision,
  "exit_oid" bigint,
  "exit_tid" bigint,
  "exit_crossed" boolean,
  "exit_liquidation" jsonb,
  "exit_commission_dollars" double precision,
  "exit_closed_pnl" double precision,
  "exit_plan" jsonb,
  "realized_gross_pnl" double precision,
  "realized_net_pnl" double precision NOT NULL,
  "total_commission_dollars" double precision,
  "extra" jsonb,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("competition_id","model_id","id"),
  CONSTRAINT "chk_trades_side" CHECK (side IN ('long', 'short'))
);
CREATE INDEX IF NOT EXISTS "trades_exit_oid" ON "trades" ("exit_oid");
CREATE INDEX IF NOT EXISTS "trades_account_symbol" ON "trades" ("competition_id","model_id","symbol","side","exit_time" desc,"id" desc);
CREATE INDEX IF NOT EXISTS "trades_account_entered" ON "trades" ("competition_id","model_id","entry_time");
CREATE INDEX IF NOT EXISTS "trades_account_newest" ON "trades" ("competition_id","model_id","exit_time" desc,"id" desc);

CREATE TABLE "model_stats" (
  "competition_id" text DEFAULT 'season-1',
  "model_id" text,
  "num_trades" bigint NOT NULL DEFAULT 0,
  "num_decisions" bigint NOT NULL DEFAULT 0,
  "ingested_until" timestamptz,
  "winners_count" bigint NOT NULL DEFAULT 0,
  "winners_net_sum" numeric NOT NULL DEFAULT '0',
  "losers_count" bigint NOT NULL DEFAULT 0,
  "losers_net_sum" numeric NOT NULL DEFAULT '0',
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("competition_id","model_id")
);

CREATE TABLE "model_analytics" (
  "competition_id" text DEFAULT 'season-1',
  "model_id" text,
  "source" text,
  "payload" jsonb NOT NULL,
  "as_of" timestamptz NOT NULL,
  "server_time" timestamptz,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("competition_id","model_id","source"),
  CONSTRAINT "chk_model_analytics_payload" CHECK (jsonb_typeof(payload) = 'object'),
  CONSTRAINT "chk_model_analytics_source" CHECK (source IN ('imported', 'computed'))
);

CREATE TABLE "analytics_states" (
  "competition_id" text DEFAULT 'season-1',
  "model_id" text,
  "version" bigint NOT NULL,
  "num_trades" bigint NOT NULL,
  "num_decisions" bigint NOT NULL,
  "seen_trades" bigint NOT NULL,
  "seen_decisions" bigint NOT NULL,
  "imported_as_of" timestamptz,
  "state" jsonb NOT NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("competition_id","model_id")
);

CREATE TABLE "conversations" (
  "competition_id" text DEFAULT 'season-1',
  "id" text,
  "model_id" text NOT NULL,
  "kind" text NOT NULL,
  "topic" text,
  "last_message_at" timestamptz,
  "extra" jsonb,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("competition_id","id"),
  CONSTRAINT "chk_conversations_kind" CHECK (kind IN ('thread', 'decisions'))
);
CREATE INDEX IF NOT EXISTS "conversations_competition_newest" ON "conversations" ("competition_id","last_message_at" desc) WHERE kind = 'thread';
CREATE INDEX IF NOT EXISTS "conversations_account" ON "conversations" ("competition_id","model_id");

CREATE TABLE "conversation_messages" (
  "competition_id" text DEFAULT 'season-1',
  "conversation_id" text,
  "time" timestamptz,
  "role" text,
  "content_digest" text,
  "sequence" bigint NOT NULL,
  "content" text NOT NULL,
  "metadata" jsonb,
  "extra" jsonb,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("competition_id","conversation_id","time","role","content_digest"),
  CONSTRAINT "chk_conversation_messages_role" CHECK (role IN ('system', 'user', 'assistant'))
);

CREATE TABLE "decision_cycles" (
  "competition_id" text DEFAULT 'season-1',
  "model_id" text,
  "id" text,
  "executed_at" timestamptz NOT NULL,
  "inserted_at" timestamptz,
  "cycle_id" bigint,
  "run_id" text,
  "skill" text,
  "user_prompt" text,
  "prompt_digest" text,
  "cot_trace" jsonb,
  "cot_trace_summary" text,
  "decisions" jsonb,
  "success" boolean NOT NULL,
  "error" text,
  "extra" jsonb,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("competition_id","model_id","id")
);
CREATE INDEX IF NOT EXISTS "decision_cycles_search" ON "decision_cycles" USING gin((setweight(to_tsvector('english', left(COALESCE(cot_trace_summary, ''), 10000)), 'A') || setweight(CASE WHEN length(jsonb_extract_path_text(cot_trace, VARIADIC '{}')) <= 50000 THEN to_tsvector('english', cot_trace) ELSE to_tsvector('english', left(COALESCE(jsonb_extract_path_text(cot_trace, VARIADIC '{}'), ''), 50000)) END, 'B')));
CREATE INDEX IF NOT EXISTS "decision_cycles_competition_newest" ON "decision_cycles" ("competition_id","executed_at" desc,"id" desc);
CREATE INDEX IF NOT EXISTS "decision_cycles_account_newest" ON "decision_cycles" ("competition_id","model_id","executed_at" desc,"id" desc);

CREATE TABLE "trader_state" (
  "trader_id" text,
  "exchange_provider" text,
  "market_provider" text,
  "allocation_pct" double precision,
  "cooldown" jsonb,
  "risk_guards" jsonb,
  "last_decision_at" timestamptz,
  "pause_until" timestamptz,
  "extra" jsonb,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("trader_id")
);

CREATE TABLE "market_assets" (
  "provider" text,
  "symbol" text,
  "size_decimals" bigint,
  "max_leverage" double precision,
  "only_isolated" boolean,
  "margin_table_id" bigint,
  "is_delisted" boolean,
  "extra" jsonb,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("provider","symbol")
);

CREATE TABLE "market_asset_ctx" (
  "provider" text,
  "symbol" text,
  "observed_at" timestamptz NOT NULL,
  "funding" double precision,
  "open_interest" double precision,
  "oracle_price" double precision,
  "mark_price" double precision,
  "mid_price" double precision,
  "impact_prices" jsonb,
  "prev_day_price" double precision,
  "day_notional" double precision,
  "day_base_volume" double precision,
  "extra" jsonb,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("provider","symbol")
);

CREATE TABLE "outbox_events" (
  "id" bigserial,
  "aggregate" text NOT NULL,
  "model_id" text NOT NULL,
  "competition_id" text NOT NULL DEFAULT 'season-1',
  "type" text NOT NULL,
  "payload" jsonb NOT NULL,
  "sequence" bigint,
  "relayed_at" timestamptz,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("id")
);
CREATE INDEX IF NOT EXISTS "outbox_events_relayed_at" ON "outbox_events" ("relayed_at");
CREATE UNIQUE INDEX IF NOT EXISTS "outbox_events_sequence" ON "outbox_events" ("sequence");
CREATE INDEX IF NOT EXISTS "outbox_events_unrelayed" ON "outbox_events" ("model_id","id") WHERE relayed_at IS NULL;

CREATE TABLE "idempotency_keys" (
  "token_id" text,
  "key" text,
  "request_digest" text NOT NULL,
  "status" bigint NOT NULL,
  "body" bytea NOT NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("token_id","key")
);

CREATE TABLE "rollout_switches" (
  "domain" text,
  "read_mode" text NOT NULL,
  "write_mode" text NOT NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("domain"),
  CONSTRAINT "chk_rollout_switches_read_mode" CHECK (read_mode IN ('json', 'shadow', 'store')),
  CONSTRAINT "chk_rollout_switches_write_mode" CHECK (write_mode IN ('json', 'both', 'store'))
);

CREATE TABLE "rollout_changes" (
  "id" bigserial,
  "domain" text NOT NULL,
  "read_from" text NOT NULL,
  "read_to" text NOT NULL,
  "write_from" text NOT NULL,
  "write_to" text NOT NULL,
  "changed_by" text NOT NULL,
  "reason" text NOT NULL,
  "forced" boolean NOT NULL DEFAULT false,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("id")
);
CREATE INDEX IF NOT EXISTS "rollout_changes_domain" ON "rollout_changes" ("domain");

CREATE TABLE "parity_runs" (
  "id" bigserial,
  "domain" text NOT NULL,
  "ran_at" timestamptz NOT NULL,
  "verdict" text NOT NULL,
  "counts" jsonb NOT NULL,
  "differences" jsonb NOT NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("id")
);
CREATE INDEX IF NOT EXISTS "parity_runs_newest" ON "parity_runs" ("domain","ran_at" desc);

CREATE TABLE "corrections" (
  "id" bigserial,
  "competition_id" text NOT NULL DEFAULT 'season-1',
  "kind" text NOT NULL,
  "model_id" text NOT NULL,
  "fact_id" text NOT NULL,
  "action" text NOT NULL,
  "before" jsonb,
  "after" jsonb,
  "reason" text NOT NULL,
  "actor" text NOT NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("id"),
  CONSTRAINT "chk_corrections_action" CHECK (action IN ('void', 'replace')),
  CONSTRAINT "chk_corrections_kind" CHECK (kind IN ('trade', 'equity', 'decision'))
);
CREATE INDEX IF NOT EXISTS "corrections_account_fact" ON "corrections" ("competition_id","kind","model_id","fact_id","id" desc);

CREATE TABLE "json_mirror" (
  "domain" text,
  "sequence" bigint NOT NULL,
  "mirrored_at" timestamptz NOT NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("domain")
);

CREATE TABLE "store_identity" (
  "id" text DEFAULT (gen_random_uuid())::text,
  "untagged_until" timestamptz,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("id")
);
ALTER TABLE "conversation_messages" ADD CONSTRAINT "fk_conversation_messages_conversation" FOREIGN KEY ("competition_id","conversation_id") REFERENCES "conversations"("competition_id","id") ON DELETE CASCADE;
